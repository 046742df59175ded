package people_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// forms are the ways in which a secret could lie in a file.
func forms(s string) [][]byte {
	b := []byte(s)
	return [][]byte{
		b, []byte(hex.EncodeToString(b)), []byte(strings.ToUpper(hex.EncodeToString(b))),
		[]byte(base64.RawStdEncoding.EncodeToString(b)), []byte(base64.RawURLEncoding.EncodeToString(b)), []byte(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)),
	}
}

// found lists the files below a folder in which one of the secrets lies.
func found(t *testing.T, folder string, secrets map[string]string) (hits map[string]string, files int) {
	t.Helper()
	hits = map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a file of a running database may go away
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		for what, secret := range secrets {
			for _, form := range forms(secret) {
				if bytes.Contains(raw, form) {
					hits[what] = path
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return hits, files
}

// C8: what somebody could sign in with lies in no file of the database, its logs
// of changes included, and in no line of our log.
func TestSecretsAreNotReadableAtRest(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		totp, recovery := w.factor(&in)
		rawTOTP, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(totp)
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := w.keys.Create(w.ctx, &w.boss, "shop", []desk.Permission{desk.ThreadsSee})
		if err != nil {
			t.Fatal(err)
		}
		_, invite, err := w.Create(w.ctx, &w.boss, desk.Person{Login: "new", Name: "New", Role: desk.RoleAgent, Locale: "en"}, "")
		if err != nil {
			t.Fatal(err)
		}
		const typo = "my-password-where-the-login-belongs"
		_, err = w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: typo, Password: typo + "2"}, w.browser())
		w.wantCode(err, "signin_wrong")
		raw := func(text, before string) string {
			b, err := base64.RawURLEncoding.DecodeString(text[strings.LastIndex(text, before)+1:])
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		secrets := map[string]string{
			"password": phrase, "a login that is a password": typo,
			"session cookie": in.Cookie[2:], "session secret": raw(in.Cookie, "."),
			"device cookie": in.Device[2:], "API key": key[len("abk_1_1_"):], "API key's secret": raw("."+key[len("abk_1_1_"):], "."),
			"link": invite[2:], "link's secret": raw(invite, "."), "TOTP secret": totp, "TOTP secret, raw": string(rawTOTP),
			"recovery code": recovery[0], "recovery code, as read": strings.ReplaceAll(recovery[1], "-", ""),
			"the control": "N ann", // a name, which must be found or this test looks in the wrong place
		}
		folder := w.folder
		if folder == "" {
			folder = cluster.Shared(t).Data()
		}
		hits, files := found(t, folder, secrets)
		if hits["the control"] == "" {
			t.Fatalf("the control is in none of %d files", files)
		}
		delete(hits, "the control")
		for what, path := range hits {
			t.Errorf("%s lies in %s", what, filepath.Base(path))
		}
		for what, secret := range secrets {
			if what != "the control" && strings.Contains(w.log.String(), secret) {
				t.Errorf("%s is in the log", what)
			}
		}
	})
}

// With a secret of the installation that is not in the database, the database
// alone opens nothing.
func TestTheDatabaseAloneDoesNotOpenWhatWasSealedWithAnOwnSecret(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		own := people.NewVault(w.store, []byte("kept elsewhere"), w.now)
		sealed, err := own.Seal(w.ctx, 1, "test", "row 1", []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := people.NewVault(w.store, []byte("kept elsewhere"), w.now).Open(w.ctx, 1, "test", "row 1", sealed); err != nil || string(got) != "secret" {
			t.Fatal(string(got), err)
		}
		for name, open := range map[string]func() ([]byte, error){
			"the database alone": func() ([]byte, error) { return w.vault.Open(w.ctx, 1, "test", "row 1", sealed) },
			"another row":        func() ([]byte, error) { return own.Open(w.ctx, 1, "test", "row 2", sealed) },
			"another purpose":    func() ([]byte, error) { return own.Open(w.ctx, 1, "other", "row 1", sealed) },
			"a changed byte": func() ([]byte, error) {
				return own.Open(w.ctx, 1, "test", "row 1", append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1))
			},
			"nothing": func() ([]byte, error) { return own.Open(w.ctx, 1, "test", "row 1", nil) },
		} {
			if got, err := open(); err == nil {
				t.Errorf("%s opens it: %q", name, got)
			}
		}
	})
}

func TestNothingCanBeTakenBackFromTheAuditLogByUs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		a := w.boss
		for range 3 {
			if err := w.Audit(w.ctx, w.store, &a, people.Done{Action: desk.NumberShown, Object: "thread:1", Data: map[string]any{"why": "call"}}); err != nil {
				t.Fatal(err)
			}
			w.pass(time.Second)
		}
		trail, err := w.store.AuditTrail(w.ctx, 1, nil)
		if err != nil || trail.Rows != 3 || len(trail.Flaws) > 0 {
			t.Fatalf("%+v, %v", trail, err)
		}
	})
}
