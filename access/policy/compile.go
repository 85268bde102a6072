package policy

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"

	"github.com/gaissmai/bart"
)

// Place is where the server is, as far as a policy has words for it.
type Place struct {
	Server []netip.Addr   // its addresses, in the tunnel and elsewhere
	Inside []netip.Prefix // networks that are not the Internet, besides private ones
	// Clients are the networks of clients' addresses, for questions about them; none stand
	// for 10.8.0.0/24.
	Clients []netip.Prefix
	// Domain is the one in which clients have names, for questions; "": none.
	Domain string
	// IPv6 reports whether clients are given addresses of IPv6.
	IPv6 bool
}

// Who is a client, as far as a policy has words for it. Any field may be empty.
type Who struct {
	CommonName string
	User       string
	Device     string // DEVICE.USER
	Groups     []string
}

// Policy is a file, ready for packets. It is safe for concurrent use.
type Policy struct {
	file      *File
	place     Place
	selectors map[Party]int32 // clients that rules have words for
	starts    [][]int32       // the rules in which a selector opens connections
	reached   [][]int32       // the rules in which it is reached

	mu      sync.Mutex
	classes map[string]*class
}

// class is what holds for all clients that the same rules are about. It is never changed.
type class struct {
	free bool // nothing is forbidden
	// selectors are what the client is.
	selectors []int32
	out       *bart.Table[*portTable] // by destination: networks that the client may or may not reach
	in        *bart.Table[*portTable] // by source: networks that may or may not reach the client
	to        map[int32]*portTable    // by selector: other clients that the client may or may not reach
}

// Compile makes a policy of a file for a server.
func Compile(f *File, place Place) *Policy {
	p := &Policy{file: f, place: place, selectors: make(map[Party]int32), classes: make(map[string]*class)}
	for i, r := range f.rules {
		p.note(r.from, &p.starts, int32(i))
		p.note(r.to, &p.reached, int32(i))
	}
	return p
}

// note notes a rule with the selectors of one of its sides.
func (p *Policy) note(side []Party, rules *[][]int32, rule int32) {
	for _, party := range side {
		if party = party.clients(); !party.isClients() {
			continue
		}
		at, known := p.selectors[party]
		if !known {
			at = int32(len(p.selectors))
			p.selectors[party] = at
			p.starts, p.reached = append(p.starts, nil), append(p.reached, nil)
		}
		if list := &(*rules)[at]; len(*list) == 0 || (*list)[len(*list)-1] != rule {
			*list = append(*list, rule)
		}
	}
}

// parties are all words that could be meant for a client.
func (w Who) parties() []Party {
	all := []Party{{Kind: Everyone}}
	add := func(kind Kind, name string) {
		if name != "" {
			all = append(all, Party{Kind: kind, Name: name})
		}
	}
	add(User, w.User)
	add(Device, w.Device)
	add(Client, w.CommonName)
	for _, g := range w.Groups {
		add(Group, g)
	}
	return all
}

// is reports whether a client is one of these.
func (w Who) is(list []Party) bool {
	all := w.parties()
	return slices.ContainsFunc(list, func(p Party) bool { return slices.Contains(all, p) })
}

