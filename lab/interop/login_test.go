//go:build interop

package interop

import (
	"bufio"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// loginServer is what a server that checks passwords writes beside the rest.
func loginServer(s *netns, script string, extra ...string) []string {
	s.t.Helper()
	check := s.program("check", script)
	return append([]string{"script-security 2", "auth-user-pass-verify " + check + " via-file"}, extra...)
}

// program writes a shell script beside the configuration.
func (n *netns) program(name, text string) string {
	n.t.Helper()
	path := n.file(name, "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(path, 0o700); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// oncePassword lets in whoever knows the password, but only the first time, as
// one-time codes do: what comes later must be a token.
const oncePassword = `test "$(sed -n 1p "$1")" = ada || exit 1
test "$(sed -n 2p "$1")" = hunter2 || exit 1
echo x >> checked; test "$(wc -l < checked)" = 1`

// hosts are two hosts with a wire between them.
type hosts struct {
	c, s *netns
	w    wire
}

func newHosts(t *testing.T) hosts {
	l := newLab(t)
	h := hosts{c: l.host("c"), s: l.host("s")}
	h.w = l.join(h.c, h.s)
	return h
}

// login starts a server and a client on these hosts.
func (h hosts) login(who pairing, server, client []string) (serverProc, clientProc *process) {
	t := h.c.t
	serverProc = h.s.run(who.server, h.s.serverConfig(serverParty(t, plain, server...))).up()
	clientProc = h.c.run(who.client, h.c.clientConfig(clientParty(t, plain, client...), h.w.b4))
	return serverProc, clientProc
}

var bothWays = []pairing{{stock, stock}, {stock, ours}, {ours, stock}, {ours, ours}}

// TestPasswordAndToken: a password is checked once; from then on keys are
// renewed with tokens, which are renewed too.
func TestPasswordAndToken(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			up := h.c.file("up.txt", "ada\nhunter2\n")
			serverProc, clientProc := h.login(who,
				loginServer(h.s, oncePassword, "auth-gen-token 60 4", "hand-window 2", "reneg-sec 5 5", "username-as-common-name"),
				[]string{"auth-user-pass " + up, "reneg-sec 0", "auth-nocache"})
			clientProc.up()
			tun := &tunnel{client: h.c, server: h.s, remote: h.w.b4}
			tun.clientIPv4, tun.clientIPv6 = h.c.device(tunDevice)
			flows := tun.pace()
			clientProc.expect(handshake, 3, patience)
			serverProc.expect(handshake, 3, patience)
			flows.finish(t)
			if text := string(must(os.ReadFile(filepath.Join(h.s.dir, "checked")))); text != "x\n" {
				t.Errorf("the password was checked %d times", len(text)/2)
			}
			for _, p := range []*process{clientProc, serverProc} {
				if strings.Contains(p.log(), "hunter2") || who.client.name == ours.name && p == clientProc && strings.Contains(p.log(), "SESS_ID") {
					t.Errorf("%s: a secret is in the log", p.name)
				}
			}
			if who.server.name == ours.name {
				serverProc.expect(regexp.MustCompile(`client connected.*client=ada`), 1, patience)
			}
		})
	}
}

// TestTokenExpires: once the token is too old the client is sent away, and
// comes back with its password.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			up := h.c.file("up.txt", "ada\nhunter2\n")
			serverProc, clientProc := h.login(who,
				loginServer(h.s, `test "$(sed -n 2p "$1")" = hunter2`, "auth-gen-token 6 4", "hand-window 2", "reneg-sec 4 4"),
				[]string{"auth-user-pass " + up, "reneg-sec 0"})
			clientProc.up()
			clientProc.expect(initialized, 2, patience)
			_ = serverProc
			h.c.ping(serverIPv4)
		})
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			up := h.c.file("up.txt", "ada\nwrong\n")
			_, clientProc := h.login(who, loginServer(h.s, `echo "Account locked" > "$auth_failed_reason_file"; exit 1`), []string{"auth-user-pass " + up})
			clientProc.expect(regexp.MustCompile(`AUTH_FAILED`), 1, patience)
			if who.server.name == ours.name || who.client.name == ours.name {
				clientProc.expect(regexp.MustCompile(`Account locked`), 1, patience)
			}
			clientProc.wait(patience)
			if clientProc.count(initialized) > 0 {
				t.Error("the tunnel came up")
			}
		})
	}
}

