//go:build interop

package interop

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// manager is a program that manages a process by OpenVPN's protocol.
type manager struct {
	t    testing.TB
	conn net.Conn

	mu      sync.Mutex
	lines   []string // all
	notices []string // that want has not read: lines that begin with ">"
	answers []string // that ask has not read: the others
	changed chan struct{}
	ended   bool
}

// newManager connects to the management socket of a process, once it is there.
func newManager(t testing.TB, socket string) *manager {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			return managerOn(t, conn)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// managerOn manages the process at the other end of a connection.
func managerOn(t testing.TB, conn net.Conn) *manager {
	t.Helper()
	m := &manager{t: t, conn: conn, changed: make(chan struct{})}
	t.Cleanup(func() { m.conn.Close() })
	go m.collect()
	m.want(`^>INFO:OpenVPN Management Interface Version 5 `)
	return m
}

func (m *manager) collect() {
	for in := bufio.NewScanner(m.conn); in.Scan(); {
		m.note(func() {
			m.lines = append(m.lines, in.Text())
			if strings.HasPrefix(in.Text(), ">") {
				m.notices = append(m.notices, in.Text())
			} else {
				m.answers = append(m.answers, in.Text())
			}
		})
	}
	m.note(func() { m.ended = true })
}

func (m *manager) note(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	close(m.changed)
	m.changed = make(chan struct{})
}

// next takes the next line of a queue; false: there is none, and none will come in time.
func (m *manager) next(queue *[]string) (line string, ok bool) {
	late := time.After(patience)
	for {
		m.mu.Lock()
		if len(*queue) > 0 {
			line, *queue = (*queue)[0], (*queue)[1:]
			m.mu.Unlock()
			return line, true
		}
		ended, changed := m.ended, m.changed
		m.mu.Unlock()
		if ended {
			return "", false
		}
		select {
		case <-changed:
		case <-late:
			return "", false
		}
	}
}

// missing ends the test, for want of a line.
func (m *manager) missing(what string) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.t.Fatalf("no line %s in\n%s", what, strings.Join(m.lines, "\n"))
}

// want waits for a message, and returns what its groups found. Those before it are passed
// over.
func (m *manager) want(pattern string) []string {
	m.t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		line, ok := m.next(&m.notices)
		if !ok {
			m.missing(pattern)
		}
		if found := re.FindStringSubmatch(line); found != nil {
			return found
		}
	}
}

// ask sends a command and returns the answer, without messages that come between.
func (m *manager) ask(command string) (answer []string) {
	m.t.Helper()
	if _, err := fmt.Fprintln(m.conn, command); err != nil {
		m.t.Fatal(err)
	}
	for {
		line, ok := m.next(&m.answers)
		if !ok {
			m.missing("that ends the answer to " + command)
		}
		answer = append(answer, line)
		if line == "END" || len(answer) == 1 && (strings.HasPrefix(line, "SUCCESS:") || strings.HasPrefix(line, "ERROR:")) {
			return answer
		}
	}
}

// block returns a message about a client, with its variables.
func (m *manager) block(what string) (head []string, names []string) {
	m.t.Helper()
	head = m.want(`^>CLIENT:` + what + `,(\d+)(?:,(\d+))?`)
	for {
		line := m.want(`^>CLIENT:ENV,(.*)`)[1]
		if line == "END" {
			return head, names
		}
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
}

// masked is a line without what differs from run to run.
func masked(line string) string {
	for _, m := range []struct{ pattern, with string }{
		{`OpenVPN 2\.\S+ .*`, "TITLE"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, "CLOCK"},
		{`\b1[6-9]\d{8}\b`, "TIME"},
		{`(198\.18\.\d+\.\d+):\d+`, "$1:PORT"},
		{`pid=\d+`, "pid=N"},
		{`bytes(in|out)=\d+`, "bytes$1=N"},
		{`bytes,\d+`, "bytes,N"},
		{`(PORT[,\t](?:[0-9.]*[,\t][0-9a-f:]*[,\t])?)\d+([,\t])\d+`, "${1}N${2}N"},
		{`queue length([,\t])\d`, "queue length${1}N"},
	} {
		line = regexp.MustCompile(m.pattern).ReplaceAllString(line, m.with)
	}
	return line
}

// transcript is what a session showed, step by step.
type transcript struct{ steps []string }

func (s *transcript) add(step string, lines ...string) {
	for i, line := range lines {
		lines[i] = masked(line)
	}
	// Whether a client asks for its settings, or gets them before, is a matter of chance.
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "TIME,GET_CONFIG,") })
	slices.SortStableFunc(lines, byAddress)
	s.steps = append(s.steps, "## "+step+"\n"+strings.Join(lines, "\n"))
}

