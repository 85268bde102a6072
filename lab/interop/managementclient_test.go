//go:build interop

package interop

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// steeredClient is one way to steer a client over the management protocol.
type steeredClient struct {
	name   string
	tcp    bool
	server []string
	client []string
	script string // of the server, for passwords; "" for none
	key    crypto.Signer
	proxy  bool
	steps  []steeredStep
}

// steeredStep waits for a message after the first hold, and answers with commands.
type steeredStep struct {
	message string
	say     []string
}

// steeredLogin knows one password, and the answer 4711 to a challenge.
const steeredLogin = `case "$(sed -n 2p "$1")" in good|SCRV1:Z29vZA==:NDcxMQ==) exit 0;; esac
printf "no such password" > "$auth_failed_reason_file"; exit 1`

// released is the answer to a hold.
var released = steeredStep{">HOLD:Waiting for hold release:", []string{"hold release"}}

func steeredClients(t *testing.T) []steeredClient {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := keys(t).client
	block, _ := pem.Decode([]byte(ecKey.key))
	ec := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*ecdsa.PrivateKey)
	signed := []steeredStep{{">PK_SIGN:", []string{"pk-sig", "SIGNATURE", "END"}}, {"CONNECTED,", []string{"signal SIGTERM"}}}
	return []steeredClient{
		{name: "login", script: steeredLogin,
			client: []string{"auth-user-pass", "auth-retry interact", "management-hold", "management-query-passwords", "management-query-remote", "connect-retry 1"},
			steps: []steeredStep{
				{"Need 'Auth'", []string{`username "Auth" ada`, `password "Auth" "b\"ad"`}},
				{">REMOTE:", []string{"remote FOO", "remote ACCEPT"}},
				released,
				{">REMOTE:", []string{"remote SKIP"}},
				{">REMOTE:", []string{"remote ACCEPT"}},
				{"Need 'Auth'", []string{`password "Private Key" x`, `username "Auth" ada`, `password "Auth" good`}},
				{"CONNECTED,", []string{"auth-retry", "auth-retry x", "hold", "needok a ok", "remote-entry-count", "remote-entry-get all", "signal SIGUSR1"}},
				released,
				{">REMOTE:", []string{"hold off", "remote MOD SERVER 1194"}},
				{"CONNECTED,", []string{"auth-retry none", "forget-passwords", "signal SIGTERM"}},
			}},
		{name: "refused", script: steeredLogin, client: []string{"auth-user-pass", "management-hold", "management-query-passwords"},
			steps: []steeredStep{{"Need 'Auth'", []string{`username "Auth" ada`, `password "Auth" bad`}}}},
		{name: "static-challenge", script: steeredLogin,
			client: []string{"auth-user-pass", `static-challenge "PIN, please" 1`, "management-hold", "management-query-passwords"},
			steps: []steeredStep{
				{"Need 'Auth'", []string{`username "Auth" ada`, `password "Auth" SCRV1:Z29vZA==:NDcxMQ==`}},
				{"CONNECTED,", []string{"signal SIGTERM"}}}},
		{name: "key-rsa", key: rsaKey, client: []string{"management-hold", "management-external-key pkcs1 pss"}, steps: signed},
		{name: "key-rsa-message", key: rsaKey, client: []string{"management-hold", "management-external-key pss digest", "management-external-cert me:it"},
			steps: slices.Insert(slices.Clone(signed), 0, steeredStep{">NEED-CERTIFICATE:", []string{"certificate", "CERTIFICATE", "END"}})},
		{name: "key-ec", key: ec, client: []string{"management-hold", "management-external-key", "local 198.18.0.1", "lport 5001"}, steps: signed},
		{name: "proxy", tcp: true, proxy: true, client: []string{"management-hold", "management-query-passwords", "management-query-proxy"},
			steps: []steeredStep{
				{">PROXY:", []string{"proxy HTTP", "proxy HTTP PROXY 3128"}},
				{"Need 'HTTP Proxy'", []string{`username "HTTP Proxy" user`, `password "HTTP Proxy" w:rd%/=`}},
				{"CONNECTED,", []string{"signal SIGTERM"}}}},
		{name: "socks", tcp: true, proxy: true, client: []string{"management-hold", "management-query-passwords", "socks-proxy PROXY 1080 stdin", "connect-retry 1"},
			steps: []steeredStep{
				{"Need 'SOCKS Proxy'", []string{`username "SOCKS Proxy" user`, `password "SOCKS Proxy" wrong`}},
				released,
				{"Need 'SOCKS Proxy'", []string{`username "SOCKS Proxy" user`, `password "SOCKS Proxy" w:rd%/=`}},
				{"CONNECTED,", []string{"signal SIGTERM"}}}},
	}
}

