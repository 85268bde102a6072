//go:build interop

package interop

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestManagedLogins: both ends have a manager. The server's asks for a code by a challenge
// (CRV1), then by a message (CR_TEXT), and lets the client in; it sends the user to a page
// when keys are renewed (WEB_AUTH), and in the end refuses. Each end's messages are the
// same, whichever program it is.
func TestManagedLogins(t *testing.T) {
	t.Parallel()
	logs := map[string]*[2]*transcript{}
	t.Run("all", func(t *testing.T) {
		for _, who := range bothWays {
			log := new([2]*transcript)
			logs[who.name()] = log
			t.Run(who.name(), func(t *testing.T) {
				t.Parallel()
				log[0], log[1] = managedLogins(t, who)
			})
		}
	})
	for _, pair := range []struct {
		end          int
		theirs, ours pairing
	}{
		{0, pairing{stock, stock}, pairing{stock, ours}}, {0, pairing{ours, stock}, pairing{ours, ours}},
		{1, pairing{stock, stock}, pairing{ours, stock}}, {1, pairing{stock, ours}, pairing{ours, ours}},
	} {
		theirs, ours := logs[pair.theirs.name()], logs[pair.ours.name()]
		if theirs[0] != nil && ours[0] != nil {
			t.Log(pair.theirs.name(), "and", pair.ours.name())
			same(t, theirs[pair.end], ours[pair.end])
		}
	}
}

func managedLogins(t *testing.T, who pairing) (atServer, atClient *transcript) {
	h := newHosts(t)
	ofServer, ofClient := filepath.Join(h.s.dir, "management"), filepath.Join(h.c.dir, "management")
	server := h.s.run(who.server, h.s.serverConfig(serverParty(t, plain, "management "+ofServer+" unix", "management-client-auth", "reneg-sec 4 4")))
	s, atServer := newManager(t, ofServer), new(transcript)
	server.up()
	h.c.run(who.client, h.c.clientConfig(clientParty(t, plain, "management "+ofClient+" unix", "management-query-passwords", "management-hold", "auth-user-pass",
		"auth-retry interact", "setenv IV_SSO webauth,crtext", "push-peer-info", "reneg-sec 0", "connect-retry 1"), h.w.b4))
	c, atClient := newManager(t, ofClient), new(transcript)
	c.ask("state on")
	// logsIn enters a password, once the client is released and asks for one.
	logsIn := func(word string) {
		c.want(`^>HOLD:`)
		c.ask("hold release")
		atClient.add("Need", c.want(`^>PASSWORD:Need.*`)[0])
		c.ask(`username "Auth" ada`)
		c.ask(fmt.Sprintf("password \"Auth\" %q", word))
	}
	asked := func(what string) string {
		head, variables := s.told(what)
		atServer.add(what, variables...)
		return head[1] + " " + head[2]
	}
	logsIn("secret")
	login := asked("CONNECT")
	atServer.add("client-deny", s.ask("client-deny "+login+` "a code is needed" "CRV1:R,E:state77:YWRh:Please, the code"`)...)
	atClient.add("CRV1", c.want(`^>PASSWORD:Verification Failed.*`)[0])
	logsIn("CRV1::state77::4711")
	login = asked("CONNECT")
	atServer.add("client-pending-auth", s.ask("client-pending-auth "+login+` "CR_TEXT:R,E:Your code" 30`)...)
	atClient.add("CR_TEXT", c.want(`^>INFOMSG:.*`)[0])
	atClient.add("cr-response", c.ask("cr-response NDcxMQ==")...)
	head, variables := s.told(`CR_RESPONSE`)
	atServer.add("CR_RESPONSE", append([]string{head[3]}, variables...)...)
	atServer.add("client-auth-nt", s.ask("client-auth-nt "+login)...)
	_, variables = s.told("ESTABLISHED")
	atServer.add("ESTABLISHED", variables...)
	c.want(`^>STATE:.*,CONNECTED,`)
	login = asked("REAUTH")
	atServer.add("client-pending-auth", s.ask("client-pending-auth "+login+` "WEB_AUTH::https://login.example/?x=1" 20`)...)
	atClient.add("WEB_AUTH", c.want(`^>INFOMSG:.*`)[0])
	atServer.add("client-auth-nt", s.ask("client-auth-nt "+login)...)
	login = asked("REAUTH")
	atServer.add("client-deny", s.ask("client-deny "+login+` "no more" "that is all"`)...)
	atClient.add("refused", c.want(`^>PASSWORD:Verification Failed.*`)[0])
	_, variables = s.told("DISCONNECT")
	atServer.add("DISCONNECT", variables...)
	return atServer, atClient
}

