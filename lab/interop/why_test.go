//go:build interop

package interop

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// why is one fault of the table in docs/why.md, provoked with stock OpenVPN on the
// other side, and what ours has to say about it.
type why struct {
	row   string // what users see, as the page names it
	fault string // which of the row's faults
	role  string // ours: "client" or "server"
	// provoke has the fault happen, and returns our process and the time from which on
	// it can be known.
	provoke func(t *testing.T, h hosts) (*process, time.Time)
	says    string        // pattern of our log's line
	within  time.Duration // of the time; 0: knownBy
	often   bool          // a summary, which may come again
}

// knownBy is how long what went wrong may stay unsaid: five seconds, with room for a busy
// machine.
const knownBy = 5*time.Second + 3*time.Second

// TestWhy: whatever keeps a connection from working is said once, with what mends it, at
// the moment it is known.
func TestWhy(t *testing.T) {
	t.Parallel()
	for _, w := range whys {
		t.Run(strings.ReplaceAll(w.row+"/"+w.fault+"/"+w.role, " ", "-"), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			p, from := w.provoke(t, h)
			line := regexp.MustCompile(`(?i)` + w.says)
			p.expect(line, 1, patience)
			limit := w.within
			if limit == 0 {
				limit = knownBy
			}
			took := p.when(line).Sub(from)
			t.Logf("%s: said %v after it could be known: %s", w.role, took.Round(10*time.Millisecond), p.first(line))
			if took > limit {
				t.Errorf("said only after %v", took)
			}
			if n := p.count(line); n != 1 && !w.often {
				t.Errorf("said %d times", n)
			}
		})
	}
}

// when is the time of the first line of the log that matches.
func (p *process) when(re *regexp.Regexp) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, line := range p.lines {
		if re.MatchString(line) {
			return p.times[i]
		}
	}
	return time.Time{}
}

// first is the first line of the log that matches.
func (p *process) first(re *regexp.Regexp) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		if re.MatchString(line) {
			return line
		}
	}
	return ""
}

// meeting is a way to provoke a fault: two parties that disagree, or hosts with a wall
// between them, meet.
type meeting struct {
	other  implementation // "": stock
	server func(k *credentials, p *party)
	client func(k *credentials, p *party)
	wall   string // rules of the server's host: a chain in and a chain out
	how    *combination
}

// as has ours play a role.
func (m meeting) as(role string) func(t *testing.T, h hosts) (*process, time.Time) {
	return func(t *testing.T, h hosts) (*process, time.Time) {
		c := plain
		if m.how != nil {
			c = *m.how
		}
		server, client, k := serverParty(t, c), clientParty(t, c), keys(t)
		if m.server != nil {
			m.server(k, &server)
		}
		if m.client != nil {
			m.client(k, &client)
		}
		other := m.other
		if other.command == nil {
			other = stock
		}
		who := pairing{other, ours}
		if role == "client" {
			who = pairing{ours, other}
		}
		s := h.s.run(who.server, h.s.serverConfig(server)).up()
		if m.wall != "" {
			h.s.nft("table inet wall {\n" + m.wall + "\n}\n")
		}
		from := time.Now()
		cl := h.c.run(who.client, h.c.clientConfig(client, client.outer(h.w.b4, h.w.b6)))
		if role == "client" {
			return cl, from
		}
		return s, from
	}
}

func wallIn(rule string) string {
	return "chain in { type filter hook input priority 0; udp dport 1194 " + rule + "\n}"
}

func wallOut(rule string) string {
	return "chain out { type filter hook output priority 0; udp sport 1194 " + rule + "\n}"
}

const negotiation = "TLS key negotiation failed to occur within 60 seconds"

var whys = []why{
	{row: negotiation, fault: "nothing received", role: "client", provoke: meeting{wall: wallIn("drop")}.as("client"), says: `still connecting: nothing was received`},
	{row: negotiation, fault: "reset answered", role: "server", provoke: meeting{wall: wallOut("drop")}.as("server"), says: `answer`},
	{row: negotiation, fault: "hello lost", role: "client", provoke: meeting{wall: wallIn("meta length > 350 drop")}.as("client"), says: `still connecting`},
	{row: negotiation, fault: "hello lost", role: "server", provoke: meeting{wall: wallIn("meta length > 250 drop")}.as("server"), says: `stuck`},
	{row: negotiation, fault: "flight lost", role: "client", provoke: meeting{wall: wallOut("meta length > 700 drop")}.as("client"), says: `still connecting`},
	{row: negotiation, fault: "flight lost", role: "server", provoke: meeting{wall: wallOut("meta length > 700 drop")}.as("server"), says: `stuck`},
	{row: negotiation, fault: "certificate refused silently", role: "server", provoke: meeting{server: func(k *credentials, p *party) { p.identity = k.client }}.as("server"), says: `stuck`},
	{row: negotiation, fault: "unknown CA refused silently", role: "server", provoke: meeting{client: func(k *credentials, p *party) { p.ca = k.stranger.cert }}.as("server"), says: `stuck`},
	{row: negotiation, fault: "refused 2.5", role: "server", provoke: meeting{other: openvpn25.implementation, server: func(k *credentials, p *party) { p.identity = k.client }}.as("server"), says: `stuck`},
	{row: negotiation, fault: "refused 2.7", role: "server", provoke: meeting{other: openvpn27.implementation, server: func(k *credentials, p *party) { p.identity = k.client }}.as("server"), says: `stuck|alert|refuse`},
	{row: negotiation, fault: "client certificate refused silently", role: "client", provoke: meeting{client: func(k *credentials, p *party) { p.identity = k.strangerClient }}.as("client"), says: `still connecting`},
	{row: negotiation, fault: "client certificate refused 2.7", role: "client", provoke: meeting{other: openvpn27.implementation, client: func(k *credentials, p *party) { p.identity = k.strangerClient }}.as("client"), says: `still connecting|not connected`},
}