// operator answers the management interface of a stock client.
func operator(t *testing.T, socket string, password func(challenge string) string) {
	t.Helper()
	var c net.Conn
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var err error
		if c, err = net.Dial("unix", socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		challenge := ""
		fmt.Fprintln(c, "hold release")
		for lines := bufio.NewScanner(c); lines.Scan(); {
			line := lines.Text()
			switch {
			case strings.Contains(line, "Verification Failed") && strings.Contains(line, "CRV1:"):
				_, challenge, _ = strings.Cut(line, "['")
				challenge = strings.TrimSuffix(challenge, "']")
			case strings.HasPrefix(line, ">HOLD:"):
				fmt.Fprintln(c, "hold release")
			case strings.HasPrefix(line, ">PASSWORD:Need 'Auth'"):
				fmt.Fprintf(c, "username \"Auth\" ada\npassword \"Auth\" \"%s\"\n", password(challenge))
			case strings.HasPrefix(line, ">INFOMSG:CR_TEXT"):
				fmt.Fprintln(c, "cr-response NDcxMQ==")
			}
		}
	}()
}

// typist starts a client of ours at a terminal, where these lines were typed
// ahead.
func (h hosts) typist(client []string, lines ...string) *process {
	h.c.t.Helper()
	config := h.c.clientConfig(clientParty(h.c.t, plain, client...), h.w.b4)
	argv := ours.command(h.c.t, config, filepath.Join(h.c.dir, "state"))
	p := h.c.start("ours client", "script", "-qefc", strings.Join(argv, " "), "/dev/null")
	for _, line := range lines {
		fmt.Fprintln(p.stdin, line)
	}
	return p
}

// challenged starts a server with a script and a client whose user answers 4711
// to every question, and waits until the tunnel is up.
func challenged(t *testing.T, who pairing, script string, answer func(string) string, server func(h hosts) []string, client []string, typed ...string) {
	h := newHosts(t)
	extra := loginServer(h.s, script)
	if server != nil {
		extra = append(extra, server(h)...)
	}
	h.s.run(who.server, h.s.serverConfig(serverParty(t, plain, extra...))).up()
	var p *process
	if who.client.name == stock.name {
		socket := filepath.Join(h.c.dir, "management")
		client = append(client, "management "+socket+" unix", "management-query-passwords", "management-hold", "setenv IV_SSO webauth,crtext", "push-peer-info")
		p = h.c.run(stock, h.c.clientConfig(clientParty(t, plain, client...), h.w.b4))
		operator(t, socket, answer)
	} else {
		p = h.typist(client, typed...)
	}
	p.up()
	h.c.ping(serverIPv4)
}

// TestStaticChallenge: password and code in one (SCRV1).
func TestStaticChallenge(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			challenged(t, who, `test "$(sed -n 2p "$1")" = SCRV1:c2VjcmV0:NDcxMQ==`,
				func(string) string { return "SCRV1:c2VjcmV0:NDcxMQ==" }, nil,
				[]string{"auth-user-pass", `static-challenge "The code" 1`}, "ada", "secret", "4711")
		})
	}
}

// TestDynamicChallenge: refused with a question, in with the answer (CRV1).
func TestDynamicChallenge(t *testing.T) {
	t.Parallel()
	const script = `case "$(sed -n 2p "$1")" in
secret) echo "CRV1:R,E:state77:YWRh:Please, the code" > "$auth_failed_reason_file"; exit 1;;
CRV1::state77::4711) exit 0;;
esac; exit 1`
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			challenged(t, who, script, func(challenge string) string {
				if challenge == "" {
					return "secret"
				}
				return "CRV1::" + strings.Split(challenge, ":")[2] + "::4711"
			}, nil, []string{"auth-user-pass", "auth-retry interact"}, "ada", "secret", "4711")
		})
	}
}

