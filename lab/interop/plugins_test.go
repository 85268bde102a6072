//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// pamHelper builds the program that asks PAM, beside the program under test.
var pamHelper = sync.OnceValue(func() error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode", "pie", "-tags", "pam", "-o", "../../bin/culvert-auth-pam", "../../cmd/culvert-auth-pam")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the program that asks PAM: %w\n%s", err, out)
	}
	return nil
})

// overlaid has the programs of a host see files of its own in place of the system's.
func (n *netns) overlaid(files map[string]string) {
	script := ""
	for path, own := range files {
		script += "mount --bind " + own + " " + path + " && "
	}
	n.enter = append(n.enter, "sh", "-c", script+`exec "$@"`, "sh")
}

var refused = regexp.MustCompile(`AUTH_FAILED`)

// attempt reports whether a stock client gets in with a user name and a password.
func (h hosts) attempt(user, password string) bool {
	t := h.c.t
	t.Helper()
	up := h.c.file("up.txt", user+"\n"+password+"\n")
	p := h.c.run(stock, h.c.clientConfig(clientParty(t, plain, "auth-user-pass "+up), h.w.b4))
	p.expect(regexp.MustCompile(initialized.String()+"|"+refused.String()), 1, patience)
	in := p.count(initialized) > 0
	if err := p.stop(syscall.SIGTERM); err != nil && in {
		t.Errorf("the client of %s: %v", user, err)
	}
	return in
}

// serves starts a server with a plugin's line, as nobody.
func (h hosts) serves(impl implementation, lines ...string) *process {
	t := h.s.t
	t.Helper()
	return h.s.run(impl, h.s.serverConfig(serverParty(t, plain, append(lines, "user nobody", "persist-key", "persist-tun", "duplicate-cn")...))).up()
}

// probeModule is a module of PAM that asks three questions, and lets in who answers with
// ada, good and 4711, from the client's address. For the user crash it crashes.
const probeModule = `
#include <security/pam_modules.h>
#include <security/pam_appl.h>
#include <string.h>
static int answers(pam_handle_t *h, int style, const char *question, const char *want) {
	const struct pam_conv *c = 0;
	struct pam_message m = {style, question};
	const struct pam_message *all = &m;
	struct pam_response *r = 0;
	if (pam_get_item(h, PAM_CONV, (const void **)&c) || !c || c->conv(1, &all, &r, c->appdata_ptr) || !r || !r->resp) return 0;
	if (!strcmp(r->resp, "crash")) *(volatile int *)0 = 1;
	return !strcmp(r->resp, want);
}
int pam_sm_authenticate(pam_handle_t *h, int flags, int argc, const char **argv) {
	const void *host = 0;
	if (pam_get_item(h, PAM_RHOST, &host) || !host || argc < 1 || strcmp(host, argv[0])) return PAM_AUTH_ERR;
	return answers(h, PAM_PROMPT_ECHO_ON, "Login: ", "ada") && answers(h, PAM_PROMPT_ECHO_OFF, "Password: ", "good") &&
		answers(h, PAM_PROMPT_ECHO_ON, "PIN code: ", "4711") ? PAM_SUCCESS : PAM_AUTH_ERR;
}
int pam_sm_setcred(pam_handle_t *h, int flags, int argc, const char **argv) { return PAM_SUCCESS; }
`

// pamFiles are the server's own accounts and services: ada, whose password is good; old,
// whose account has expired; the service vpn, which asks for passwords, and probe.
func (h hosts) pamFiles(t *testing.T) {
	t.Helper()
	services := filepath.Join(h.s.dir, "pam.d")
	module := filepath.Join(h.s.dir, "pam_probe.so")
	if err := os.Mkdir(services, 0o755); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "gcc", "-shared", "-fPIC", "-o", module, h.s.file("probe.c", probeModule), "-lpam")
	hash := strings.TrimSpace(mustRun(t, "openssl", "passwd", "-6", "-salt", "culvert", "good"))
	h.s.file("pam.d/vpn", "auth required pam_unix.so\naccount required pam_unix.so\n")
	h.s.file("pam.d/probe", "auth required "+module+" "+h.w.a4.String()+"\naccount required pam_permit.so\n")
	h.s.file("pam.d/other", "auth required pam_deny.so\naccount required pam_deny.so\n")
	own := map[string]string{
		"/etc/pam.d":  services,
		"/etc/passwd": h.s.file("passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\nada:x:4001:65534::/:/bin/sh\nold:x:4002:65534::/:/bin/sh\n"),
		"/etc/shadow": h.s.file("shadow", "root:*:19000::::::\nada:"+hash+":19000::::::\nold:"+hash+":19000:::::19001:\n"),
	}
	if err := os.Chmod(own["/etc/passwd"], 0o644); err != nil {
		t.Fatal(err)
	}
	h.s.overlaid(own)
}