// TestSteeredClient: the same small program steers stock's client and ours, and gets the
// same answers and messages from both.
func TestSteeredClient(t *testing.T) {
	t.Parallel()
	for _, m := range steeredClients(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			want, got := m.run(t, stock), m.run(t, ours)
			if !slices.Equal(got, want) {
				t.Errorf("ours:\n%s\nstock:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// run has an implementation's client steered, and returns what it said.
func (m steeredClient) run(t *testing.T, impl implementation) []string {
	t.Helper()
	p := &proxied{}
	if m.proxy {
		p = newProxied(t)
		p.proxy.start("microsocks", "microsocks", "-i", "0.0.0.0", "-p", "1080", "-u", proxyUser, "-P", proxyWord)
		p.proxy.demanding("auth_param basic program /usr/lib/squid/basic_ncsa_auth "+
			p.proxy.public("users", proxyUser+":"+mustRun(t, "openssl", "passwd", "-apr1", proxyWord)), "auth_param basic realm "+proxyRealm)
		p.proxy.eventually("the proxies listen", func() bool {
			return p.proxy.answers("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3128 4<>/dev/tcp/127.0.0.1/1080")
		})
	} else {
		h := newHosts(t)
		p.client, p.server, p.serverIPv4 = h.c, h.s, h.w.b4
	}
	c := plain
	c.tcp = m.tcp
	server := serverParty(t, c, m.server...)
	if m.script != "" {
		server.extra = append(server.extra, loginServer(p.server, m.script)...)
	}
	p.server.run(stock, p.server.serverConfig(server)).up()

	socket := filepath.Join(p.client.dir, "m")
	client := clientParty(t, c, append([]string{"management " + socket + " unix"}, m.client...)...)
	for i, line := range client.extra {
		client.extra[i] = strings.ReplaceAll(line, "PROXY", p.proxyIPv4.String())
	}
	certificate := client.identity.cert
	if m.key != nil {
		certificate = m.certify(t)
		client.identity = identity{}
		if !contains(m.client, "management-external-cert") {
			client.extra = append(client.extra, "<cert>\n"+certificate+"</cert>")
		}
	}
	proc := p.client.run(impl, p.client.clientConfig(client, p.serverIPv4))
	r := readerOf(t, proc, socket)
	r.fill = map[string]string{"SERVER": p.serverIPv4.String(), "CERTIFICATE": strings.TrimSpace(certificate), "PROXY": p.proxyIPv4.String()}
	r.key = m.key
	r.until(released.message)
	for _, line := range append([]string{"version 3", "state on"}, released.say...) {
		r.say(line)
	}
	for _, s := range m.steps {
		r.until(s.message)
		for _, line := range s.say {
			r.say(line)
		}
	}
	r.until("") // to its end
	proc.wait(patience)
	return r.normal()
}

// certify has the lab's authority sign a certificate for the key.
func (m steeredClient) certify(t *testing.T) string {
	t.Helper()
	a := keys(t).ca
	template := &x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: clientName}, NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(day),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	return pemText("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, a.x509, m.key.Public(), a.key)))
}

// steerer is a small program that speaks the management protocol.
type steerer struct {
	t    *testing.T
	proc *process
	conn net.Conn
	in   *bufio.Scanner
	key  crypto.Signer
	// fill are words that commands have in place of what differs from run to run.
	fill  map[string]string
	asked string // the last line
	lines []string
}

func readerOf(t *testing.T, proc *process, socket string) *steerer {
	t.Helper()
	r := &steerer{t: t, proc: proc}
	for end := time.Now().Add(patience); ; {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			r.conn = conn
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s opens no socket: %v\n%s", proc.name, err, proc.log())
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Cleanup(func() { r.conn.Close() })
	r.conn.SetDeadline(time.Now().Add(2 * patience))
	r.in = bufio.NewScanner(r.conn)
	return r
}

// until reads on to a line that has a text, or with "" to the end.
func (r *steerer) until(text string) {
	r.t.Helper()
	for r.in.Scan() {
		r.asked = strings.TrimSuffix(r.in.Text(), "\r")
		r.lines = append(r.lines, r.asked)
		if text != "" && strings.Contains(r.asked, text) {
			return
		}
	}
	if text != "" {
		r.t.Fatalf("%s never said %q: %v\n%s\nlog:\n%s", r.proc.name, text, r.in.Err(), strings.Join(r.lines, "\n"), r.proc.log())
	}
}

func (r *steerer) say(line string) {
	r.t.Helper()
	if line == "SIGNATURE" {
		line = r.sign()
	}
	for word, text := range r.fill {
		line = strings.ReplaceAll(line, word, text)
	}
	if _, err := fmt.Fprintln(r.conn, line); err != nil {
		r.t.Fatal(err)
	}
}

// sign is the signature that the last line asks for, by its words alone.
func (r *steerer) sign() string {
	data, algorithm, _ := strings.Cut(strings.TrimPrefix(r.asked, ">PK_SIGN:"), ",")
	digest := must(base64.StdEncoding.DecodeString(data))
	if strings.Contains(algorithm, "data=message") {
		h := crypto.SHA256.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	var o crypto.SignerOpts = crypto.SHA256
	if strings.HasPrefix(algorithm, "RSA_PKCS1_PSS_PADDING,hashalg=SHA256,saltlen=digest") {
		o = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	return base64.StdEncoding.EncodeToString(must(r.key.Sign(rand.Reader, digest, o)))
}

var (
	stateTime = regexp.MustCompile(`^>STATE:\d+,`)
	signData  = regexp.MustCompile(`^>PK_SIGN:[^,]*`)
	localPort = regexp.MustCompile(`(CONNECTED,SUCCESS,([^,]*,){4})\d+`)
)

// passing are states that one of the two passes through and the other not: they depend
// on how fast the server is, and on what this host needs.
var passing = []string{">STATE:T,RESOLVE,", ">STATE:T,GET_CONFIG,", ">STATE:T,ADD_ROUTES,", ">STATE:T,TCP_CONNECT,", ">STATE:T,CONNECTING,"}

// normal is what was said without what differs from run to run.
func (r *steerer) normal() (lines []string) {
	for _, line := range r.lines {
		line = stateTime.ReplaceAllString(line, ">STATE:T,")
		line = signData.ReplaceAllString(line, ">PK_SIGN:DATA")
		line = localPort.ReplaceAllString(line, "${1}PORT")
		if !slices.ContainsFunc(passing, func(p string) bool { return strings.HasPrefix(line, p) }) {
			lines = append(lines, line)
		}
	}
	return lines
}