// TestPendingLogin: a script asks for a code while the client waits (CR_TEXT),
// and another one judges the answer.
func TestPendingLogin(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			challenged(t, who, `test "$(sed -n 2p "$1")" = secret || exit 1
printf '40\ncrtext\nCR_TEXT:R,E:Your code' > "$auth_pending_file"; exit 2`,
				func(string) string { return "secret" },
				func(h hosts) []string {
					return []string{"client-crresponse " + h.s.program("answer", `test "$(cat "$1")" = NDcxMQ== && echo 1 > "$auth_control_file"; exit 0`)}
				}, []string{"auth-user-pass"}, "ada", "secret", "4711")
		})
	}
}

// TestSlowLoginStallsNobody: while the passwords of some clients are not judged, a client
// that is in moves bytes as if nothing were.
func TestSlowLoginStallsNobody(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	script := fmt.Sprintf(`judged() { echo >>%[1]s/asked; until [ -e %[1]s/judge ]; do sleep 0.1; done; }
test "$(sed -n 1p "$1")" = slow && { (judged; echo 1 > "$auth_control_file") & exit 2; }
test "$(sed -n 1p "$1")" = slower && judged; exit 0`, s.dir)
	server := serverParty(t, plain, append(loginServer(s, script), "duplicate-cn")...)
	tun := dial(pairing{ours, ours}, c, s, server, clientParty(t, plain, "auth-user-pass "+c.file("up.txt", "ada\nx\n")), w.b4)
	names := []string{"slow", "slower", "slow", "slower"}
	var late []*process
	for _, name := range names {
		other := l.host(fmt.Sprint("l", len(late)))
		w := l.join(other, s)
		late = append(late, other.run(stock, other.clientConfig(clientParty(t, plain, "auth-user-pass "+other.file("up.txt", name+"\nx\n")), w.b4)))
	}
	asked := func() bool {
		lines, _ := os.ReadFile(filepath.Join(s.dir, "asked"))
		return len(lines) >= len(names)
	}
	for end := time.Now().Add(patience); !asked(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not all passwords were asked for")
		}
	}
	tun.exchange(t)
	s.file("judge", "")
	for _, p := range late {
		p.up()
	}
}

// TestRevocation: a list that is replaced while the server serves takes effect
// at the next handshake, and on nobody else.
func TestRevocation(t *testing.T) {
	t.Parallel()
	for _, who := range []pairing{{stock, stock}, {stock, ours}, {ours, ours}} {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			revoke(t, who)
		})
	}
}

func revoke(t *testing.T, who pairing) {
	k := keys(t)
	l := newLab(t)
	c, other, s := l.host("c"), l.host("o"), l.host("s")
	w, otherWire := l.join(c, s), l.join(other, s)
	list := s.file("crl.pem", k.ca.revocationList())
	tun := dial(who, c, s, serverParty(t, plain, "crl-verify "+list, "duplicate-cn", "reneg-sec 4 4"), clientParty(t, plain, "reneg-sec 0"), w.b4)
	flows := tun.pace()
	bad := clientParty(t, plain, "reneg-sec 0", "hand-window 5")
	bad.identity = k.ca.issue("revoked-client", time.Now().Add(-day), time.Now().Add(day))
	badProc := other.run(who.client, other.clientConfig(bad, otherWire.b4)).up()
	other.ping(serverIPv4)

	s.file("crl.pem.new", k.ca.revocationList(bad.identity))
	s.output("mv", list+".new", list)
	tun.serverProc.expect(regexp.MustCompile(`(?i)revoked`), 2, patience)
	if who.server.name == ours.name {
		tun.serverProc.expect(regexp.MustCompile(`client is shut out.*revoked-client.*is revoked`), 1, patience)
		if out, err := other.tryPing(serverIPv4); err == nil {
			t.Errorf("the revoked client still gets through: %s", out)
		}
	}
	if n := badProc.count(initialized); n > 1 {
		t.Errorf("the revoked client came in again")
	}
	flows.finish(t)
}

