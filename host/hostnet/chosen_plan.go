package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
)

// chosenFailure names what fails without marks.
const chosenFailure = "chosen programs"

// validMark has the kernel look for the way back to a packet's source by its mark.
const validMark = "net/ipv4/conf/all/src_valid_mark"

var (
	all4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	all6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)

// number gives a State what it takes to choose traffic: the numbers of this Applied, which
// it picks when it needs some for the first time. Where there are no marks, routes stand
// for learned addresses.
func (a *Applied) number(want *State) error {
	if !want.needsRules() {
		return nil
	}
	k := a.host.kernel
	want.space = a.host.store.space
	want.noMarks = k.limits().marks
	if want.Chosen != nil && want.noMarks == nil {
		if _, err := k.hasChosen(chosenTable{}); errors.Is(err, errGone) {
			want.noMarks = errNoFilter
		}
	}
	if want.noMarks != nil && want.Chosen != nil && want.Chosen.Inside.any() {
		return fmt.Errorf("programs that are to be inside would go outside: %w", want.noMarks)
	}
	if want.Chosen.learns() && want.noMarks != nil {
		want.Routes = slices.Concat(want.Routes, learnedRoutes(want.Chosen, a.learned.all()))
	}
	if k.limits().marks != nil {
		return nil
	}
	if a.numbers == (numbers{}) {
		rules, err := k.rules()
		if err != nil && !errors.Is(err, errNoIPv6) {
			return err
		}
		if a.numbers, err = freeNumbers(rules, a.host.hasRoutes); err != nil {
			return err
		}
	}
	want.numbers, want.learned = a.numbers, &a.learned
	return nil
}

func (h *host) hasRoutes(table int) (bool, error) {
	ways, err := h.kernel.routesIn(table)
	return len(ways) > 0, err
}

// observeChosen looks for what of the marks is there. but picks routes that do not lead
// past the tunnel.
func (h *host) observeChosen(want State, seen *observed, but func(way) bool) error {
	c := want.Chosen
	if c == nil || want.noMarks != nil {
		return nil
	}
	seen.groups, seen.uids = map[string]bool{}, map[string]uint32{}
	h.observePrograms(c.Inside, c.Inside.groups(&want, false), seen)
	h.observePrograms(c.Outside, c.Outside.groups(&want, true), seen)
	for _, w := range seen.routes.all() {
		if !but(w) && !w.Local && w.Device != "" {
			seen.past = append(seen.past, w)
		}
	}
	for _, n := range append(h.perInterface(conf4, "rp_filter"), "net/ipv4/conf/all/rp_filter", validMark) {
		if v, err := h.kernel.setting(n); err == nil {
			seen.settings[n] = v
		}
	}
	var err error
	seen.marking, err = h.kernel.hasChosen(chosenTableOf(want, seen))
	return err
}

func (h *host) observePrograms(p Programs, groups []string, seen *observed) {
	for _, g := range groups {
		there, err := h.kernel.hasGroup(g)
		if there {
			seen.groups[g] = true
		}
		if err != nil {
			seen.noGroups = err
		}
	}
	for _, u := range p.Users {
		if id, err := h.kernel.userID(u); err == nil {
			seen.uids[u] = id
		}
	}
}

// errNoFilter: what needs nftables is not to be had.
var errNoFilter = fmt.Errorf("%w; networks can be chosen without, and names by routes to each address", errNoTables)

// planChosen has programs and learned addresses go their ways.
func (p *planner) planChosen() {
	c := p.want.Chosen
	if c == nil {
		return
	}
	if why := p.want.noMarks; why != nil && c.programs() {
		p.fail(Failure{What: chosenFailure, Err: why})
	}
	if p.want.noMarks != nil || !c.programs() && !c.learns() {
		return
	}
	p.planMembers(c.Inside, false)
	p.planMembers(c.Outside, true)
	p.planLanes(c)
	for _, r := range c.rules(p.want.numbers) {
		if (!r.IPv6 || !p.is.noRules6) && !slices.Contains(p.is.rules, r) {
			p.add(&ruleChange{r})
		}
	}
	if p.strict() && p.is.settings[validMark] == "0" {
		p.add(&settingChange{Name: validMark, Set: "1", Was: "0"})
	}
	p.add(&chosenChange{chosenTable: chosenTableOf(p.want, &p.is), learned: p.want.learned})
}

