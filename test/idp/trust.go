package idp

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
)

// Trust lets the whole process trust providers, as an operator does whose
// provider has a certificate of the house: with SSL_CERT_FILE. It must be called
// before the first certificate is looked at. The returned function clears up.
func Trust() (end func(), err error) {
	s := httptest.NewTLSServer(http.NotFoundHandler()) // they all have the same one
	defer s.Close()
	f, err := os.CreateTemp("", "afterbeep-idp-*.pem")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(f.Name()) }, os.Setenv("SSL_CERT_FILE", f.Name())
}