// byAddress orders lines of the routing table, which OpenVPN has in the order of a hash.
func byAddress(a, b string) int {
	route := regexp.MustCompile(`^(ROUTING_TABLE.)?[0-9a-f.:/]+[,\t]` + clientName)
	if !route.MatchString(a) || !route.MatchString(b) {
		return 0
	}
	return strings.Compare(a, b)
}

// same compares two transcripts, step by step.
func same(t *testing.T, theirs, ours *transcript) {
	t.Helper()
	for i := range max(len(theirs.steps), len(ours.steps)) {
		var a, b string
		if i < len(theirs.steps) {
			a = theirs.steps[i]
		}
		if i < len(ours.steps) {
			b = ours.steps[i]
		}
		if a != b {
			t.Errorf("OpenVPN:\n%s\nours:\n%s", a, b)
		}
	}
}

// TestManagementServer: one session with a server by the management protocol, the same
// with OpenVPN and with ours, answer for answer.
func TestManagementServer(t *testing.T) {
	t.Parallel()
	theirs, ours := managedServer(t, stock), managedServer(t, ours)
	same(t, theirs, ours)
}

func managedServer(t *testing.T, impl implementation) *transcript {
	h := newHosts(t)
	socket := filepath.Join(h.s.dir, "management")
	server := h.s.run(impl, h.s.serverConfig(serverParty(t, plain, "management "+socket+" unix", "management-client-auth", "auth-user-pass-optional", "management-log-cache 300")))
	m, log := newManager(t, socket), new(transcript)
	server.up()
	for _, command := range []string{"version", "state", "state all", "state on", "echo all", "hold", "verb", "verb 4", "verb 3", "mute", "pid", "status", "status 2", "load-stats",
		"kill nobody", "kill 1.2.3.4:5", "client-kill 99", "client-auth-nt 99 0", "client-deny 99 0 why", "signal SIGFOO", "needok a ok", "needstr a b", "password Auth x", "username Auth x",
		"remote ACCEPT", "proxy NONE", "pk-sig", "nonsense", "env-filter", "net", "status 9", "test", "client-pending-auth 1 2 3", "cr-response x", "remote-entry-count"} {
		log.add(command, m.ask(command)...)
	}
	client := h.c.run(stock, h.c.clientConfig(clientParty(t, plain, "setenv IV_SSO crtext", "push-peer-info"), h.w.b4))
	head, names := m.block("CONNECT")
	cid, kid := head[1], head[2]
	log.add("CONNECT", ordered(names)...)
	log.add("client-auth", m.ask("client-auth "+cid+" "+kid+"\npush \"route 10.66.0.0 255.255.0.0\"\nEND")...)
	head, names = m.block("ESTABLISHED")
	log.add("ESTABLISHED", append([]string{head[1]}, ordered(names)...)...)
	client.up()
	if routes := h.c.ip("route"); !strings.Contains(routes, "10.66.0.0/16") {
		t.Errorf("%s: the block of client-auth has no effect:\n%s", impl.name, routes)
	}
	for _, command := range []string{"status 1", "status 2", "status 3", "bytecount 1"} {
		log.add(command, m.ask(command)...)
	}
	log.add("BYTECOUNT_CLI", regexp.MustCompile(`,\d+,\d+$`).ReplaceAllString(m.want(`^>BYTECOUNT_CLI:.*`)[0], ""))
	log.add("bytecount 0", m.ask("bytecount 0")...)
	log.add("kill", m.ask("kill "+clientName)...)
	client.stop(syscall.SIGTERM)
	second := h.c.run(stock, h.c.clientConfig(clientParty(t, plain, "setenv IV_SSO crtext", "push-peer-info"), h.w.b4))
	head, _ = m.block("CONNECT")
	cid, kid = head[1], head[2]
	log.add("client-pending-auth", m.ask("client-pending-auth "+cid+" "+kid+` "CR_TEXT:R,E:token" 30`)...)
	log.add("client-deny", m.ask("client-deny "+cid+" "+kid+` "for the log" "for the user"`)...)
	second.expect(regexp.MustCompile(`AUTH_FAILED,for the user|AUTH: Received control message: AUTH_FAILED,for the user`), 1, patience)
	log.add("signal", m.ask("signal SIGTERM")...)
	log.add("EXITING", m.want(`^>STATE:.*EXITING.*`)[0])
	server.wait(patience)
	return log
}