// planMembers makes the group for programs that are started to be in it, and says who is
// not there.
func (p *planner) planMembers(side Programs, outside bool) {
	for _, u := range side.Users {
		if _, known := p.is.uids[u]; !known {
			p.fail(Failure{What: chosenFailure, Err: fmt.Errorf("user %s: this host has no user of that name or number", u)})
		}
	}
	if why := p.is.noGroups; why != nil && len(side.groups(&p.want, outside)) > 0 {
		p.fail(Failure{What: chosenFailure, Err: why})
		return
	}
	for _, g := range side.Groups {
		if !p.is.groups[g] {
			p.fail(Failure{What: chosenFailure, Err: fmt.Errorf("control group %s: it is not there yet; once it is, it is found within %v", g, lookEvery)})
		}
	}
	if own := runGroup(p.want.Device, p.want.space, outside); side.Started {
		p.add(&groupChange{own})
	}
}

// planLanes fills the tables that marks lead to. Each ends in a refusal, so that nothing
// goes on to the main table.
func (p *planner) planLanes(c *Chosen) {
	n := p.want.numbers
	if c.Learn || c.Inside.any() {
		if c.IPv4 {
			p.planRoute(way{Dst: all4, Via: c.Via4, Device: p.want.Device, Table: n.inside()}, false)
		}
		if c.IPv6 {
			p.planRoute(way{Dst: all6, Via: c.Via6, Device: p.want.Device, Metric: defaultMetric6, Table: n.inside()}, false)
		}
		p.planRefusals(n.inside())
	}
	if c.LearnOutside || c.Outside.any() {
		for _, w := range past(p.is.past) {
			w.Table = n.outside()
			p.planRoute(w, false)
		}
		p.planRefusals(n.outside())
	}
}

// lastMetric is greater than that of any other route.
const lastMetric = 1 << 30

func (p *planner) planRefusals(table int) {
	p.planRoute(way{Dst: all4, Refuse: true, Metric: lastMetric, Table: table}, false)
	if !p.is.noRules6 {
		p.planRoute(way{Dst: all6, Refuse: true, Metric: lastMetric, Table: table}, false)
	}
}

// maxPast is how many routes past the tunnel are copied; of more, only those without a next
// hop and the default ones.
const maxPast = 1000

func past(ways []way) []way {
	if len(ways) <= maxPast {
		return ways
	}
	return slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return w.Via.IsValid() && w.Dst.Bits() > 0 })
}

// strict reports whether the kernel drops packets that come another way than those back
// would go (rp_filter 1).
func (p *planner) strict() bool {
	for name, v := range p.is.settings {
		if path.Base(name) == "rp_filter" && v == "1" {
			return true
		}
	}
	return false
}

// chosenTableOf is the table of a State on a host.
func chosenTableOf(want State, seen *observed) chosenTable {
	c := want.Chosen
	t := chosenTable{Table: "culvert-chosen-" + want.Device, Device: want.Device, Mark: want.numbers.Mark,
		Inside: membersOf(c.Inside, &want, false, seen), Outside: membersOf(c.Outside, &want, true, seen),
		Inside4: c.IPv4, Inside6: c.IPv6}
	for _, w := range seen.past {
		t.Outside4 = t.Outside4 || w.Dst == all4
		t.Outside6 = t.Outside6 || w.Dst == all6
	}
	switch {
	case c.Learn:
		t.Learn = laneLearned
	case c.LearnOutside:
		t.Learn = laneOutside
	}
	return t
}

func membersOf(p Programs, want *State, outside bool, seen *observed) (m members) {
	for _, u := range p.Users {
		if id, known := seen.uids[u]; known && !slices.Contains(m.UIDs, id) {
			m.UIDs = append(m.UIDs, id)
		}
	}
	if seen.noGroups == nil {
		m.Groups = p.groups(want, outside)
	}
	return m
}