// TestExpiredList: a list that is too old lets nobody in, as with stock; ours
// says whose fault it is.
func TestExpiredList(t *testing.T) {
	t.Parallel()
	for server, says := range map[*implementation]string{&stock: `CRL has expired`, &ours: `list.*expired.*not the peer's certificate`} {
		h := newHosts(t)
		list := h.s.file("crl.pem", keys(t).ca.revocationListUntil(time.Now().Add(-time.Hour)))
		serverProc, clientProc := h.login(pairing{stock, *server}, []string{"crl-verify " + list}, nil)
		serverProc.expect(regexp.MustCompile(says), 1, patience)
		if clientProc.count(initialized) > 0 {
			t.Error("a client is in while the list cannot be relied on")
		}
	}
}

// tryPing is ping for when nothing may come back.
func (n *netns) tryPing(to netip.Addr) (string, error) {
	argv := n.exec([]string{"ping", "-n", "-c", "2", "-i", "0.2", "-w", "1", to.String()})
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	return string(out), err
}

// revocationList is a list with these certificates in it.
func (a authority) revocationList(revoked ...identity) string {
	return a.revocationListUntil(time.Now().Add(day), revoked...)
}

func (a authority) revocationListUntil(end time.Time, revoked ...identity) string {
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: end.Add(-2 * day), NextUpdate: end}
	for _, r := range revoked {
		block, _ := pem.Decode([]byte(r.cert))
		cert := must(x509.ParseCertificate(block.Bytes))
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: time.Now()})
	}
	return pemText("X509 CRL", must(x509.CreateRevocationList(rand.Reader, list, a.x509, a.key)))
}

// TestPasswordAlone: clients without certificates, known by their user names.
func TestPasswordAlone(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			server := loginServer(h.s, `test "$(sed -n 2p "$1")" = hunter2`, "verify-client-cert none", "username-as-common-name")
			serverProc := h.s.run(who.server, h.s.serverConfig(serverParty(t, plain, server...))).up()
			client := clientParty(t, plain, "auth-user-pass "+h.c.file("up.txt", "ada\nhunter2\n"))
			client.identity = identity{}
			h.c.run(who.client, h.c.clientConfig(client, h.w.b4)).up()
			h.c.ping(serverIPv4)
			if who.server.name == ours.name {
				serverProc.expect(regexp.MustCompile(`client connected.*client=ada`), 1, patience)
			}
		})
	}
}

// TestIdentities: who a side is, and whom it takes, in the other ways to say so.
func TestIdentities(t *testing.T) {
	t.Parallel()
	k := keys(t)
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			seen := filepath.Join(h.s.dir, "seen")
			server := serverParty(t, plain, "script-security 2",
				"tls-verify "+h.s.program("names", `echo "$1 $2 $untrusted_ip $X509_0_CN" >> `+seen),
				"tls-crypt-v2-verify "+h.s.program("metadata", `echo "$script_type $metadata_type $(wc -c < "$metadata_file")" >> `+seen),
				"capath "+h.s.capath(k.ca), "remote-cert-ku 80", `remote-cert-eku "TLS Web Client Authentication"`, "x509-username-field CN")
			server.identity.key = encrypt(server.identity.key)
			server.extra = append(server.extra, "askpass "+h.s.file("pass", "word\n"))
			h.s.run(who.server, h.s.serverConfig(server)).up()
			client := clientParty(t, plain, "pkcs12 "+h.c.file("client.p12", bundle(k)), "askpass "+h.c.file("pass", "word\n"))
			client.identity = identity{}
			h.c.run(who.client, h.c.clientConfig(client, h.w.b4)).up()
			h.c.ping(serverIPv4)
			text := string(must(os.ReadFile(seen)))
			for _, want := range []string{"tls-crypt-v2-verify 1 8\n", "1 CN=culvert interop CA 198.18.0.1 ", "0 CN=interop-client 198.18.0.1 interop-client\n"} {
				if !strings.Contains(text, want) {
					t.Errorf("the programs saw\n%s, which lacks %q", text, want)
				}
			}
		})
	}
}

