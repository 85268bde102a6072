package management

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/role/client"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// result is what a question came to.
type result[T any] struct {
	answer T
	err    error
}

// later asks on a goroutine.
func later[T any](f func() (T, error)) chan result[T] {
	done := make(chan result[T], 1)
	go func() {
		answer, err := f()
		done <- result[T]{answer, err}
	}()
	return done
}

func expect[T any](t *testing.T, done chan result[T], want T) {
	t.Helper()
	if got := <-done; got.err != nil || !reflect.DeepEqual(got.answer, want) {
		t.Errorf("answered %+v, %v; want %+v", got.answer, got.err, want)
	}
}

// aClient is a back end with a client's controls.
type aClient struct {
	backend.Backend
	controls client.Controls
}

func (c aClient) Controls() client.Controls { return c.controls }

func newClient(t *testing.T) aClient {
	t.Helper()
	c, err := config.ParseFile("c.ovpn", []byte("client\ndev null\nremote a.example 1194 udp\nremote b.example 443 tcp\nremote 192.0.2.3 5 udp4\nauth-user-pass\npeer-fingerprint "+strings.Repeat("ab:", 31)+"ab\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	role, err := client.New(c, client.Options{Log: quiet(nil).Log, Ask: func(string, bool) (string, error) { return "", errors.New("no") }})
	if err != nil {
		t.Fatal(err)
	}
	return aClient{backendtest.New(), role.Controls()}
}

// TestLogin: a question for user name and password, in OpenVPN's bytes, and what is
// answered to commands that do not fit.
func TestLogin(t *testing.T) {
	i, d := open(t, config.Management{})
	d.say(`username "Auth" foo`)
	d.want("ERROR: no username is currently needed at this time")
	q := profile.Question{Realm: profile.RealmLogin, Username: true, Password: true}
	done := later(func() (profile.Answer, error) { return i.Desk().Ask(t.Context(), q) })
	d.want(">PASSWORD:Need 'Auth' username/password")
	d.say(`password "Private Key" foo`)
	d.want("ERROR: password of type 'Private Key' entered, but we need one of type 'Auth'")
	d.say("password Auth")
	d.want("ERROR: the 'password' command requires 2 parameters")
	d.say(`username "Auth" "jo\"e"`)
	d.want("SUCCESS: 'Auth' username entered, but not yet verified")
	d.say(`password "Auth" "a b\\c"`)
	d.want("SUCCESS: 'Auth' password entered, but not yet verified")
	expect(t, done, profile.Answer{Username: `jo"e`, Password: `a b\c`})
	d.say(`password "Auth" again`)
	d.want("ERROR: no password is currently needed at this time")

	done = later(func() (profile.Answer, error) {
		return i.Desk().Ask(t.Context(), profile.Question{Realm: profile.RealmKey, Password: true})
	})
	d.want(">PASSWORD:Need 'Private Key' password")
	d.say(`username "Private Key" foo`)
	d.want("ERROR: no username is currently needed at this time")
	d.say("version 5")
	d.want("SUCCESS: Management client version set to 5")
	d.say("password 'Private Key'\nc2Vj\ncmV0\nEND")
	d.want("SUCCESS: 'Private Key' password entered, but not yet verified")
	expect(t, done, profile.Answer{Password: "secret"})
	for _, bad := range []string{"?", "YQBi", "YQpi"} {
		d.say("password Auth\n" + bad + "\nEND")
		d.want("ERROR: the lines after 'password' are no password in base64")
	}

	i.Desk().Refused(profile.RealmLogin, "")
	i.Desk().Refused(profile.RealmLogin, "CRV1:R,E:abc:am9l:PIN\r\n>HOLD:no")
	i.Desk().TokenGiven("SESS_ID")
	i.Desk().Info("WEB_AUTH::https://sso.example/?x=1")
	d.want(">PASSWORD:Verification Failed: 'Auth'", ">PASSWORD:Verification Failed: 'Auth' ['CRV1:R,E:abc:am9l:PIN  >HOLD:no']",
		">PASSWORD:Auth-Token:SESS_ID", ">INFOMSG:WEB_AUTH::https://sso.example/?x=1")
}

func TestNeeds(t *testing.T) {
	both := profile.Question{Realm: profile.RealmLogin, Username: true, Password: true}
	static := both
	static.Challenge = &config.StaticChallenge{Text: "PIN, please", Echo: true}
	concat := both
	concat.Challenge = &config.StaticChallenge{Text: "PIN", Concat: true}
	for _, c := range []struct {
		q       profile.Question
		version int
		want    string
	}{
		{both, 1, ">PASSWORD:Need 'Auth' username/password"},
		{static, 1, ">PASSWORD:Need 'Auth' username/password SC:1,PIN, please"},
		{concat, 1, ">PASSWORD:Need 'Auth' username/password SC:2,PIN"},
		{profile.Question{Realm: profile.RealmLogin, Username: true}, 3, ">PASSWORD:Need 'Auth' username/password"},
		{profile.Question{Realm: profile.RealmLogin, Username: true}, 4, ">PASSWORD:Need 'Auth' username"},
		{profile.Question{Realm: profile.RealmHTTPProxy, Username: true, Password: true}, 5, ">PASSWORD:Need 'HTTP Proxy' username/password"},
	} {
		if got := needs(c.q, c.version); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestSeveralReaders: all are asked, also one that comes later; the first whole answer
// counts, and nobody sees another's.
func TestSeveralReaders(t *testing.T) {
	i, a := open(t, config.Management{})
	b := connect(t, i)
	b.say("log on all")
	b.want("SUCCESS: real-time log notification set to ON", "END")
	q := profile.Question{Realm: profile.RealmLogin, Username: true, Password: true}
	done := later(func() (profile.Answer, error) { return i.Desk().Ask(t.Context(), q) })
	const need = ">PASSWORD:Need 'Auth' username/password"
	a.want(need)
	b.want(need)
	c := connect(t, i)
	c.want(need)
	a.say("username Auth ann")
	a.want("SUCCESS: 'Auth' username entered, but not yet verified")
	b.say("username Auth bob\npassword Auth two")
	b.want("SUCCESS: 'Auth' username entered, but not yet verified", "SUCCESS: 'Auth' password entered, but not yet verified")
	expect(t, done, profile.Answer{Username: "bob", Password: "two"})
	a.say("password Auth one")
	a.want("ERROR: no password is currently needed at this time")
	c.say("hold")
	c.want("SUCCESS: hold=0")
	late := connect(t, i)
	late.say("hold")
	late.want("SUCCESS: hold=0")
}

// TestEndOfQuestion: a question ends with its context, and the next one can be asked.
func TestEndOfQuestion(t *testing.T) {
	i, d := open(t, config.Management{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("a restart")
	done := later(func() ([]byte, error) { return i.Desk().Certificate(ctx, "h") })
	waits := later(func() ([]byte, error) { return i.Desk().Certificate(ctx, "other") })
	line, err := d.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, ">NEED-CERTIFICATE:") {
		t.Fatalf("got %q, %v", line, err)
	}
	cancel(why)
	for _, r := range []chan result[[]byte]{done, waits} {
		if got := <-r; !errors.Is(got.err, why) {
			t.Errorf("ended by %v", got.err)
		}
	}
	d.say("certificate")
	d.want("ERROR: The certificate command is not currently available")
	next := later(func() ([]byte, error) { return i.Desk().Certificate(t.Context(), "again") })
	d.want(">NEED-CERTIFICATE:again")
	d.say("certificate\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nEND")
	d.want("SUCCESS: certificate command succeeded")
	expect(t, next, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
}

// TestSign: the words depend on the version that a reader announced, also when it does
// so after it was asked.
func TestSign(t *testing.T) {
	i, d := open(t, config.Management{})
	d.say("pk-sig")
	d.want("ERROR: The pk-sig command is not currently available")
	const algorithm = "RSA_PKCS1_PSS_PADDING,hashalg=SHA256,saltlen=digest"
	done := later(func() ([]byte, error) { return i.Desk().Sign(t.Context(), []byte("abc"), algorithm) })
	d.want(">RSA_SIGN:YWJj")
	d.say("version 2")
	d.want(">PK_SIGN:YWJj")
	d.say("version 3")
	d.want(">PK_SIGN:YWJj," + algorithm)
	d.say("pk-sig\n!\nEND")
	d.want("ERROR: pk-sign command failed")
	d.say("pk-sig\nc2ln\nbmF0dXJl\nEND")
	d.want("SUCCESS: pk-sign command succeeded")
	expect(t, done, []byte("signature"))
	old := connect(t, i)
	done = later(func() ([]byte, error) { return i.Desk().Sign(t.Context(), []byte("abc"), "RSA_PKCS1_PADDING") })
	old.want(">RSA_SIGN:YWJj")
	d.want(">PK_SIGN:YWJj,RSA_PKCS1_PADDING")
	old.say("rsa-sig\nYQ==\nEND")
	old.want("SUCCESS: rsa-sig command succeeded")
	expect(t, done, []byte("a"))
}

// TestRemoteAndProxy: the two questions about where a client connects to.
func TestRemoteAndProxy(t *testing.T) {
	i, d := open(t, config.Management{})
	for _, command := range []string{"remote", "proxy"} {
		d.say(command + " NONE")
		d.want("ERROR: The '" + command + "' command is not supported by the current daemon mode")
	}
	i.Attach(newClient(t))
	d.say("remote ACCEPT\nproxy NONE\nproxy FOO a 1\nremote")
	d.want("ERROR: remote command failed", "SUCCESS: proxy command succeeded", "ERROR: proxy command failed", "ERROR: the 'remote' command requires at least 1 parameter")
	remote := config.Remote{Host: "vpn.example", Port: "1194", Proto: config.Proto{TCP: true, Family: 4}}
	for answer, want := range map[string]reach.Choice{
		"ACCEPT": {}, "SKIP": {Skip: 1}, "SKIP 3": {Skip: 3}, "MOD other.example 443": {Host: "other.example", Port: "443"},
	} {
		done := later(func() (reach.Choice, error) { return i.Desk().Remote(t.Context(), remote) })
		d.want(">REMOTE:vpn.example,1194,tcp4-client")
		d.say("remote FOO\nremote MOD\nremote SKIP 0\nremote " + answer)
		d.want("ERROR: remote command failed", "ERROR: remote command failed", "ERROR: remote command failed", "SUCCESS: remote command succeeded")
		expect(t, done, want)
	}
	for answer, want := range map[string]reach.Proxy{
		"NONE": {}, "HTTP p 8080": {Kind: reach.ThroughHTTP, Host: "p", Port: "8080"}, "HTTP p 8080 nct": {Kind: reach.ThroughHTTP, Host: "p", Port: "8080", NoClear: true},
		"SOCKS fe00::1 1080": {Kind: reach.ThroughSOCKS, Host: "fe00::1", Port: "1080"},
	} {
		done := later(func() (reach.Proxy, error) { return i.Desk().Proxy(t.Context(), 2, remote) })
		d.want(">PROXY:2,TCP,vpn.example")
		d.say("proxy " + answer)
		d.want("SUCCESS: proxy command succeeded")
		expect(t, done, want)
	}
	d.say("remote-entry-count\nremote-entry-get all\nremote-entry-get 1\nremote-entry-get 1 9\nremote-entry-get 7")
	d.want("3", "END", "0,a.example,1194,udp,enabled", "1,b.example,443,tcp-client,enabled", "2,192.0.2.3,5,udp4,enabled", "END",
		"1,b.example,443,tcp-client,enabled", "END", "1,b.example,443,tcp-client,enabled", "2,192.0.2.3,5,udp4,enabled", "END", "END")
}

// TestAuthRetry: it is shown and set, also before there is a client.
func TestAuthRetry(t *testing.T) {
	i, d := open(t, config.Management{})
	d.say("auth-retry\nauth-retry foo\nauth-retry interact\nauth-retry")
	d.want("SUCCESS: auth-retry=none", "--auth-retry method must be 'interact', 'nointeract', or 'none'", "ERROR: bad auth-retry parameter", "SUCCESS: auth-retry parameter changed", "SUCCESS: auth-retry=interact")
	c := newClient(t)
	i.Attach(c)
	d.say("auth-retry")
	d.want("SUCCESS: auth-retry=interact")
	if got := c.controls.AuthRetry(); got != config.AuthRetryInteract {
		t.Errorf("the client has %v", got)
	}
	d.say("auth-retry nointeract\nforget-passwords\ncr-response Zm9v")
	d.want("SUCCESS: auth-retry parameter changed", "SUCCESS: Passwords were forgotten", "ERROR: command failed")
	if got := c.controls.AuthRetry(); got != config.AuthRetryNoInteract {
		t.Errorf("the client has %v", got)
	}
}

func TestCertificateForms(t *testing.T) {
	const pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	for _, lines := range []string{pem, "MAA=", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BQT0KLS0tLS1F\nTkQgQ0VSVElGSUNBVEUtLS0tLQo="} {
		if got := string(certificate(strings.Split(strings.TrimSuffix(lines, "\n"), "\n"))); got != pem {
			t.Errorf("%q gives %q", lines, got)
		}
	}
	if got := string(certificate([]string{"no base64?"})); got != "no base64?\n" {
		t.Errorf("got %q", got)
	}
}

// TestShown: no secret is in what the log shows of a command, however it is written.
func TestShown(t *testing.T) {
	for line, want := range map[string]string{
		`password "Auth" hunter2`:       "password [...]",
		` 'password'  Auth "hunter2"`:   "password [...]",
		"password Auth":                 "password [...]",
		"cr-response aHVudGVyMg==":      "cr-response [...]",
		`username "Auth" ada`:           `username "Auth" ada`,
		"needstr password not-a-secret": "needstr password not-a-secret",
	} {
		words, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(words, line); got != want {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
}

// TestSecretsStay: what one reader answers reaches neither the others nor the log.
func TestSecretsStay(t *testing.T) {
	var log strings.Builder
	p := quiet(nil)
	p.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	i, err := Open(config.Management{Unix: true, Address: filepath.Join(t.TempDir(), "s")}, p)
	if err != nil {
		t.Fatal(err)
	}
	a, b := connect(t, i), connect(t, i)
	b.say("log on all")
	b.want("SUCCESS: real-time log notification set to ON", "END")
	done := later(func() (profile.Answer, error) {
		return i.Desk().Ask(t.Context(), profile.Question{Realm: profile.RealmKey, Password: true})
	})
	for _, d := range []*dialog{a, b} {
		d.want(">PASSWORD:Need 'Private Key' password")
	}
	a.say("version 5\npassword \"Private Key\"\naHVudGVyMg==\nEND")
	a.want("SUCCESS: Management client version set to 5", "SUCCESS: 'Private Key' password entered, but not yet verified")
	expect(t, done, profile.Answer{Password: "hunter2"})
	b.say("pid")
	if line, err := b.in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "SUCCESS: pid=") {
		t.Errorf("the other reader got %q, %v", line, err)
	}
	i.Close(nil)
	if text := log.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") || !strings.Contains(text, "CMD 'version 5'") {
		t.Errorf("the log is %s", text)
	}
}
