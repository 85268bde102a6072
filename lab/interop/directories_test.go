//go:build interop

package interop

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// radiusSecret is what servers and FreeRADIUS share.
const radiusSecret = "between-us"

// radiusServer starts FreeRADIUS on a host. It knows ada, who has an address of her own, and
// eve, whom it rejects with a reason; ada, at gate codes, is asked for 4711 in a second step.
// At port 1813 it takes accounts of sessions, into the file detail.
func (n *netns) radiusServer(port string) *process {
	dir := n.dir
	n.file("dictionary", "$INCLUDE /usr/share/freeradius/dictionary\n")
	n.file("users", "ada Cleartext-Password := \"good\"\n\tFilter-Id = \"staff\", Framed-IP-Address = 10.8.0.77\n\nrosa Cleartext-Password := \"good\"\n\neve Auth-Type := Reject\n\tReply-Message = \"Come back on Monday\"\n")
	n.file("radiusd.conf", `name = radius
confdir = `+dir+`
raddbdir = `+dir+`
libdir = /usr/lib/freeradius
logdir = `+dir+`
run_dir = `+dir+`
pidfile = `+filepath.Join(dir, "radius.pid")+`
client lab {
	ipaddr = 127.0.0.1
	secret = `+radiusSecret+`
	require_message_authenticator = yes
}
modules {
	pap {
	}
	files {
		usersfile = `+filepath.Join(dir, "users")+`
	}
	detail {
		filename = `+filepath.Join(dir, "detail")+`
	}
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = `+port+`
	}
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = 1813
	}
	preacct {
	}
	accounting {
		detail
	}
	authorize {
		files
		if (&State) {
			update control {
				&Cleartext-Password := "4711"
			}
		}
		pap
		update reply {
			&Message-Authenticator := 0x00
		}
	}
	authenticate {
		Auth-Type PAP {
			pap
			if (&NAS-Identifier == "codes" && !&State) {
				update reply {
					&State := 0x6164610a
					&Reply-Message := "Your code"
				}
				update control {
					&Response-Packet-Type := Access-Challenge
				}
			}
		}
	}
}
`)
	p := n.start("freeradius", "freeradius", "-fxx", "-l", "stdout", "-d", dir)
	p.expect(regexp.MustCompile(`Ready to process requests`), 1, patience)
	return p
}

// TestSignInRADIUS: those get in whom FreeRADIUS accepts, and with the address that it gives
// them. A server that does not answer is passed over; with all gone nobody gets in.
func TestSignInRADIUS(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	radius := h.s.radiusServer("1812")
	secret := h.s.file("secret", radiusSecret+"\n")
	server := h.serves(ours, "sign-in-radius 127.0.0.1:1645 "+secret, "sign-in-radius 127.0.0.1 "+secret, "sign-in-radius-name gate")
	for user, password := range map[string]string{"ada": "bad", "eve": "good", "bert": "good"} {
		if h.attempt(user, password) {
			t.Errorf("%s got in with %s", user, password)
		}
	}
	up := h.c.file("up.txt", "ada\ngood\n")
	client := h.c.run(stock, h.c.clientConfig(clientParty(t, plain, "auth-user-pass "+up), h.w.b4)).up()
	if v4, _ := h.c.device(tunDevice); v4.prefix.Addr().String() != "10.8.0.77" {
		t.Errorf("ada has the address %v", v4)
	}
	client.stop(syscall.SIGTERM)
	server.expect(regexp.MustCompile(`Come back on Monday`), 1, patience)
	radius.expect(regexp.MustCompile(`Calling-Station-Id = "`+regexp.QuoteMeta(h.w.a4.String())+`"`), 1, patience)
	radius.stop(syscall.SIGTERM)
	if h.attempt("ada", "good") {
		t.Error("ada got in though RADIUS is down")
	}
	server.expect(regexp.MustCompile(`could not be checked and is refused.*RADIUS server 127.0.0.1:1812`), 1, patience)
	if strings.Contains(server.log(), radiusSecret) || strings.Contains(server.log(), "good") {
		t.Error("a secret is in the log")
	}
}