// classOf returns what holds for a client.
func (p *Policy) classOf(who Who) *class {
	var selectors []int32
	for _, party := range who.parties() {
		if at, known := p.selectors[party]; known {
			selectors = append(selectors, at)
		}
	}
	slices.Sort(selectors)
	selectors = slices.Compact(selectors)
	key := make([]byte, 0, 4*len(selectors))
	for _, s := range selectors {
		key = binary.BigEndian.AppendUint32(key, uint32(s))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.classes[string(key)]
	if c == nil {
		c = p.build(selectors)
		p.classes[string(key)] = c
	}
	return c
}

// build makes the tables of clients that are these selectors.
func (p *Policy) build(selectors []int32) *class {
	opens, reached := gather(selectors, p.starts), gather(selectors, p.reached)
	c := &class{selectors: selectors, free: p.file.allow && len(opens)+len(reached) == 0, to: make(map[int32]*portTable)}
	c.out = p.byNetwork(opens, func(r *rule) []Party { return r.to })
	c.in = p.byNetwork(reached, func(r *rule) []Party { return r.from })
	to := make(map[int32][]int32)
	for _, i := range opens {
		for _, party := range p.file.rules[i].to {
			if party = party.clients(); !party.isClients() {
				continue
			}
			if s := p.selectors[party]; len(to[s]) == 0 || to[s][len(to[s])-1] != i {
				to[s] = append(to[s], i)
			}
		}
	}
	for s, list := range to {
		c.to[s] = newPortTable(p.file.rules, list)
	}
	return c
}

// gather returns the rules of selectors, sorted, each once.
func gather(selectors []int32, rules [][]int32) (all []int32) {
	for _, s := range selectors {
		all = append(all, rules[s]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// everywhere are all addresses.
var everywhere = []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}

// private are the networks that are never the Internet.
var private = func() (all []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
		"::/8", "fc00::/7", "fe80::/10", "ff00::/8"} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// byNetwork makes the table of the networks on one side of rules: each network has all
// rules for its addresses, also those of larger networks.
func (p *Policy) byNetwork(rules []int32, side func(*rule) []Party) *bart.Table[*portTable] {
	exact, inside := new(bart.Table[[]int32]), new(bart.Table[bool])
	add := func(n netip.Prefix, i int32) {
		exact.Modify(n, func(list []int32, _ bool) ([]int32, bool) {
			if len(list) > 0 && list[len(list)-1] == i {
				return list, false
			}
			return append(list, i), false
		})
	}
	var exits []int32
	for _, i := range rules {
		for _, party := range side(&p.file.rules[i]) {
			switch party.Kind {
			case Network:
				add(party.Net, i)
			case Server:
				for _, a := range p.place.Server {
					add(netip.PrefixFrom(a, a.BitLen()), i)
				}
			case Anything:
				for _, n := range everywhere {
					add(n, i)
				}
			case Exit:
				exits = append(exits, i)
			}
		}
	}
	if len(exits) > 0 {
		p.cutInside(exact, inside)
	}
	table := new(bart.Table[*portTable])
	shared := make(map[string]*portTable)
	for n := range exact.All() {
		var list []int32
		for _, more := range exact.Supernets(n) {
			list = append(list, more...)
		}
		if !insideWhole(inside, n) {
			list = append(list, exits...)
		}
		table.Insert(n, p.shared(shared, list))
	}
	return table
}

// cutInside enters the networks that are not the Internet, and all others, so that each
// has a place of its own in the table.
func (p *Policy) cutInside(exact *bart.Table[[]int32], inside *bart.Table[bool]) {
	enter := func(n netip.Prefix, in bool) {
		if in {
			inside.Insert(n, true)
		}
		exact.Modify(n, func(list []int32, _ bool) ([]int32, bool) { return list, false })
	}
	for _, n := range everywhere {
		enter(n, false)
	}
	for _, n := range private {
		enter(n, true)
	}
	for _, n := range p.place.Inside {
		enter(n, true)
	}
	for _, a := range p.place.Server {
		enter(netip.PrefixFrom(a, a.BitLen()), true)
	}
}

// insideWhole reports whether all addresses of n are inside.
func insideWhole(inside *bart.Table[bool], n netip.Prefix) bool {
	_, in := inside.LookupPrefix(n)
	return in
}

// shared returns the table of rules, which several networks may have in common.
func (p *Policy) shared(made map[string]*portTable, list []int32) *portTable {
	slices.Sort(list)
	list = slices.Compact(list)
	var key []byte
	for _, i := range list {
		key = binary.BigEndian.AppendUint32(key, uint32(i))
	}
	t := made[string(key)]
	if t == nil {
		t = newPortTable(p.file.rules, list)
		made[string(key)] = t
	}
	return t
}

// opens returns the first rule for a connection from one side to the other, or none. A
// side that is no client has a nil class.
func opens(from, to *class, src, dst netip.Addr, proto protocol, port uint16) int32 {
	first := none
	if from != nil {
		if t, ok := from.out.Lookup(dst); ok {
			first = min(first, t.first(proto, port))
		}
	}
	if to == nil {
		return first
	}
	if t, ok := to.in.Lookup(src); ok {
		first = min(first, t.first(proto, port))
	}
	if from != nil && len(from.to) > 0 {
		for _, s := range to.selectors {
			first = min(first, from.to[s].first(proto, port))
		}
	}
	return first
}

// verdict returns whether a connection may be opened, and if not, why.
func (p *Policy) verdict(rule int32) (allowed bool, why string) {
	if rule == none {
		return p.file.allow, p.file.without
	}
	r := &p.file.rules[rule]
	return r.allow, r.why
}
