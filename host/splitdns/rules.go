// Package splitdns is a small resolver on this host that divides names: it passes each
// question on as it is, those for some domains to the tunnel's name servers and all others
// to those that this host asked before. What an answer for a chosen domain leads to is
// learned, so that a route can be made of it, before the asker gets the answer.
//
// It listens on loopback alone, keeps no answers, and asks nothing by itself.
package splitdns

import (
	"strings"

	"culvert/internal/domain"
)

// Rules say whom to ask for a name, and of which answers to learn. A domain stands for its
// own name and all names below it; with "*." in front, for those below it only; "." stands
// for all names. Of several domains that a name is in, the longest counts.
type Rules struct {
	Tunnel  []string // ask the tunnel's name servers
	Host    []string // ask this host's own
	Learned []string // learn the addresses, except in longer ones of Host
}

// Decision is what to do about a name.
type Decision struct {
	Tunnel bool // ask the tunnel's name servers, else this host's own
	Learn  bool // learn the addresses in the answer
}

// mark is what rules say of a domain.
type mark struct{ tunnel, host, learn bool }

// table is Rules, to look names up in. The keys are lower case without a dot at the end;
// "" is the root.
type table struct {
	self  map[string]mark // the domain's own name and all below
	below map[string]mark // all below
}

func newTable(r Rules) *table {
	t := &table{map[string]mark{}, map[string]mark{}}
	for _, d := range r.Tunnel {
		t.note(d, func(m *mark) { m.tunnel = true })
	}
	for _, d := range r.Host {
		t.note(d, func(m *mark) { m.host = true })
	}
	for _, d := range r.Learned {
		t.note(d, func(m *mark) { m.learn = true })
	}
	return t
}

func (t *table) note(pattern string, set func(*mark)) {
	name, below := strings.CutPrefix(pattern, "*.")
	in := t.self
	if below {
		in = t.below
	}
	name = canonical(name)
	if ascii, err := domain.ASCII(name); err == nil {
		name = canonical(ascii)
	}
	m := in[name]
	set(&m)
	in[name] = m
}

// canonical returns a name in lower case without a dot at its end.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// decide looks a canonical name up. named reports whether a domain other than the root says
// whom to ask.
func (t *table) decide(name string) (d Decision, named bool) {
	decided, settled := false, false
	take := func(m mark, domain string) {
		if !settled && (m.learn || m.host) {
			settled, d.Learn = true, m.learn
		}
		if !decided && (m.tunnel || m.host) {
			decided, named, d.Tunnel = true, domain != "", !m.host
		}
	}
	take(t.self[name], name)
	for rest := name; rest != ""; {
		_, rest, _ = strings.Cut(rest, ".")
		take(t.below[rest], rest)
		take(t.self[rest], rest)
	}
	return d, named
}

// Decider returns a function that says whether a name is the tunnel's by the rules, and whether
// a domain other than the root says so.
func (r Rules) Decider() func(name string) (tunnel, named bool) {
	t := newTable(r)
	return func(name string) (bool, bool) {
		d, named := t.decide(canonical(name))
		return d.Tunnel, named
	}
}