// TestSignInRADIUSCode: FreeRADIUS asks for a code in a second step. The user of a stock client
// answers while the client waits (CR_TEXT), or with another connection (CRV1).
func TestSignInRADIUSCode(t *testing.T) {
	t.Parallel()
	for _, methods := range []string{"crtext", "webauth"} {
		t.Run(methods, func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			h.s.radiusServer("1812")
			h.serves(ours, "sign-in-radius 127.0.0.1 "+h.s.file("secret", radiusSecret+"\n"), "sign-in-radius-name codes")
			socket := filepath.Join(h.c.dir, "management")
			client := h.c.run(stock, h.c.clientConfig(clientParty(t, plain, "auth-user-pass", "auth-retry interact", "management "+socket+" unix",
				"management-query-passwords", "management-hold", "setenv IV_SSO "+methods, "push-peer-info"), h.w.b4))
			operator(t, socket, func(challenge string) string {
				if challenge == "" {
					return "good"
				}
				return "CRV1::" + strings.Split(challenge, ":")[2] + "::4711"
			})
			client.up()
			h.c.ping(serverIPv4)
		})
	}
}

// TestSignInLDAP: over StartTLS, those get in whom slapd knows and the group lists, by the name
// that their entry has. slapd that was away is found again. One whose certificate has another
// name, or is nobody's whom this host trusts, is told no password.
func TestSignInLDAP(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	slapd := h.s.ldapServer(t)
	secure := strings.Replace(ldapFile, "TLSEnable\tno", "TLSEnable\tyes\n\tTLSCACertFile\t"+filepath.Join(h.s.dir, "slapd.pem"), 1)
	server := h.serves(ours, "sign-in-ldap "+h.s.file("ldap.conf", secure))
	for _, l := range []struct {
		user, password string
		want           bool
	}{{"ada", "good", true}, {"ada", "bad", false}, {"bert", "good", false}, {"carl", "good", false}, {"ADA", "good", false}, {"*)(", "good", false}} {
		if in := h.attempt(l.user, l.password); in != l.want {
			t.Errorf("%s with %s got in: %v", l.user, l.password, in)
		}
	}
	slapd.stop(syscall.SIGTERM)
	if h.attempt("ada", "good") {
		t.Error("ada got in though LDAP is down")
	}
	server.expect(regexp.MustCompile(`could not be checked and is refused.*ldap://127.0.0.1:3890`), 1, patience)
	again := h.s.start("slapd", "slapd", "-f", filepath.Join(h.s.dir, "slapd.conf"), "-h", "ldap://127.0.0.1:3890/", "-d", "stats")
	again.expect(regexp.MustCompile(`slapd starting`), 1, patience)
	if !h.attempt("ada", "good") {
		t.Error("ada did not get in after LDAP came back")
	}
	if strings.Contains(server.log(), "good") {
		t.Error("a password is in the log")
	}
	told := again.count(ldapPassword)
	for text, why := range map[string]string{
		strings.Replace(secure, "127.0.0.1", "localhost", 1):            `certificate .*not.* localhost|localhost.*certificate`,
		strings.Replace(ldapFile, "TLSEnable\tno", "TLSEnable\tyes", 1): `certificate signed by unknown authority`,
	} {
		server.stop(syscall.SIGTERM)
		server = h.serves(ours, "sign-in-ldap "+h.s.file("ldap.conf", text))
		if h.attempt("ada", "good") {
			t.Error("ada got in by a server that is not the right one")
		}
		server.expect(regexp.MustCompile(`could not be checked and is refused.*(`+why+`)`), 1, patience)
	}
	if n := again.count(ldapPassword); n != told {
		t.Errorf("%d passwords were sent to a server that is not the right one", n-told)
	}
}

// ldapPassword is that slapd was told a person's password.
var ldapPassword = regexp.MustCompile(`BIND dn="uid=.*method=128`)

