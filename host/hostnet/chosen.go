package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Chosen says which programs of this host use the tunnel, and which stay outside,
// whatever the routes are; and has addresses learned from answers to questions for names
// (Applied.Learn). Networks are chosen by Routes.
//
// On Linux, packets get a mark by nftables, and marks a routing table by rules. A
// connection keeps the way that it began with. Only what this host's own programs send is
// looked at, and nothing that has a mark already, such as OwnMark.
type Chosen struct {
	Inside, Outside Programs
	// Learn has addresses learned, whose packets go inside; LearnOutside, outside.
	// At most one of the two.
	Learn, LearnOutside bool
	// IPv4 and IPv6 say what the tunnel carries. What is to go inside and cannot is
	// refused at once.
	IPv4, IPv6 bool
	// Via4 and Via6 are the next hops inside; not valid: the adapter itself.
	Via4, Via6 netip.Addr
}

// NamesMark is the mark of questions for names that this program passes on for others: they
// are not led like a program's, and fences do not let them through.
const NamesMark = 0x95

// Programs are a part of what runs on this host. Linux only.
type Programs struct {
	Users []string // names or numbers
	// Groups are control groups, by their paths below the root of the hierarchy of
	// version 2. Programs in groups below count, too.
	Groups []string
	// Started has a control group made for programs that are started to be in it: RunGroupDir.
	Started bool
}

func (p Programs) any() bool { return len(p.Users) > 0 || len(p.Groups) > 0 || p.Started }

// programs reports whether any are named.
func (c *Chosen) programs() bool { return c != nil && (c.Inside.any() || c.Outside.any()) }

// Leads reports whether packets may be led away from where the routes have them go: into the
// tunnel, or from its adapter past it.
func (c *Chosen) Leads(fromAdapter bool) bool {
	return c != nil && (c.Learn || c.Inside.any() || fromAdapter && (c.LearnOutside || c.Outside.any()))
}

func (c *Chosen) learns() bool { return c != nil && (c.Learn || c.LearnOutside) }

// runGroup is the path of the control group for programs that are to use the tunnel of a
// device, or to stay outside of it, while a State asks for it. Control groups are the whole
// machine's, and devices a network namespace's, so that its number is in the name.
func runGroup(device string, in space, outside bool) string {
	side := "inside"
	if outside {
		side = "outside"
	}
	return "culvert-" + device + "-" + in.Number + "-" + side
}

// groups are all groups of a side for a State.
func (p Programs) groups(want *State, outside bool) []string {
	groups := slices.Clone(p.Groups)
	if p.Started {
		groups = append(groups, runGroup(want.Device, want.space, outside))
	}
	return groups
}

// numbers are a tunnel's marks, routing tables and priorities of rules.
type numbers struct {
	Mark     uint32 // the lower two bits are 0, and are the lane
	Table    int    // and the next two
	Priority int    // and the next four
}

// lane is where packets with a mark go. It is in the lower two bits of the mark.
type lane uint32

const (
	laneLearned lane = 1 // an address that was learned, to the tunnel
	laneInside  lane = 2 // a program, to the tunnel except for networks with routes of their own
	laneOutside lane = 3 // past the tunnel
)

func (n numbers) mark(l lane) uint32 { return n.Mark | uint32(l) }
func (n numbers) inside() int        { return n.Table }
func (n numbers) outside() int       { return n.Table + 1 }
func (n numbers) former() int        { return n.Table + 2 }
func (n numbers) tables() []int      { return []int{n.inside(), n.outside(), n.former()} }

// The first numbers, and how many sets of them to look at.
const (
	firstMark     = 0x43564c00
	firstTable    = 43560
	firstPriority = 20000
	manyNumbers   = 250
)

// rule is a routing rule of one family: what has the mark, or comes from there, looks in the
// table.
type rule struct {
	Priority int
	Mark     uint32
	Mask     uint32
	From     netip.Prefix `json:",omitzero"` // not valid: anywhere
	Table    int
	IPv6     bool
	// Special has only routes to special networks count: prefixes longer than one bit.
	Special bool `json:",omitempty"`
}

func (r rule) String() string {
	family, table := "IPv4", itoa(r.Table)
	if r.IPv6 {
		family = "IPv6"
	}
	if r.Table == mainTable {
		table = "main"
	}
	of := fmt.Sprintf("mark %#x", r.Mark)
	if r.From.IsValid() {
		of = "from " + r.From.String()
	}
	s := fmt.Sprintf("%s rule %d: %s, table %s", family, r.Priority, of, table)
	if r.Special {
		s += ", not its default routes"
	}
	return s
}

// mainTable is the number of the main routing table.
const mainTable = 254

// freeNumbers picks numbers that no rule and no table of this host has.
func freeNumbers(rules []rule, used func(table int) (bool, error)) (numbers, error) {
	for i := range manyNumbers {
		n := numbers{Mark: firstMark + uint32(i)*4, Table: firstTable + 3*i, Priority: firstPriority + 5*i}
		if slices.ContainsFunc(rules, n.clashes) {
			continue
		}
		taken, err := false, error(nil)
		for _, table := range n.tables() {
			if !taken && err == nil {
				taken, err = used(table)
			}
		}
		if err != nil {
			return numbers{}, err
		}
		if !taken {
			return n, nil
		}
	}
	return numbers{}, errors.New("this host has no free numbers for marks and routing tables; look at: ip rule")
}