// told returns a message about a client, with the names of its variables and what they
// say of the client and its authority, without those that peers differ in.
func (m *manager) told(what string) (head, variables []string) {
	m.t.Helper()
	head = m.want(`^>CLIENT:` + what + `,(\d+)(?:,(\d+))?(?:,(.*))?`)
	for {
		line := m.want(`^>CLIENT:ENV,(.*)`)[1]
		name, value, _ := strings.Cut(line, "=")
		switch {
		case line == "END":
			return head, variables
		case strings.HasPrefix(name, "IV_"), strings.HasPrefix(name, "bytes_"), name == "time_duration":
		case slices.Contains([]string{"common_name", "username", "password", "X509_0_CN", "X509_1_CN", "n_clients", "script_context", "dev", "tun_mtu"}, name):
			variables = append(variables, name+"="+value)
		default:
			variables = append(variables, name)
		}
	}
}

// TestManagementPlaces: the interface at a TCP port behind a password, of a process that
// gives up its rights; at a program that waits for the process (management-client); and
// the word that a process ends for.
func TestManagementPlaces(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{stock, ours} {
		t.Run(impl.name, func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			password := h.s.file("password", "word\n")
			socket := filepath.Join(h.s.dir, "pipe")
			server := h.s.run(impl, h.s.serverConfig(serverParty(t, plain, "management 127.0.0.1 7505 "+password, "user nobody", "group nogroup", "management-hold", "local "+h.w.b4.String()))).up
			h.s.helper("pipe", socket, "127.0.0.1:7505").expect(regexp.MustCompile("^listening"), 1, patience)
			conn := patient(t, socket, "ENTER PASSWORD:")
			fmt.Fprintln(conn, "word")
			m := managerOn(t, conn)
			if got, _ := m.next(&m.answers); got != "SUCCESS: password is correct" {
				t.Errorf("%q", got)
			}
			m.ask("state on")
			m.ask("hold release")
			server()
			m.want(`^>STATE:\d+,CONNECTED,SUCCESS,10\.8\.0\.1,,,198\.18\.0\.2,1194,fd00:8::1$`)
			if got := m.ask("pid"); !strings.HasPrefix(got[0], "SUCCESS: pid=") {
				t.Errorf("%q", got)
			}
			fails(t, h, impl)
		})
	}
}

// fails has another server connect to its manager, and fail for want of its own address.
func fails(t *testing.T, h hosts, impl implementation) {
	socket := filepath.Join(h.c.dir, "waits")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := h.c.run(impl, h.c.serverConfig(serverParty(t, plain, "management "+socket+" unix", "management-client", "management-hold", "local 203.0.113.7")))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	m := managerOn(t, conn)
	m.want(`^>HOLD:`)
	m.ask("hold release")
	m.want(`^>FATAL:.*(203\.0\.113\.7)`)
	p.wait(patience)
}

// patient connects to a pipe once what is behind it says hello.
func patient(t *testing.T, socket, hello string) net.Conn {
	t.Helper()
	for {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(hello))
		if _, err := io.ReadFull(conn, got); err == nil && string(got) == hello {
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		conn.Close()
	}
}

// pipe carries connections to a Unix socket on to an address.
func pipe(socket, to string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		a, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer a.Close()
			b, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer b.Close()
			go func() { io.Copy(b, a); b.Close() }()
			io.Copy(a, b)
		}()
	}
}
