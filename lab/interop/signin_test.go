//go:build interop

package interop

import (
	"bufio"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"culvert/access/onetime"
)

// guestUser is somebody at the management interface of a stock client.
type guestUser struct {
	name, password string
	secret         []byte       // of the app for codes
	behind, static bool         // the code goes behind the password, or in a field of its own
	asked          atomic.Int32 // for a login
	questions      atomic.Int32 // besides
}

// code is that of the step that comes next: the one of now was taken to confirm the app.
func (p *guestUser) code() string { return onetime.At(p.secret, time.Now().Add(30*time.Second)) }

// login is what the person types as the password. challenge is what came with the last
// refusal; "": nothing.
func (p *guestUser) login(challenge string) string {
	b64 := base64.StdEncoding.EncodeToString
	switch {
	case challenge != "":
		p.questions.Add(1)
		return "CRV1::" + strings.Split(challenge, ":")[2] + "::" + p.code()
	case p.behind:
		return p.password + p.code()
	case p.static:
		return "SCRV1:" + b64([]byte(p.password)) + ":" + b64([]byte(p.code()))
	}
	return p.password
}

// answers has the person answer a client.
func (p *guestUser) answers(c net.Conn) {
	challenge := ""
	fmt.Fprintln(c, "hold release")
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.Contains(line, "Verification Failed") && strings.Contains(line, "CRV1:"):
			_, challenge, _ = strings.Cut(line, "['")
			challenge = strings.TrimSuffix(challenge, "']")
		case strings.Contains(line, "Verification Failed"):
			return // out: nobody tries again
		case strings.HasPrefix(line, ">HOLD:"):
			fmt.Fprintln(c, "hold release")
		case strings.HasPrefix(line, ">PASSWORD:Need 'Auth'"):
			p.asked.Add(1)
			fmt.Fprintf(c, "username \"Auth\" %s\npassword \"Auth\" \"%s\"\n", p.name, p.login(challenge))
			challenge = ""
		case strings.HasPrefix(line, ">INFOMSG:CR_TEXT"):
			p.questions.Add(1)
			fmt.Fprintln(c, "cr-response "+base64.StdEncoding.EncodeToString([]byte(p.code())))
		}
	}
}

// enrols makes the person a user with a password, an app for codes and a device, whose
// profile is for the client at the other end of w.
func (p *guestUser) enrols(t *testing.T, s *netns, dir string, c *netns, w wire, more ...string) (profile string) {
	t.Helper()
	ask := func(words ...string) string { return s.output(append([]string{culvert(t)}, words...)...) }
	s.output("sh", "-c", fmt.Sprintf("echo '%s' | %s user add %s --dir %s --password-stdin", p.password, culvert(t), p.name, dir))
	key := regexp.MustCompile(`type the key: ([A-Z2-7 ]+)\n`).FindStringSubmatch(ask("user", "totp", p.name, "--dir", dir))
	p.secret = must(base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(key[1], " ", "")))
	ask("user", "totp", p.name, "--dir", dir, "--confirm", onetime.At(p.secret, time.Now()))
	made := filepath.Join(s.dir, p.name+".ovpn")
	ask("device", "add", "laptop", "--user", p.name, "--dir", dir, "-o", made)
	text := regexp.MustCompile(`(?m)^remote .*$`).ReplaceAllString(string(must(os.ReadFile(made))), "remote "+w.b4.String()+" 1194")
	if text = regexp.MustCompile(`(?m)^static-challenge .*\n`).ReplaceAllString(text, ""); p.static {
		more = append(more, `static-challenge "Code" 1`)
	}
	return c.file("client.conf", text+"\n"+strings.Join(more, "\n")+"\n")
}