func (n numbers) clashes(r rule) bool {
	if slices.Contains(n.tables(), r.Table) || r.Priority >= n.Priority && r.Priority < n.Priority+5 {
		return true
	}
	for l := laneLearned; l <= laneOutside; l++ {
		if r.Mask != 0 && n.mark(l)&r.Mask == r.Mark&r.Mask {
			return true
		}
	}
	return false
}

// rules are those of a State.
func (c *Chosen) rules(n numbers) (list []rule) {
	add := func(l lane, priority, table int, special bool) {
		for _, ipv6 := range []bool{false, true} {
			list = append(list, rule{Priority: n.Priority + priority, Mark: n.mark(l), Mask: ^uint32(0), Table: table, IPv6: ipv6, Special: special})
		}
	}
	if c.Learn {
		add(laneLearned, 0, n.inside(), false)
	}
	if c.Inside.any() {
		add(laneInside, 1, mainTable, true)
		add(laneInside, 2, n.inside(), false)
	}
	if c.Outside.any() || c.LearnOutside {
		add(laneOutside, 3, n.outside(), false)
	}
	return list
}

// ruleChange adds a routing rule.
type ruleChange struct{ Rule rule }

func (c *ruleChange) String() string { return "add " + c.Rule.String() }

func (c *ruleChange) apply(_ context.Context, k kernel) error {
	if err := k.addRule(c.Rule); !errors.Is(err, errExists) {
		return err
	}
	return nil
}

func (c *ruleChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	return removed(c.Rule, k.delRule(c.Rule))
}

func (c *ruleChange) without(seen *observed) bool {
	n := len(seen.rules)
	seen.rules = slices.DeleteFunc(seen.rules, func(r rule) bool { return r == c.Rule })
	return len(seen.rules) < n
}

// groupChange makes a control group. It stays while programs are in it.
type groupChange struct{ Path string }

func (c *groupChange) String() string { return "make control group " + c.Path }

func (c *groupChange) apply(_ context.Context, k kernel) error {
	if err := k.addGroup(c.Path); !errors.Is(err, errExists) {
		return err
	}
	return nil
}

func (c *groupChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	err := k.delGroup(c.Path)
	if errors.Is(err, errInUse) {
		return left("left control group %s: programs run in it, by this host's own ways from now on", c.Path), nil
	}
	return removed(named("control group "+c.Path), err)
}

func (c *groupChange) without(seen *observed) bool {
	was := seen.groups[c.Path]
	delete(seen.groups, c.Path)
	return was
}

// errInUse: a control group with programs in it.
var errInUse = errors.New("in use")

// chosenTable is the nftables table that marks what is chosen.
type chosenTable struct {
	Table, Device string
	Mark          uint32 // numbers.Mark
	Inside        members
	Outside       members
	Learn         lane `json:",omitempty"` // of addresses that were learned
	// Missing are the ways that a side has not, whose packets are refused.
	Inside4, Inside6, Outside4, Outside6 bool
}

// members are users and control groups.
type members struct {
	UIDs   []uint32 `json:",omitempty"`
	Groups []string `json:",omitempty"`
}

func (m members) String() string {
	var parts []string
	for _, u := range m.UIDs {
		parts = append(parts, "user "+fmt.Sprint(u))
	}
	for _, g := range m.Groups {
		parts = append(parts, "control group "+g)
	}
	return strings.Join(parts, ", ")
}

func (t chosenTable) String() string {
	var does []string
	if in := t.Inside.String(); in != "" {
		does = append(does, "into the tunnel: "+in)
	}
	if out := t.Outside.String(); out != "" {
		does = append(does, "past it: "+out)
	}
	switch t.Learn {
	case laneLearned:
		does = append(does, "into the tunnel: addresses of chosen names")
	case laneOutside:
		does = append(does, "past it: addresses of excepted names")
	}
	return t.Table + ": " + strings.Join(does, "; ")
}

// chosenChange adds the table that marks.
type chosenChange struct {
	chosenTable
	learned *learned // refills a table that somebody removed
}

func (c *chosenChange) String() string { return "add nftables table inet " + c.chosenTable.String() }

func (c *chosenChange) apply(_ context.Context, k kernel) error {
	if c.learned == nil {
		return k.addChosen(c.chosenTable, nil)
	}
	c.learned.mu.Lock()
	defer c.learned.mu.Unlock()
	err := k.addChosen(c.chosenTable, c.learned.counting(time.Now()))
	if err == nil && c.Learn != 0 {
		c.learned.table = c
	}
	return err
}

func (c *chosenChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	if c.learned != nil {
		c.learned.mu.Lock()
		defer c.learned.mu.Unlock()
		c.learned.table = nil
	}
	return removed(named("nftables table inet "+c.Table), k.delTable(c.Table))
}

func (c *chosenChange) without(seen *observed) bool {
	was := seen.marking
	seen.marking = false
	return was
}

// chosenKernel marks packets, and leads marks to tables.
type chosenKernel interface {
	// rules returns the routing rules of both families. An error that is errNoIPv6
	// comes with those of IPv4.
	rules() ([]rule, error)
	addRule(r rule) error
	delRule(r rule) error
	// hasChosen reports whether a table is there, with the rules that it has to have by
	// now; errGone: there is no packet filter.
	hasChosen(t chosenTable) (bool, error)
	// addChosen replaces a table of that name, in one transaction.
	addChosen(t chosenTable, known []lesson) error
	// learn adds addresses to a table, or has them stay for longer.
	learn(table string, more []lesson) error
	// hasGroup reports whether a control group is there. An error says why there are none
	// on this host.
	hasGroup(path string) (bool, error)
	addGroup(path string) error
	delGroup(path string) error
	// userID finds a user by name or number.
	userID(user string) (uint32, error)
}
