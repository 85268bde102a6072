package top

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/internal/printable"
	"culvert/operate/backend"
)

// Options are how a status is shown.
type Options struct {
	Width int    // of the terminal; 0: lines are as long as they need
	Sort  string // one of Sorts; "": the first
	Match string // only peers with this in their name, user or an address, in upper or lower case
}

// Sorts are what peers can be sorted by. Who is connected comes first, whatever it is.
var Sorts = []string{"active", "name", "since", "in", "out", "heard"}

// order compares two peers by one of Sorts; those who are connecting are last.
func order(by string) func(a, b *backend.Peer) int {
	ways := map[string]func(a, b *backend.Peer) int{
		"name":  func(a, b *backend.Peer) int { return strings.Compare(a.Name, b.Name) },
		"since": func(a, b *backend.Peer) int { return a.Since.Compare(b.Since) },
		"in":    func(a, b *backend.Peer) int { return cmp.Compare(b.BytesIn, a.BytesIn) },
		"out":   func(a, b *backend.Peer) int { return cmp.Compare(b.BytesOut, a.BytesOut) },
	}
	way := ways[by]
	if way == nil { // active, heard
		way = func(a, b *backend.Peer) int { return b.LastHeard.Compare(a.LastHeard) }
	}
	rank := func(p *backend.Peer) int {
		switch {
		case p.Connecting:
			return 2
		case len(p.KeptFor) > 0:
			return 1
		}
		return 0
	}
	return func(a, b *backend.Peer) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), way(a, b), strings.Compare(a.Name, b.Name), cmp.Compare(a.Number, b.Number))
	}
}

// matches reports whether a peer has a text in what it is known by.
func matches(p *backend.Peer, text string) bool {
	if text == "" {
		return true
	}
	text = strings.ToLower(text)
	for _, known := range []string{p.Name, p.User, p.Remote, addresses(p)} {
		if strings.Contains(strings.ToLower(known), text) {
			return true
		}
	}
	return false
}

func addresses(p *backend.Peer) string {
	var all []string
	for _, a := range []netip.Addr{p.IPv4, p.IPv6} {
		if a.IsValid() {
			all = append(all, a.String())
		}
	}
	return strings.Join(all, " ")
}

// selected are the peers to show, in order.
func selected(peers []backend.Peer, by, match string) []*backend.Peer {
	all := make([]*backend.Peer, 0, len(peers))
	for i := range peers {
		if matches(&peers[i], match) {
			all = append(all, &peers[i])
		}
	}
	slices.SortStableFunc(all, order(by))
	return all
}

var statusColumns = []column{
	{head: "NAME", most: 24}, {head: "USER", most: 20}, {head: "FOR", right: true}, {head: "INSIDE"}, {head: "FROM"},
	{head: "IN", right: true}, {head: "OUT", right: true}, {head: "HEARD", right: true},
	{head: "CIPHER", spare: true}, {head: "PEER-ID", right: true, spare: true}, {head: "NOTES"},
}

// row is a peer in statusColumns.
func row(p *backend.Peer, now time.Time) []string {
	long, user, id := since(p.Since, now), name(p.User), ""
	if p.Connecting {
		long = "connecting"
	}
	if p.User == p.Name {
		user = ""
	}
	if p.PeerID != nil {
		id = fmt.Sprint(*p.PeerID)
	}
	return []string{name(p.Name), user, long, addresses(p), name(p.Remote), bytesText(p.BytesIn), bytesText(p.BytesOut), since(p.LastHeard, now), name(p.Cipher), id, notes(p)}
}