// ordered are names of variables that both programs set, in the order in which they came;
// docs/hooks.md has the others.
func ordered(names []string) []string {
	known := regexp.MustCompile(`^(n_clients|password|untrusted_|common_name|username|tls_(serial|digest|id)|X509_|config$|verb$|daemon|proto_|local_port_|remote_port_)`)
	return slices.DeleteFunc(names, func(name string) bool { return !known.MatchString(name) })
}

// TestManagementClient: one session with a client, the same with OpenVPN and with ours.
func TestManagementClient(t *testing.T) {
	t.Parallel()
	theirs, ours := managedClient(t, stock), managedClient(t, ours)
	same(t, theirs, ours)
}

func managedClient(t *testing.T, impl implementation) *transcript {
	h := newHosts(t)
	h.s.run(stock, h.s.serverConfig(serverParty(t, plain, `push "echo hello there"`, `push "route 10.66.0.0 255.255.0.0"`))).up()
	socket := filepath.Join(h.c.dir, "management")
	client := h.c.run(impl, h.c.clientConfig(clientParty(t, plain, "management "+socket+" unix", "management-hold"), h.w.b4))
	m, log := newManager(t, socket), new(transcript)
	log.add("HOLD", m.want(`^>HOLD:.*`)[0])
	for _, command := range []string{"state", "hold", "state on", "log on", "echo on", "load-stats", "kill nobody", "client-kill 0", "hold release"} {
		log.add(command, m.ask(command)...)
	}
	log.add("ECHO", m.want(`^>ECHO:.*`)[0])
	m.want(`^>LOG:\d+,I,.*Initialization Sequence Completed`)
	log.add("CONNECTED", m.want(`^>STATE:.*,CONNECTED,.*`)[0])
	log.add("bytecount", m.ask("bytecount 1")...)
	m.want(`^>BYTECOUNT:\d+,\d+$`)
	for _, command := range []string{"bytecount 0", "state", "state all", "status", "echo all", "remote-entry-get all", "signal SIGUSR1"} {
		log.add(command, m.ask(command)...)
	}
	log.add("RECONNECTING", m.want(`^>STATE:.*,RECONNECTING,.*`)[0])
	m.want(`^>HOLD:`)
	log.add("hold off", m.ask("hold off")...)
	log.add("hold release", m.ask("hold release")...)
	log.add("CONNECTED", m.want(`^>STATE:.*,CONNECTED,.*`)[0])
	log.add("signal", m.ask("signal SIGTERM")...)
	log.add("EXITING", m.want(`^>STATE:.*,EXITING,.*`)[0])
	client.wait(patience)
	return log
}

// TestThreeManagers: three programs manage one server at a time. All hear of a client, and
// the first that answers decides.
func TestThreeManagers(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	socket := filepath.Join(h.s.dir, "management")
	h.s.run(ours, h.s.serverConfig(serverParty(t, plain, "management "+socket+" unix", "management-client-auth", "auth-user-pass-optional"))).up()
	all := []*manager{newManager(t, socket), newManager(t, socket), newManager(t, socket)}
	client := h.c.run(stock, h.c.clientConfig(clientParty(t, plain), h.w.b4))
	var login string
	for _, m := range all {
		head, _ := m.block("CONNECT")
		login = head[1] + " " + head[2]
	}
	if got := all[1].ask("client-auth-nt " + login); got[0] != "SUCCESS: client-auth command succeeded" {
		t.Errorf("the first answer: %q", got)
	}
	if got := all[2].ask("client-deny " + login + " no"); got[0] != "ERROR: client-deny command failed" {
		t.Errorf("an answer that comes too late: %q", got)
	}
	for _, m := range all {
		m.block("ESTABLISHED")
	}
	client.up()
	h.c.ping(serverIPv4)
}

// TestVerbOfTheKeeper: `verb` by the management interface of a server without root's rights also
// counts for the process that keeps them, which takes the changes of this host back at the end.
func TestVerbOfTheKeeper(t *testing.T) {
	t.Parallel()
	takenBack := regexp.MustCompile(`INF removed address`)
	for verb, want := range map[string]bool{"3": true, "0": false} {
		t.Run("verb "+verb, func(t *testing.T) {
			n := newLab(t).host("s")
			socket := filepath.Join(openDir(t), "management")
			server := n.run(ours, n.serverConfig(serverParty(t, plain, "user nobody", "persist-tun", "persist-key", "management "+socket+" unix"))).up()
			mustBeNobody(t, server)
			newManager(t, socket).ask("verb " + verb)
			if err := server.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
			if said := server.count(takenBack) > 0; said != want {
				t.Errorf("the keeper said what it takes back: %v, want %v", said, want)
			}
		})
	}
}
