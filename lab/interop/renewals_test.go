//go:build interop

package interop

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
)

// dueIn is how long after it was signed what shorten leaves in a directory is due.
const dueIn = 15 * time.Second

// shorten has the authority of a server's directory sign a server's certificate for its
// key, and a revocation list, that are both due for renewal after dueIn: when a third of
// their lives, which began an hour ago, is left.
func shorten(t *testing.T, dir string) (serial string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	ca, err := pki.LoadAuthority(mustBytes(t, in("ca.crt")), mustBytes(t, in("ca.key")))
	if err != nil {
		t.Fatal(err)
	}
	old, err := pki.ParseCertificates(mustBytes(t, in("server.crt")))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	life := (time.Hour+dueIn)*3/2 - time.Hour
	short, err := ca.Renew(rand.Reader, now, old[0], life)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.ParseKey(mustBytes(t, in("ca.key")))
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(life)}, ca.Certificate(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(in("server.crt"), short.CertPEM, 0o644),
		os.WriteFile(in("crl.pem"), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list}), 0o644)); err != nil {
		t.Fatal(err)
	}
	return serialOf(t, in("server.crt"))
}

func mustBytes(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// serialOf is the serial number of a file's first certificate, as programs are told it.
func serialOf(t *testing.T, path string) string {
	t.Helper()
	certs, err := pki.ParseCertificates(mustBytes(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return certs[0].SerialNumber.String()
}

// shortenClient has the authority of a server's directory sign a client's certificate, for
// the key that its profile has, of whose life less than a third is left, and returns the
// profile with it.
func shortenClient(t *testing.T, dir, name, profile string) string {
	t.Helper()
	record := filepath.Join(dir, "clients", name+".crt")
	ca, err := pki.LoadAuthority(mustBytes(t, filepath.Join(dir, "ca.crt")), mustBytes(t, filepath.Join(dir, "ca.key")))
	if err != nil {
		t.Fatal(err)
	}
	text := mustBytes(t, record)
	old, err := pki.ParseCertificates(text)
	if err != nil {
		t.Fatal(err)
	}
	short, err := ca.Renew(rand.Reader, time.Now(), old[0], 20*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, short.CertPEM, 0o644); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(profile, string(text), string(short.CertPEM), 1)
}

// certificateOf is the one in a profile.
func certificateOf(t *testing.T, profile string) *x509.Certificate {
	t.Helper()
	_, rest, _ := strings.Cut(string(mustBytes(t, profile)), "\n<cert>\n")
	text, _, _ := strings.Cut(rest, "</cert>")
	certs, err := pki.ParseCertificates([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

// openDir is a directory that every user can look into.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "culvert-verify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// announcedAt checks that a server says that the phone's certificate ends, and has its next
// profile ready; those of our clients, if they were not faster to get their certificates themselves.
func announcedAt(t *testing.T, s *netns, server *process, dir, state string) {
	t.Helper()
	server.expect(regexp.MustCompile(`certificate of client phone ends within 7 days.*/ready/phone`), 1, patience)
	var status, want = "", regexp.MustCompile(`"certificates_ending":{"within_30_days":[1-4],"within_14_days":[1-4],"within_7_days":[1-4],"profiles_ready":[1-4]}`)
	for end := time.Now().Add(patience); !want.MatchString(status); time.Sleep(200 * time.Millisecond) {
		if status = s.output(culvert(t), "status", "--json", "--state-dir", state); time.Now().After(end) {
			t.Fatalf("the status:\n%s", status)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "ready", "phone.ovpn")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the phone's next profile: %v, %v", info, err)
	}
}

// echoed is an answer that ping prints, with its number.
var echoed = regexp.MustCompile(`bytes from .*icmp_seq=(\d+)`)

// unanswered are the numbers of pings that had no answer, of those before the last that had.
func unanswered(t *testing.T, log string) (missing []int) {
	t.Helper()
	next := 1
	for _, m := range echoed.FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		for ; next < n; next++ {
			missing = append(missing, next)
		}
		next = n + 1
	}
	return missing
}

// seen waits until a client shows a certificate to the server whose status that is.
func seen(t *testing.T, status func() string, c *x509.Certificate) {
	t.Helper()
	shown := regexp.MustCompile(`"serial": ?"` + pki.SerialHex(c) + `"`)
	for end := time.Now().Add(patience); !shown.MatchString(status()); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the server never saw the certificate %s of %s:\n%s", pki.SerialHex(c), c.Subject, status())
		}
	}
}

// TestRenewedInUse: while stock and our clients are connected to a server whose worker has
// no rights, its certificate and its revocation list become due. Both are renewed, the
// clients see the new certificate when their keys are renewed, and not a packet is lost.
// The certificate of our client, a user's device, is due, too: it is renewed over the session
// of a worker without rights, which goes on, as a device's, and the server sees it when the
// keys are renewed. So are those of clients with files of their own. The stock client is told
// nothing of it. Its end is announced, with its next profile ready. Then a client in full
// stream is revoked, and is out at once.
func TestRenewedInUse(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.host("s")
	phone, laptop := l.host("c"), l.host("d")
	way := map[*netns]wire{phone: l.join(phone, s), laptop: l.join(laptop, s)}
	dir := filepath.Join(s.dir, "vpn")
	s.output(culvert(t), "init", "--dir", dir, "--host", way[phone].b4.String())
	profile := map[*netns]string{}
	s.output(culvert(t), "user", "add", "alice", "--dir", dir)
	add := map[*netns][]string{phone: {"client", "add", "phone"}, laptop: {"device", "add", "laptop", "--user", "alice"}}
	for c, name := range map[*netns]string{phone: "phone", laptop: "laptop.alice"} {
		made := filepath.Join(c.dir, name+".ovpn")
		s.output(append(append([]string{culvert(t)}, add[c]...), "--dir", dir, "-o", made)...)
		script := filepath.Join(openDir(t), "verify")
		if err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$1\" != 0 ] || echo \"the server shows $tls_serial_0\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(mustBytes(t, made)), way[phone].b4.String(), way[c].b4.String())
		text = shortenClient(t, dir, name, text)
		if c == laptop {
			text += "\nuser nobody\n" // its keeper writes the profile
		}
		profile[c] = c.file("made.ovpn", text+"\nreneg-sec 5 5\nscript-security 2\ntls-verify "+script+"\nverb 4\n")
	}
	inFiles := newFilesClients(t, l, s, dir)
	first := shorten(t, dir)
	list := string(mustBytes(t, filepath.Join(dir, "crl.pem")))
	server := s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", filepath.Join(s.dir, "state")).up()
	mustBeNobody(t, server)
	clients := map[*netns]*process{phone: phone.run(stock, profile[phone]), laptop: laptop.run(ours, profile[laptop])}
	shows := func(c *netns, serial string) {
		t.Helper()
		clients[c].expect(regexp.MustCompile("the server shows "+serial+`\b`), 1, patience)
	}
	pings := map[*netns]*process{}
	for c, p := range clients {
		p.up()
		shows(c, first)
		pings[c] = c.start("ping", "ping", "-n", "-i", "0.1", serverIPv4.String())
	}
	for _, f := range inFiles {
		f.p = f.host.run(ours, f.at("my.conf"))
	}
	for _, f := range inFiles {
		f.p.up()
	}
	mustBeNobody(t, inFiles[1].p)
	inFiles[1].p.expect(regexp.MustCompile(`root's rights are given up.*chroot=/`), 1, patience)
	announcedAt(t, s, server, dir, filepath.Join(s.dir, "state"))
	server.expect(regexp.MustCompile(`the server's certificate is renewed`), 1, dueIn+patience)
	server.expect(regexp.MustCompile(`the revocation list is renewed`), 1, patience)
	renewedByClient := regexp.MustCompile(`this client's certificate was renewed`)
	clients[laptop].expect(renewedByClient, 1, patience)
	next := certificateOf(t, profile[laptop])
	if got := serialOf(t, filepath.Join(dir, "clients", "laptop.alice.crt")); next.SerialNumber.String() != got || time.Until(next.NotAfter) < 800*24*time.Hour {
		t.Errorf("the profile has the certificate %v, and the record %s", next.SerialNumber, got)
	}
	if !pki.IsDevice(next) {
		t.Errorf("the next certificate is not marked as a device's: %v", next.Subject)
	}
	if info, err := os.Stat(profile[laptop] + ".before-renewal"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy of the profile from before: %v, %v", info, err)
	}
	status := func() string {
		return s.output(culvert(t), "status", "--json", "--state-dir", filepath.Join(s.dir, "state"))
	}
	seen(t, status, next)
	for _, f := range inFiles {
		f.renewedAt(t, status)
	}
	if log := clients[phone].log(); strings.Contains(log, "CERT") || server.count(regexp.MustCompile(`client has its next certificate.*laptop`)) != 1 {
		t.Errorf("the stock client's log:\n%s\nthe server's:\n%s", log, server.log())
	}
	second := serialOf(t, filepath.Join(dir, "server.crt"))
	if second == first || string(mustBytes(t, filepath.Join(dir, "crl.pem"))) == list {
		t.Fatalf("the files are as before:\n%s", server.log())
	}
	for c, p := range clients {
		shows(c, second)
		if n := p.count(initialized); n != 1 {
			t.Errorf("%s connected %d times", p.name, n)
		}
		pings[c].expect(echoed, pings[c].count(echoed)+10, patience) // with the keys of that handshake, too
		if missing := unanswered(t, pings[c].log()); len(missing) > 0 {
			t.Errorf("%s: pings %v had no answer", p.name, missing)
		}
	}
	server.expect(regexp.MustCompile(`crl-verify .*read again, 0 revoked`), 1, patience)

	s.start("listener", "iperf3", "-s", "-1", "--forceflush").expect(regexp.MustCompile(`Server listening`), 1, patience)
	stream := phone.start("stream", "iperf3", "-c", serverIPv4.String(), "-t", "60", "--forceflush", "-i", "0.2")
	stream.expect(regexp.MustCompile(`Mbits/sec|Gbits/sec`), 3, patience)
	beside := phone.start("ping beside it", "ping", "-D", "-i", "0.01", serverIPv4.String())
	beside.expect(regexp.MustCompile(`bytes from`), 20, patience)
	began := time.Now()
	said := s.output(culvert(t), "client", "revoke", "phone", "--dir", dir, "--state-dir", filepath.Join(s.dir, "state"))
	if !strings.Contains(said, "is cut off") {
		t.Errorf("client revoke:\n%s", said)
	}
	clients[phone].expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
	times := regexp.MustCompile(`(?m)^\[(\d+\.\d+)\] \d+ bytes from`).FindAllStringSubmatch(beside.log(), -1)
	last, err := strconv.ParseFloat(times[len(times)-1][1], 64)
	if err != nil {
		t.Fatal(err)
	}
	after := time.Unix(0, int64(last*1e9)).Sub(began).Round(time.Millisecond)
	t.Logf("the last packet of a client in full stream came back %v after `culvert client revoke` began", after)
	if after > outBy {
		t.Errorf("the last packet came back %v after the revocation", after)
	}
	laptop.ping(serverIPv4)
	if n := clients[laptop].count(initialized); n != 1 {
		t.Errorf("the other client connected %d times", n)
	}
}
