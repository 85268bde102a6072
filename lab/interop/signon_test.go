//go:build interop

package interop

import (
	"flag"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// signOnDaemon is a program, openvpn-auth-oauth2 2.0, that the tests use in place of their
// own double of it. Its module is not to be had from every proxy.
var signOnDaemon = flag.String("auth-oauth2", "", "path of openvpn-auth-oauth2, for TestSingleSignOn; without it, a double is used")

// signOn is a server whose clients sign in at a provider, by way of a daemon on its
// management interface.
type signOn struct {
	hosts
	server, provider, daemon *process
}

func newSignOn(t *testing.T, impl implementation, extra ...string) *signOn {
	s := &signOn{hosts: newHosts(t)}
	host := s.w.b4.String()
	socket := filepath.Join(s.s.dir, "management")
	s.server = s.s.run(impl, s.s.serverConfig(serverParty(t, plain, append([]string{"management " + socket + " unix", "management-hold", "management-client-auth",
		"auth-user-pass-optional", "hand-window 5"}, extra...)...)))
	s.provider = s.s.helper("provide", host+":9100")
	s.s.eventually("the provider answers", func() bool { _, err := s.s.fetch("http://" + host + ":9100/keys"); return err == nil })
	if *signOnDaemon == "" {
		s.daemon = s.s.helper("sign-on", socket, host)
		s.server.up()
		return s
	}
	argv := []string{"--openvpn.addr", "unix://" + socket, "--http.listen", host + ":9000", "--http.baseurl", "http://" + host + ":9000", "--http.secret", "0123456789abcdef",
		"--oauth2.issuer", "http://" + host + ":9100", "--oauth2.client.id", "lab", "--oauth2.client.secret", "word", "--oauth2.validate.groups", "vpn", "--log.level", "debug",
		"--oauth2.refresh.enabled", "--oauth2.refresh.secret", "fedcba9876543210", "--openvpn.auth-pending-timeout", "4s"}
	s.daemon = s.s.start("openvpn-auth-oauth2", append([]string{*signOnDaemon}, argv...)...)
	s.server.up()
	return s
}

var webLogin = map[string]*regexp.Regexp{
	stock.name: regexp.MustCompile(`WEB_AUTH:[^:]*:(http[^']*)`),
	ours.name:  regexp.MustCompile(`open this page in a browser: (http\S*)`),
}

// client starts one of a user, and returns the page that the user is sent to.
func (s *signOn) client(impl implementation, user string) (*process, string) {
	s.c.t.Helper()
	p := s.c.run(impl, s.c.clientConfig(clientParty(s.c.t, plain, "auth-user-pass "+s.c.file("up.txt", user+"\nx\n"), "setenv IV_SSO webauth", "push-peer-info", "reneg-sec 0", "connect-retry-max 1"), s.w.b4))
	p.expect(webLogin[impl.name], 1, patience)
	return p, webLogin[impl.name].FindStringSubmatch(p.log())[1]
}

// signsIn has somebody sign in on the client's host.
func (s *signOn) signsIn(page, name string) {
	s.c.t.Helper()
	if err := s.c.helper("browse", page, name).wait(patience); err != nil {
		s.c.t.Errorf("the browser: %v", err)
	}
}

// forgets has the provider forget somebody.
func (s *signOn) forgets(name string) {
	s.c.t.Helper()
	if err := s.c.helper("submit", "http://"+s.w.b4.String()+":9100/remove", name).wait(patience); err != nil {
		s.c.t.Fatal(err)
	}
}

// TestSingleSignOn: a user signs in at a page, is let in, and stays in over a renewal of
// keys as long as the provider knows them. One who is not in the group is refused, and so
// is one who never signs in.
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			s := newSignOn(t, who.server, "reneg-sec 5 5")
			client, page := s.client(who.client, "somebody")
			s.signsIn(page, "ada")
			client.up()
			s.c.ping(serverIPv4)
			s.provider.expect(regexp.MustCompile(`token for "ada" by refresh: true`), 1, patience)
			s.c.ping(serverIPv4)
			s.forgets("ada")
			s.provider.expect(regexp.MustCompile(`token for "ada" by refresh: false`), 1, patience)
			client.stop(syscall.SIGTERM)
			refused, page := s.client(who.client, "somebody")
			s.signsIn(page, "eve")
			refused.expect(regexp.MustCompile(`AUTH_FAILED`), 1, patience)
			refused.wait(patience)
			late, _ := s.client(who.client, neverSignsIn)
			late.wait(patience)
			for _, p := range []*process{refused, late} {
				if p.count(initialized) > 0 {
					t.Error("somebody who may not is in")
				}
			}
		})
	}
}
