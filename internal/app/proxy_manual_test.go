package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/test/rig"
)

// snippet is what the manual shows from the line that begins with first to the end of
// the block, with its words replaced by those of the test.
func snippet(t *testing.T, first string, words ...string) string {
	t.Helper()
	manual, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	_, rest, found := strings.Cut(string(manual), "\n    "+first)
	if !found {
		t.Fatalf("the manual has no block that begins with %q", first)
	}
	var b strings.Builder
	for line := range strings.Lines("    " + first + rest) {
		if !strings.HasPrefix(line, "    ") && line != "\n" {
			break
		}
		b.WriteString(line)
	}
	text := b.String()
	for i := 0; i < len(words); i += 2 {
		if !strings.Contains(text, words[i]) {
			t.Fatalf("the block does not say %q", words[i])
		}
		text = strings.ReplaceAll(text, words[i], words[i+1])
	}
	return text
}

const name = "desk.example.com"

// front is a proxy as the manual shows it: its command, given what it passes on to,
// where it listens, and files with a certificate and its key.
type proxyCommand func(t *testing.T, dir, to, at, cert, key string) *exec.Cmd

var proxies = map[string]proxyCommand{
	"nginx": func(t *testing.T, dir, to, at, cert, key string) *exec.Cmd {
		config := "daemon off; pid pid; error_log stderr; events {} http { access_log off;\n" +
			"client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n" +
			snippet(t, "upstream afterbeep {", "127.0.0.1:8080", to, "listen 443 ssl", "listen "+at+" ssl",
				"/etc/ssl/"+name+".pem", cert, "/etc/ssl/"+name+".key", key) + "}\n"
		must(t, os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(config), 0o600))
		return exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", "nginx.conf")
	},
	"caddy": func(t *testing.T, dir, to, at, cert, key string) *exec.Cmd {
		_, port, err := net.SplitHostPort(at)
		must(t, err)
		config := "{\n admin off\n auto_https disable_redirects\n skip_install_trust\n}\n" +
			snippet(t, name+" {", name+" {", name+":"+port+" {\n bind 127.0.0.1\n tls "+cert+" "+key, "127.0.0.1:8080", to)
		file := filepath.Join(dir, "Caddyfile")
		must(t, os.WriteFile(file, []byte(config), 0o600))
		cmd := exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", file)
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		return cmd
	},
}

// What operators are told to paste is pasted, and staff and programs come through.
func TestTheProxiesOfTheManualPassOnWhoAsksAndWhatIsLive(t *testing.T) {
	for program, command := range proxies {
		t.Run(program, func(t *testing.T) {
			t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
			rig.Need(t, program)
			at := free(t)
			s := settings(t)
			s.Proxy.Trusted, s.Staff.URL = "127.0.0.1", "https://"+name
			a, err := Open(t.Context(), s)
			must(t, err)
			defer a.Close()
			by := Operator(desk.DefaultTenant)
			_, _, err = a.People().Create(t.Context(), &by, desk.Person{Login: "ann", Name: "Ann", Locale: "en", Role: desk.RoleAdministrator}, "blue tram under quiet moss")
			must(t, err)
			_, key, err := a.Keys().Create(t.Context(), &by, "test", []desk.Permission{desk.ThreadsSee, desk.MessagesWrite})
			must(t, err)
			ch := desk.Channel{Tenant: 1, ID: NewChannelID(time.Now()), Name: "Website", Locale: "en_GB", Region: "GB", TextLimit: 4000}
			must(t, a.Store.AddChannel(t.Context(), ch))
			to := strings.TrimPrefix(served(t, s), "http://")
			c := through(t, command, to, at)

			for password, want := range map[string]int{"wrong": http.StatusUnauthorized, "blue tram under quiet moss": http.StatusSeeOther} {
				r, err := http.NewRequest(http.MethodPost, "https://"+name+"/sign-in", strings.NewReader("login=ann&password="+strings.ReplaceAll(password, " ", "+")))
				must(t, err)
				r.Header = http.Header{
					"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://" + name},
					"X-Forwarded-For": {"198.51.100.66"}, "Forwarded": {"for=198.51.100.66"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"http"},
				}
				res, err := c.Do(r)
				must(t, err)
				must(t, res.Body.Close())
				cookie := res.Header.Get("Set-Cookie")
				if res.StatusCode != want || want == http.StatusSeeOther && (!strings.HasPrefix(cookie, "__Host-") || !strings.Contains(cookie, "; Secure")) {
					t.Errorf("signing in with %q: %s %q, want %d", password, res.Status, cookie, want)
				}
			}
			deeds, err := a.Store.Deeds(t.Context(), 1, desk.DeedQuery{Limit: 10})
			must(t, err)
			for _, d := range deeds {
				if strings.HasPrefix(d.Action, "signin.") && d.Address != "127.0.0.2" {
					t.Errorf("%s is said to come from %s", d.Action, d.Address)
				}
			}
			live(t, c, key, ch.ID)
		})
	}
}

// live fails unless a message that is left is in an open stream while that goes on.
func live(t *testing.T, c *http.Client, key string, ch desk.ChannelID) {
	t.Helper()
	ask := func(ctx context.Context, method, path, accept, body string) *http.Response {
		r, err := http.NewRequestWithContext(ctx, method, "https://"+name+path, strings.NewReader(body))
		must(t, err)
		r.Header = http.Header{"Authorization": {"Bearer " + key}, "Accept": {accept}, "Content-Type": {"application/json"}}
		res, err := c.Do(r)
		must(t, err)
		if res.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, path, res.Status)
		}
		return res
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	stream := ask(ctx, http.MethodGet, "/v1/events/stream?after=0", "text/event-stream", "")
	defer stream.Body.Close()
	must(t, ask(t.Context(), http.MethodPost, "/v1/channels/"+ch.String()+"/messages", "application/json", `{"caller":"+44 20 7946 0018","text":"hello"}`).Body.Close())
	for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), desk.MessageLeft) {
			return
		}
	}
	t.Error("the stream is held back by the proxy")
}

// through runs the proxy, and gives a client whose address is 127.0.0.2.
func through(t *testing.T, command proxyCommand, to, at string) *http.Client {
	t.Helper()
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	var said bytes.Buffer
	cmd := command(t, dir, to, at, cert, key)
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificate is the test's own
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			return d.DialContext(ctx, "tcp", at)
		},
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for {
		c, err := net.Dial("tcp", at)
		if err == nil {
			must(t, c.Close())
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the proxy ended: %v\n%s", err, said.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// certificate writes the one that net/http's own tests have, and its key.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	pair := s.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	must(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return cert, key
}