// notes are what few peers have.
func notes(p *backend.Peer) string {
	var all []string
	if p.Path != nil {
		all = append(all, p.Path.String())
	}
	if len(p.KeptFor) > 0 {
		text := fmt.Sprintf("kept for what is open from %v", p.KeptFor[0])
		for _, a := range p.KeptFor[1:] {
			text += fmt.Sprintf(" and %v", a)
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// Text is a status for people: what matters most, who is connected, a line each, and what
// was dropped.
func Text(s *backend.Status, o Options, now time.Time) string {
	var b strings.Builder
	add := func(format string, args ...any) {
		b.WriteString(cut(fmt.Sprintf(format, args...), o.Width) + "\n")
	}
	add("%s on %s, up %s", name(s.Role), name(s.Adapter), timeText(now.Sub(s.Since)))
	for _, w := range warnings(s) {
		add("! %s", w)
	}
	add("%s", totals(s))
	peers := selected(s.Peers, o.Sort, o.Match)
	rows := make([][]string, len(peers))
	for i, p := range peers {
		rows[i] = row(p, now)
	}
	if len(rows) > 0 {
		head, lines := table(statusColumns, rows, o.Width)
		b.WriteString(head + "\n" + strings.Join(lines, "\n") + "\n")
	} else if o.Match != "" {
		add("no peer has %s in its name, user or addresses", printable.Name(o.Match))
	}
	for _, line := range append(chosen(s.Chosen), lists(s)...) {
		add("%s", line)
	}
	for _, line := range dropped(s.Drops) {
		add("%s", line)
	}
	return b.String()
}

// warnings are what somebody should do something about.
func warnings(s *backend.Status) (all []string) {
	if err := s.Health(); err != nil {
		all = append(all, name(err.Error()))
	}
	if e := s.Endings; e != nil && e.In30 > 0 {
		all = append(all, fmt.Sprintf("certificates that end: %d within 30 days, %d within 14, %d within 7; next profiles that wait to be handed over: %d (culvert authority show)", e.In30, e.In14, e.In7, e.Ready))
	}
	for _, r := range s.Records {
		if r.Trouble != "" {
			all = append(all, fmt.Sprintf("%s cannot be written or told now: %s", name(r.Name), printable.Line(r.Trouble)))
		}
		if r.Lost > 0 {
			all = append(all, fmt.Sprintf("%s: %d changes were lost since this process began", name(r.Name), r.Lost))
		}
	}
	return all
}

// totals are how many peers there are, and what passed with them.
func totals(s *backend.Status) string {
	var in, out uint64
	connecting := 0
	for i := range s.Peers {
		in, out = in+s.Peers[i].BytesIn, out+s.Peers[i].BytesOut
		if s.Peers[i].Connecting {
			connecting++
		}
	}
	text := fmt.Sprintf("peers: %d", len(s.Peers)-connecting)
	if connecting > 0 {
		text += fmt.Sprintf(", and %d connecting", connecting)
	}
	return text + fmt.Sprintf("; %s in from them, %s out to them", bytesText(in), bytesText(out))
}

// chosen is what a client leads into the tunnel or past it.
func chosen(c *backend.Chosen) (all []string) {
	if c == nil {
		return nil
	}
	for _, side := range []struct {
		word string
		list []string
	}{{"only", c.Only}, {"except", c.Except}} {
		if len(side.list) > 0 {
			all = append(all, side.word+": "+printable.Line(strings.Join(side.list, ", ")))
		}
	}
	if c.Addresses > 0 || c.Trouble != "" {
		text := fmt.Sprintf("addresses of chosen names: %d", c.Addresses)
		if c.Trouble != "" {
			text += "; the last ones were not learned: " + printable.Line(c.Trouble)
		}
		all = append(all, text)
	}
	return all
}

func lists(s *backend.Status) []string {
	if s.Marked > 0 {
		return []string{fmt.Sprintf("marked for congestion (ECN): %d packets", s.Marked)}
	}
	return nil
}

// reasons are the reasons of drops, the most frequent first.
func reasons(drops map[string]uint64) []string {
	return slices.SortedFunc(maps.Keys(drops), func(x, y string) int {
		return cmp.Or(cmp.Compare(drops[y], drops[x]), strings.Compare(x, y))
	})
}

// dropped is what was dropped, and what that means.
func dropped(drops map[string]uint64) []string {
	if len(drops) == 0 {
		return []string{"dropped: nothing"}
	}
	all := []string{"dropped, in packets:"}
	for _, reason := range reasons(drops) {
		line := fmt.Sprintf("%8d  %s", drops[reason], name(reason))
		if m := meanings[reason]; m != "" {
			line += ": " + m
		}
		all = append(all, line)
	}
	return all
}