// TestPluginPAM: with the plugin auth-pam, those get in whom PAM lets in, by pamtester's
// word: the same by our server as by stock's, while both have given up root's rights.
func TestPluginPAM(t *testing.T) {
	if err := pamHelper(); err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	h := newHosts(t)
	h.pamFiles(t)
	logins := []struct {
		user, password string
		want           bool
	}{{"ada", "good", true}, {"ada", "bad", false}, {"old", "good", false}, {"nobody", "good", false}}
	for _, l := range logins {
		argv := h.s.exec([]string{"pamtester", "vpn", l.user, "authenticate", "acct_mgmt"})
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader(l.password + "\n")
		if out, err := cmd.CombinedOutput(); (err == nil) != l.want {
			t.Errorf("pamtester about %s, %s: %v\n%s", l.user, l.password, err, out)
		}
	}
	for _, impl := range []implementation{stock, ours} {
		server := h.serves(impl, "plugin /usr/lib/openvpn/openvpn-plugin-auth-pam.so vpn")
		for _, l := range logins {
			if in := h.attempt(l.user, l.password); in != l.want {
				t.Errorf("%s: %s with %s got in: %v", impl.name, l.user, l.password, in)
			}
		}
		if strings.Contains(server.log(), "good") {
			t.Errorf("%s: a password is in the log", impl.name)
		}
		server.stop(syscall.SIGTERM)
	}
}

// TestPluginPAMQuestions: a module's questions are answered from the plugin's line, with
// what a client with static-challenge sends. A module that crashes takes one login with it.
func TestPluginPAMQuestions(t *testing.T) {
	if err := pamHelper(); err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	h := newHosts(t)
	h.pamFiles(t)
	const good, wrong = "SCRV1:Z29vZA==:NDcxMQ==", "SCRV1:Z29vZA==:MDAwMA=="
	for _, impl := range []implementation{stock, ours} {
		server := h.serves(impl, `plugin openvpn-plugin-auth-pam.so "probe login USERNAME password PASSWORD 'pin code' OTP"`)
		if !h.attempt("ada", good) || h.attempt("ada", wrong) || h.attempt("ada", "good") {
			t.Errorf("%s: wrong about who comes in", impl.name)
		}
		if impl.name == ours.name {
			if h.attempt("crash", good) || !h.attempt("ada", good) {
				t.Error("wrong about who comes in with a module that crashes")
			}
			server.expect(regexp.MustCompile(`could not be checked and is refused.*segmentation fault`), 1, patience)
		}
		server.stop(syscall.SIGTERM)
	}
}

// TestPluginPAMFewTasks: under Debian's unit with ten tasks and `user`, where no process keeps
// root's rights, PAM is still asked as root, who alone can read shadow. Programs find tasks,
// too. Signals for all leave what asks PAM alone; when it is gone, nobody gets in. Not beside
// other tests, as TestUnits.
func TestPluginPAMFewTasks(t *testing.T) {
	if err := pamHelper(); err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	h := hosts{c: l.host("c"), s: l.host("s")}
	h.w = l.join(h.c, h.s)
	set := unitSets["ours"]
	files := set.files(t)
	mustRun(t, "cp", "../../bin/culvert-auth-pam", filepath.Join(files, filepath.Dir(unitProgram)))
	m := h.s.boot(files)
	m.addUser(l.serial)
	m.write("/etc/pam.d/vpn", "auth required pam_unix.so nodelay\nauth required pam_exec.so quiet /bin/true\naccount required pam_unix.so\n", 0o644)
	hash := strings.TrimSpace(mustRun(t, "openssl", "passwd", "-6", "-salt", "culvert", "good"))
	m.write("/etc/passwd", mustRead(t, m.path("/etc/passwd"))+"ada:x:4001:65534::/:/bin/sh\n", 0o644)
	m.write("/etc/shadow", "root:*:19000::::::\nada:"+hash+":19000::::::\n", 0o600)
	u := unitRun{t, m, set, "openvpn@", "pam", true, h.c, h.w}
	u.install(u.serverConfig(serverParty(t, plain, append(u.lines("up", "client-connect"), "plugin /usr/lib/openvpn/openvpn-plugin-auth-pam.so vpn", "duplicate-cn")...)))
	pid := u.start()
	try := func(when string, user, password string, want bool) {
		t.Helper()
		if in := h.attempt(user, password); in != want {
			t.Errorf("%s: %s with %s got in: %v", when, user, password, in)
		}
	}
	try("at first", "ada", "good", true)
	u.called("client-connect by "+unitUser+" "+clientName, 1)
	try("at first", "ada", "bad", false)
	if out, err := u.systemctl("kill", "-s", "USR2", u.unit()); err != nil {
		t.Fatalf("USR2: %v: %s", err, out)
	}
	try("after a signal", "ada", "good", true)
	threads, _ := filepath.Glob(u.path("/proc/" + pid + "/task/*/children"))
	var children []string
	for _, thread := range threads {
		children = append(children, strings.Fields(mustRead(t, thread))...)
	}
	if len(children) != 1 {
		t.Fatalf("the server has the children %q, want what asks PAM", children)
	}
	u.inside.output("kill", "-KILL", children[0])
	try("without what asks PAM", "ada", "good", false)
	u.logged(regexp.MustCompile(`is gone or hangs.*signal: killed.*TasksMax`), 1)
	if strings.Contains(u.journal("-u", u.unit()), "good") {
		t.Error("a password is in the log")
	}
	u.stop(pid)
}