// TestSignInByDirectories: the users of stock clients sign in by LDAP over TLS and by RADIUS,
// stay through three renewals of keys and a restart of the server without another question to
// a directory, and are out when they are disabled here. The server is in a chroot without root's
// rights, and its directories are named by names that a name server outside knows.
func TestSignInByDirectories(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.host("s")
	slapd, radius := s.ldapServer(t), s.radiusServer("1812")
	dir := filepath.Join(s.dir, "vpn")
	state := []string{"--dir", dir, "--state-dir", filepath.Join(s.dir, "state")}
	s.output(culvert(t), "init", "--dir", dir, "--host", "192.0.2.1", "--network6", innerIPv6.String())
	s.setResolvConf("nameserver 127.0.0.1\nsearch lab.example\n")
	s.nameServer(netip.MustParseAddr("127.0.0.1"), "--host-record=ldap.lab.example,127.0.0.1", "--host-record=radius.lab.example,127.0.0.1")
	file := strings.Replace(ldapFile, "URL\tldap://127.0.0.1:3890", "URL\tldaps://ldap.lab.example:6360\n\tTLSCACertFile\t"+filepath.Join(s.dir, "slapd.pem"), 1)
	file = strings.Replace(file, "RequireGroup\ttrue", "RequireGroup\tfalse", 1)
	conf := filepath.Join(dir, "server.conf")
	lines := "\nreneg-sec 3 3\nsign-in-ldap " + s.file("ldap.conf", file) + "\nsign-in-radius radius " + s.file("secret", radiusSecret+"\n") + "\nuser nobody\nchroot " + t.TempDir() + "\n"
	if err := os.WriteFile(conf, append(must(os.ReadFile(conf)), lines...), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func() *process {
		return s.start("culvert serve", append([]string{culvert(t), "serve"}, state...)...).up()
	}
	server := serve()
	clients := make(map[string]*process) // by user
	for user, impl := range map[string]*peer{"bert": openvpn26, "rosa": openvpn25} {
		c := l.host(user)
		w := l.join(c, s)
		made := filepath.Join(s.dir, user+".ovpn")
		s.output(culvert(t), "client", "add", "of-"+user, "--dir", dir, "-o", made)
		text := regexp.MustCompile(`(?m)^remote .*$`).ReplaceAllString(string(must(os.ReadFile(made))), "remote "+w.b4.String()+" 1194")
		clients[user] = c.run(impl.implementation, c.file("client.conf", text+"\nauth-user-pass "+c.file("up.txt", user+"\ngood\n")+"\nreneg-sec 0\nconnect-retry 1 2\n"))
	}
	for user, client := range clients {
		client.up()
		server.expect(regexp.MustCompile(`keys renewed.*of-`+user), 3, patience)
	}
	server.stop(syscall.SIGTERM)
	server = serve()
	for _, client := range clients {
		client.expect(initialized, 2, patience)
	}
	if n := slapd.count(regexp.MustCompile(`BIND dn="uid=bert,.*method=128`)); n != 1 {
		t.Errorf("LDAP was asked about a password %d times, want once", n)
	}
	if n := radius.count(regexp.MustCompile(`Received Access-Request`)); n != 1 {
		t.Errorf("RADIUS was asked %d times, want once", n)
	}
	for user, client := range clients { // who is out may come again by the password
		began := time.Now()
		s.output(culvert(t), "user", "disable", user, "--dir", dir)
		server.expect(regexp.MustCompile(`user `+user+` is disabled`), 1, patience)
		client.expect(refused, 1, patience)
		if took := time.Since(began); took > outBy {
			t.Errorf("%s is out after %v", user, took)
		} else {
			t.Logf("%s is out %v after the command began", user, took.Round(time.Millisecond))
		}
	}
}

// TestSignInPAM: those get in whom PAM lets in, asked by the process that stays root.
func TestSignInPAM(t *testing.T) {
	if err := pamHelper(); err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	h := newHosts(t)
	h.pamFiles(t)
	h.serves(ours, "sign-in-pam vpn")
	for _, l := range []struct {
		user, password string
		want           bool
	}{{"ada", "good", true}, {"ada", "bad", false}, {"old", "good", false}, {"nobody", "good", false}} {
		if in := h.attempt(l.user, l.password); in != l.want {
			t.Errorf("%s with %s got in: %v", l.user, l.password, in)
		}
	}
}
