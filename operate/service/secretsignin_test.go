//go:build unix

package service

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/audit"
	"culvert/access/onetime"
	"culvert/access/password"
	"culvert/access/pki"
	"culvert/access/users"
	"culvert/operate/handover"
	"culvert/operate/manage/api"
	"culvert/operate/manage/tokens"
	"culvert/operate/people"
	"culvert/operate/setup"
)

// freeTCP is a port of 127.0.0.1 for TCP.
func freeTCP(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestSignInStaysOut: right and wrong passwords with codes, as static and dynamic challenges
// have them, tokens of the API and links for profiles are not in what a server or a client logs, at
// any level and in any form.
func TestSignInStaysOut(t *testing.T) {
	const good, wrong, answer, state = "correct-Horse-77", "wrong-Battery-88", "wrong-Answer-44", "wrong-State-33"
	dir, now := filepath.Join(t.TempDir(), "server"), time.Now()
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "localhost", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	s, _, err := people.Serve(dir)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := onetime.NewSecret(rand.Reader)
	hashed, err2 := password.Hash(rand.Reader, good, password.Default)
	ways, err3 := users.ParseWays("password+code")
	book := users.NewBook(s, time.Now)
	if err := errors.Join(err, err2, err3, book.AddGroup(t.Context(), users.Group{Name: "staff", Require: ways}),
		book.AddUser(t.Context(), users.User{Name: "anna", Groups: []string{"staff"}, Password: hashed.String(), TOTP: &users.TOTP{Secret: secret, Confirmed: true, Enrolled: now}})); err != nil {
		t.Fatal(err)
	}
	_, token, err := tokens.Add(t.Context(), s, now, "reader", api.Read, time.Time{}, "test")
	link, err2 := handover.Make(t.Context(), s, now, "phone.anna", []byte("client\n"), time.Hour)
	if err := errors.Join(err, err2, s.Close()); err != nil {
		t.Fatal(err)
	}
	authority, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	own, err := authority.IssueServer(rand.Reader, now, "server", 0)
	anna, err2 := authority.IssueClient(rand.Reader, now, "anna", 0)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	keys := func(p pki.Pair) string {
		return block("ca", authority.CertPEM()) + block("cert", p.CertPEM) + block("key", p.KeyPEM)
	}
	port, web, far := freeTCP(t), freeTCP(t), freeTCP(t)
	server := workAloud(t, "server", fmt.Sprintf("local 127.0.0.1\nproto tcp-server\nport %d\nserver 10.8.0.0 255.255.255.0\ndev tun\nverb 11\nweb-listen 127.0.0.1:%d\nweb-url https://localhost:%d\napi-listen 127.0.0.1:%d\n", port, web, web, far)+keys(own),
		Options{UserSpace: true, StateDir: filepath.Join(t.TempDir(), "state"), Dir: dir, AuditLog: filepath.Join(dir, audit.Name)})
	server.until("serving in user space")
	said := ""
	code := onetime.At(secret, time.Now())
	b64 := base64.StdEncoding.EncodeToString
	const unanswered, up, refused = "the server's question is not answered", "Initialization Sequence Completed", "AUTH_FAILED"
	static := func(password, code string) string { return "SCRV1:" + b64([]byte(password)) + ":" + b64([]byte(code)) }
	for _, c := range []struct{ text, says string }{
		{wrong, refused}, {good, unanswered}, {static(wrong, answer), refused}, {static(good, answer), unanswered},
		{"CRV1::" + state + "::" + answer, refused}, {static(good, code), up},
	} {
		login := filepath.Join(t.TempDir(), "login")
		if err := os.WriteFile(login, []byte("anna\n"+c.text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		w := workAloud(t, "anna.ovpn", fmt.Sprintf("client\nproto tcp-client\ndev tun\nverb 11\nremote 127.0.0.1 %d\nremote-cert-tls server\nconnect-retry 1 1\nconnect-retry-max 1\nauth-user-pass %s\n", port, login)+keys(anna),
			Options{UserSpace: true, SOCKS: "127.0.0.1:0", HTTP: "127.0.0.1:0", StateDir: filepath.Join(t.TempDir(), "client")})
		if c.says == refused {
			said += w.fails()
			continue
		}
		w.until(c.says)
		w.exit()
		said += w.written.text()
	}
	ask := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer ask.CloseIdleConnections()
	get := func(url, token string) int {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := ask.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	status := "https://" + net.JoinHostPort("127.0.0.1", fmt.Sprint(far)) + "/v1/status"
	const guess = "guessed-Token-22"
	if right, bad := get(status, token), get(status, guess); right != 200 || bad != 401 {
		t.Errorf("the API answers a token by %d, another by %d", right, bad)
	}
	base := "https://" + net.JoinHostPort("127.0.0.1", fmt.Sprint(web))
	get(handover.Link(base, link), "")
	get(handover.Link(base, "guessed-Link-11"), "")
	server.exit()
	audited, err := os.ReadFile(filepath.Join(dir, audit.Name))
	if err != nil {
		t.Error(err)
	}
	said += server.written.text() + string(audited)
	for _, way := range []string{unanswered, up, refused, `"level":"debug"`} {
		if !strings.Contains(said, way) {
			t.Errorf("nothing was said of %q, so that this shows little:\n%s", way, said)
		}
	}
	keepsOut(t, said, good, wrong, answer, state, code, string(secret), base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret), token, guess, link, "guessed-Link-11", hashed.String())
}