// TestRefusedBeforeTLS: a tls-crypt-v2 key that a program refuses opens no
// session, and its client learns nothing.
func TestRefusedBeforeTLS(t *testing.T) {
	t.Parallel()
	for _, who := range []pairing{{stock, stock}, {stock, ours}} {
		h := newHosts(t)
		serverProc, clientProc := h.login(who, []string{"script-security 2", "tls-crypt-v2-verify " + h.s.program("metadata", "exit 1")}, nil)
		if who.server.name == ours.name {
			serverProc.expect(regexp.MustCompile(`client refused before TLS.*tls-crypt-v2-verify`), 1, patience)
		} else {
			serverProc.expect(regexp.MustCompile(`(?i)tls-crypt-v2`), 1, patience)
		}
		if clientProc.count(handshake) > 0 {
			t.Error("TLS was spoken all the same")
		}
	}
}

// TestExternalAuth: with external-auth the program judges tokens as well, and
// is told what they are worth.
func TestExternalAuth(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			states := filepath.Join(h.s.dir, "states")
			secret := h.s.file("token.key", genkey("auth-token"))
			_, clientProc := h.login(who,
				loginServer(h.s, `echo "$session_state ${session_id:+known} $IV_PLAT $common_name" >> `+states,
					"auth-gen-token 600 20 external-auth", "auth-gen-token-secret "+secret, "hand-window 10", "reneg-sec 3 3"),
				[]string{"auth-user-pass " + h.c.file("up.txt", "ada\nx\n"), "reneg-sec 0"})
			clientProc.up()
			clientProc.expect(handshake, 2, patience)
			h.c.ping(serverIPv4)
			var text string
			h.s.eventually("the program is asked again", func() bool {
				text = string(must(os.ReadFile(states)))
				return strings.Count(text, "\n") > 1
			})
			if !strings.HasPrefix(text, "Initial known linux interop-client\nAuthenticated known linux interop-client\n") {
				t.Errorf("the program was told\n%s", text)
			}
		})
	}
}

// capath is a directory with an authority as `openssl rehash` has it.
func (n *netns) capath(a authority) string {
	n.t.Helper()
	n.file("0.pem", a.cert)
	mustRun(n.t, "openssl", "rehash", n.dir)
	return n.dir
}

// encrypt puts a key under the password "word".
func encrypt(key string) string {
	block, _ := pem.Decode([]byte(key))
	der := must(pkcs8.MarshalPrivateKey(must(x509.ParsePKCS8PrivateKey(block.Bytes)), []byte("word"), nil))
	return pemText("ENCRYPTED PRIVATE KEY", der)
}

// bundle is the client's identity as PKCS #12, under the password "word".
func bundle(k *credentials) string {
	key, _ := pem.Decode([]byte(k.client.key))
	cert, _ := pem.Decode([]byte(k.client.cert))
	return string(must(pkcs12.Modern.Encode(must(x509.ParsePKCS8PrivateKey(key.Bytes)), must(x509.ParseCertificate(cert.Bytes)), []*x509.Certificate{k.ca.x509}, "word")))
}

// TestWebLogin: the client's user is sent to a page, and the program decides
// later than a handshake may take.
func TestWebLogin(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			_, clientProc := h.login(who,
				loginServer(h.s, `printf '20\nwebauth\nWEB_AUTH:external:https://login.example/?x=1' > "$auth_pending_file"
(sleep 13; echo 1 > "$auth_control_file") & exit 2`, "hand-window 10", "reneg-sec 60"),
				[]string{"auth-user-pass " + h.c.file("up.txt", "ada\nx\n"), "hand-window 10", "reneg-sec 60", "setenv IV_SSO webauth", "push-peer-info"})
			clientProc.up()
			if who.client.name == ours.name {
				clientProc.expect(regexp.MustCompile(`open this page in a browser: https://login.example/\?x=1$`), 1, patience)
			}
			h.c.ping(serverIPv4)
		})
	}
}

// TestPasswordTakenBack: a user whose password is refused when keys are renewed
// is sent away then.
func TestPasswordTakenBack(t *testing.T) {
	t.Parallel()
	for _, who := range bothWays {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			_, clientProc := h.login(who, loginServer(h.s, oncePassword, "reneg-sec 3 3"),
				[]string{"auth-user-pass " + h.c.file("up.txt", "ada\nhunter2\n"), "reneg-sec 0"})
			clientProc.up()
			clientProc.expect(regexp.MustCompile(`AUTH_FAILED`), 1, patience)
			clientProc.wait(patience)
		})
	}
}
