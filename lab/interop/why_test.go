//go:build interop

package interop

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
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
	within  time.Duration // of that time; 0: knownBy
}

// knownBy is how long what went wrong may stay unsaid, from the first packet on, and room
// how much longer a busy machine may take.
const (
	knownBy = 5 * time.Second
	room    = 5 * time.Second
)

// TestWhy: whatever keeps a connection from working is said once, with what mends it, at
// the moment it is known. It writes the table in docs/why.md.
func TestWhy(t *testing.T) {
	t.Parallel()
	culvert(t)
	all := slices.Concat(negotiationWhys, certificateWhys, dataWhys, armourWhys, hostWhys, sizeWhys, peopleWhys, strangerWhys)
	page := newWhyPage(t, len(all))
	for i, w := range all {
		t.Run(strings.ReplaceAll(w.row+"/"+w.fault+"/"+w.role, " ", "-"), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			p, from := w.provoke(t, h)
			line := regexp.MustCompile(`(?i)^(\S+ \S+ (INF|WRN|ERR) |culvert: ).*` + w.says)
			p.expect(line, 1, patience)
			took := p.when(line).Sub(from)
			t.Logf("said after %v: %s", took.Round(10*time.Millisecond), p.first(line))
			if took > cmp.Or(w.within, knownBy)+room {
				t.Errorf("said only after %v", took)
			}
			if n := p.count(line); n != 1 {
				t.Errorf("said %d times", n)
			}
			page.saw(i, whyLine(w, p.first(line)))
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
	other  implementation // nil command: stock
	server func(k *credentials, p *party)
	client func(k *credentials, p *party)
	wall   string // rules of the server's host: a chain in and a chain out
	how    *combination
	// then is done once the tunnel is up; without, it need not come up.
	then func(t *testing.T, h hosts)
	near bool // the client's remote is an address of its own host, where a relay is
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
		remote := client.outer(h.w.b4, h.w.b6)
		if m.near {
			remote = netip.MustParseAddr("127.0.0.1")
		}
		cl := h.c.run(who.client, h.c.clientConfig(client, remote))
		cl.expect(anyLine, 1, patience)
		from := cl.when(anyLine) // before the first packet: each of them says first who it is
		if m.then != nil {
			cl.up()
			from = time.Now()
			m.then(t, h)
		}
		if role == "client" {
			return cl, from
		}
		return s, from
	}
}

var anyLine = regexp.MustCompile(`.`)

func wallIn(rule string) string {
	return "chain in { type filter hook input priority 0; udp dport 1194 " + rule + "\n}"
}

func wallOut(rule string) string {
	return "chain out { type filter hook output priority 0; udp sport 1194 " + rule + "\n}"
}