// ldapServer starts slapd on a host. It takes a bind without a password for one as nobody,
// and calls it a success, as some servers do.
func (n *netns) ldapServer(t *testing.T) *process {
	t.Helper()
	data := filepath.Join(n.dir, "ldap")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	cert, key := n.slapdCertificate(), filepath.Join(n.dir, "slapd.key")
	config := n.file("slapd.conf", `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
allow bind_anon_cred bind_anon_dn
pidfile `+filepath.Join(n.dir, "slapd.pid")+`
TLSCertificateFile `+cert+`
TLSCertificateKeyFile `+key+`
database mdb
suffix dc=example,dc=org
directory `+data+`
`)
	person := "dn: uid=%s,ou=People,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: %s\ncn: x\nsn: x\nuserPassword: good\n\n"
	n.output("slapadd", "-f", config, "-l", n.file("data.ldif", "dn: dc=example,dc=org\nobjectClass: domain\ndc: example\n\n"+
		"dn: ou=People,dc=example,dc=org\nobjectClass: organizationalUnit\nou: People\n\n"+
		fmt.Sprintf(person, "ada", "ada")+fmt.Sprintf(person, "bert", "bert")+fmt.Sprintf(person, `*)(`, `*)(`)+
		"dn: cn=vpn,dc=example,dc=org\nobjectClass: groupOfNames\ncn: vpn\nmember: uid=ada,ou=People,dc=example,dc=org\nmember: uid=*)(,ou=People,dc=example,dc=org\n"))
	p := n.start("slapd", "slapd", "-f", config, "-h", "ldap://127.0.0.1:3890/ ldaps://127.0.0.1:6360/", "-d", "stats")
	p.expect(regexp.MustCompile(`slapd starting`), 1, patience)
	return p
}

// slapdCertificate makes a certificate for slapd, whose file it returns, and a key beside.
func (n *netns) slapdCertificate() string {
	cert := filepath.Join(n.dir, "slapd.pem")
	n.output("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=slapd", "-addext", "subjectAltName=IP:127.0.0.1,DNS:ldap.lab.example",
		"-keyout", filepath.Join(n.dir, "slapd.key"), "-out", cert)
	return cert
}

const ldapFile = `<LDAP>
	URL	ldap://127.0.0.1:3890
	Timeout	15
	TLSEnable	no
	FollowReferrals	yes
</LDAP>
<Authorization>
	BaseDN	"ou=People,dc=example,dc=org"
	SearchFilter	"(uid=%u)"
	RequireGroup	true
	<Group>
		BaseDN	"dc=example,dc=org"
		SearchFilter	"(cn=vpn)"
		MemberAttribute	member
	</Group>
</Authorization>
`

// TestPluginLDAP: with the plugin auth-ldap, those get in whom slapd knows and the group
// lists: the same by our server as by stock's with Debian's plugin.
func TestPluginLDAP(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	slapd := h.s.ldapServer(t)
	line := "plugin /usr/lib/openvpn/openvpn-auth-ldap.so " + h.s.file("auth-ldap.conf", ldapFile)
	for _, impl := range []implementation{stock, ours} {
		server := h.serves(impl, line)
		for _, l := range []struct {
			user, password string
			want           bool
		}{{"ada", "good", true}, {"ada", "bad", false}, {"bert", "good", false}, {"carl", "good", false}, {"*)(", "good", true}, {"a*", "good", false}} {
			if in := h.attempt(l.user, l.password); in != l.want {
				t.Errorf("%s: %s with %s got in: %v", impl.name, l.user, l.password, in)
			}
		}
		if impl.name == ours.name {
			slapd.stop(syscall.SIGTERM)
			if h.attempt("ada", "good") {
				t.Error("ada got in though LDAP is down")
			}
			server.expect(regexp.MustCompile(`could not be checked and is refused.*plugin auth-ldap: ldap://127.0.0.1:3890`), 1, patience)
		}
		if strings.Contains(server.log(), "good") {
			t.Errorf("%s: a password is in the log", impl.name)
		}
		server.stop(syscall.SIGTERM)
	}
}

// TestPluginLDAPEmptyPassword: an empty password lets nobody in, though the server calls
// it a success.
func TestPluginLDAPEmptyPassword(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.s.ldapServer(t)
	text := strings.Replace(ldapFile, "RequireGroup	true", "RequireGroup	true\n	PasswordIsCR	true", 1)
	h.serves(ours, "plugin openvpn-auth-ldap.so "+h.s.file("auth-ldap.conf", text))
	if h.attempt("ada", "SCRV1::NDcxMQ==") || !h.attempt("ada", "SCRV1:Z29vZA==:NDcxMQ==") || h.attempt("ada", "good") {
		t.Error("wrong about who comes in")
	}
}