// TestSignInWithCodes: stock clients sign in by password and one-time code, in each way
// that they know, stay through three renewals of keys and a restart of the server without
// another question, and are asked anew when more is required, and out when their user is
// disabled.
func TestSignInWithCodes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.host("s")
	dir := filepath.Join(s.dir, "vpn")
	state := []string{"--dir", dir, "--state-dir", filepath.Join(s.dir, "state")}
	s.output(culvert(t), "init", "--dir", dir, "--host", "192.0.2.1", "--network6", innerIPv6.String())
	conf := filepath.Join(dir, "server.conf")
	if err := os.WriteFile(conf, []byte(string(must(os.ReadFile(conf)))+"\nreneg-sec 3 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := s.start("culvert serve", append([]string{culvert(t), "serve"}, state...)...).up()
	type guest struct { // a client, and its user
		*guestUser
		client *process
		want   int32 // questions besides the login
	}
	var guests []guest
	for i, g := range []struct {
		impl      *peer
		p         *guestUser
		sso       string
		questions int32
	}{
		{openvpn26, &guestUser{static: true}, "", 0},
		{openvpn26, &guestUser{behind: true}, "", 0},
		{openvpn26, new(guestUser), "", 1},
		{openvpn26, new(guestUser), "crtext", 1},
		{openvpn25, new(guestUser), "", 1},
		{openvpn27, new(guestUser), "crtext", 1},
	} {
		g.p.name, g.p.password = fmt.Sprintf("guest%d", i), "correct horse"
		c := l.host(fmt.Sprint("c", i))
		w := l.join(c, s)
		socket := filepath.Join(c.dir, "management")
		more := []string{"management " + socket + " unix", "management-query-passwords", "management-hold", "auth-retry interact", "reneg-sec 0", "connect-retry 1 2"}
		if g.sso != "" {
			more = append(more, "setenv IV_SSO "+g.sso, "push-peer-info")
		}
		profile := g.p.enrols(t, s, dir, c, w, more...)
		client := c.run(g.impl.implementation, profile)
		go g.p.answers(reach(t, socket))
		guests = append(guests, guest{g.p, client, g.questions})
	}
	asked := make(map[string]int32)
	for _, g := range guests {
		g.client.up()
		if n := g.questions.Load(); n != g.want {
			t.Errorf("%s, %s: %d questions, want %d", g.client.name, g.name, n, g.want)
		}
		server.expect(regexp.MustCompile(`keys renewed.*laptop\.`+g.name), 3, patience)
		asked[g.name] = g.asked.Load()
	}
	server.stop(syscall.SIGTERM)
	server = s.start("culvert serve", append([]string{culvert(t), "serve"}, state...)...).up()
	for _, g := range guests {
		g.client.expect(initialized, 2, patience)
		if n := g.asked.Load(); n != asked[g.name] {
			t.Errorf("%s was asked for a login %d times before the restart, and %d times after it", g.name, asked[g.name], n)
		}
	}
	first := guests[0] // what this one showed is not enough any more
	s.output(culvert(t), "group", "add", "browsers", "--require", "browser", "--dir", dir)
	s.output(culvert(t), "group", "set", "browsers", "--add", first.name, "--dir", dir)
	server.expect(regexp.MustCompile(`user=`+first.name+` because="more is required than was shown`), 1, patience)
	first.client.expect(regexp.MustCompile("AUTH_FAILED,SESSION"), 1, patience)
	for _, g := range guests[1:] {
		began := time.Now()
		s.output(culvert(t), "user", "disable", g.name, "--dir", dir)
		told := time.Now()
		server.expect(regexp.MustCompile(`user `+g.name+` is disabled`), 1, patience)
		t.Logf("%s is out %v after the command, which took %v", g.name, time.Since(told).Round(time.Millisecond), told.Sub(began).Round(time.Millisecond))
		g.client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
		if took := time.Since(began); took > outBy {
			t.Errorf("%s is out after %v", g.name, took)
		}
	}
}

// reach connects to a client's management interface, once it is there.
func reach(t *testing.T, socket string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
