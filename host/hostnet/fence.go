package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
)

// Fence keeps the packets of this host, and those it forwards, from leaving it but through
// tunnels of this program (`block-outside`). Besides, these may leave: packets to this host
// itself, what has OwnMark or the Mark of a fence, DHCP, neighbour and router discovery of
// IPv6, and what goes to the networks of Open. Everything else is refused at once, with an
// answer. A Fence has no adapter, so it can stand before there is one. Linux only.
//
// Fences of several clients let each other's own packets and adapters through. Of
// networks, those pass that are open in all of them.
type Fence struct {
	Name string // of the fence on this host: up to 32 letters, digits and hyphens
	// Content, written as Name is, says what the client connects to. What a dead process
	// left of this Content or Name, under whatever Name, is replaced by this fence. "": not
	// known.
	Content string
	Profile string // where the client's configuration is, for people; "": nowhere
	Open    []netip.Prefix
	Mark    uint32 // of a client whose own packets have another mark than OwnMark; 0: none
	// Persist has the fence outlive a process that is killed, or that leaves it: it stands
	// until a process encloses the host by the same Name or Content, or Cleanup. Without it,
	// the next process that changes this host takes it away.
	Persist bool

	marks []uint32 // of all clients with fences, sorted; those with OwnMark are left out
}

// OwnMark is the mark of the own packets of a client with a fence, those to the server and
// questions for its name: fences, and the block of names outside the tunnel, let them
// through. Only a process with rights can set one (socket(7), SO_MARK).
const OwnMark = 0x94

// ClientMark is the mark of the own packets of a client without a fence: the block of names
// lets them through, and fences do not.
const ClientMark = 0x96

// CanMark reports whether packets can have a mark on this system.
const CanMark = runtime.GOOS == "linux"

// fencedGroup is the group of the adapters of clients that fences let everything through
// to, of any process.
const fencedGroup = 1195

// fenceNames are the names that become parts of file names and of tables.
var fenceNames = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)

func (f Fence) check() error {
	if !fenceNames.MatchString(f.Name) {
		return fmt.Errorf("fence %q: expected a name of up to 32 letters, digits and hyphens", f.Name)
	}
	if f.Content != "" && !fenceNames.MatchString(f.Content) {
		return fmt.Errorf("fence %s: content %q: expected up to 32 letters, digits and hyphens", f.Name, f.Content)
	}
	for _, p := range f.Open {
		if !p.IsValid() {
			return fmt.Errorf("fence %s: an open network that is not valid", f.Name)
		}
	}
	return nil
}

// fencePrefix begins the names of the tables of fences.
const fencePrefix = "culvert-fence-"

// Table is the name of the fence's table of nftables.
func (f Fence) Table() string { return fencePrefix + f.Name }

// succeeds reports whether a fence of this kind takes the place of what a dead process
// left of another. A fence without Content has it for its Name.
func (f Fence) succeeds(other Fence) bool {
	return f.Name == other.Name || f.Content != "" && (f.Content == other.Content || f.Content == other.Name)
}

// allowed returns the marks that pass besides OwnMark.
func (f Fence) allowed() []uint32 {
	marks := slices.Clone(f.marks)
	if unusual(f.Mark) {
		marks = append(marks, f.Mark)
	}
	slices.Sort(marks)
	return slices.Compact(marks)
}

// unusual reports whether a client chose a mark of its own. What others of this program's
// marks mean stays, whoever writes one.
func unusual(mark uint32) bool {
	return mark != 0 && mark != OwnMark && mark != NamesMark && mark != ClientMark
}

// fenceChange adds the table of a fence.
type fenceChange struct{ Fence }

func (c *fenceChange) String() string {
	text := "add nftables table inet " + c.Table() + ": let packets leave through tunnels only"
	if len(c.Open) > 0 {
		text += ", and to " + join(c.Open)
	}
	return text
}

func (c *fenceChange) apply(_ context.Context, k kernel) error {
	return k.addFences([]Fence{c.Fence}, nil)
}

func (c *fenceChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	return removed(named("nftables table inet "+c.Table()), k.delTable(c.Table()))
}

// without is for changes of a State, of which a fence is none.
func (c *fenceChange) without(*observed) bool { return false }

// fenceKernel keeps packets in.
type fenceKernel interface {
	// addFences replaces fences of their names, and takes tables away, without a moment
	// between.
	addFences(fs []Fence, gone []string) error
	// hasFence reports whether the fence is there: exactly, or with as many rules.
	hasFence(f Fence, exactly bool) (bool, error)
	// fenceTables names the tables of all fences.
	fenceTables() ([]string, error)
	// ruleGeneration is a number that changes with each change of any packet filter.
	ruleGeneration() (uint32, error)
}

// whyOpen says why there is no fence, and what to do.
func whyOpen(err error) error {
	switch {
	case errors.Is(err, ErrPermission):
		return fmt.Errorf("block-outside: %w; or remove block-outside (--kill-switch), and packets may leave outside the tunnel", err)
	case errors.Is(err, errNoTables):
		return fmt.Errorf("block-outside: %w, or remove block-outside (--kill-switch)", err)
	case errors.Is(err, errGone):
		return fmt.Errorf("block-outside: this kernel has no nftables (%w): load the module nf_tables, or remove block-outside (--kill-switch)", err)
	}
	return fmt.Errorf("block-outside: %w", err)
}

// fenceOf returns the fence that a journal is about; nil: none.
func fenceOf(j *journal) *Fence {
	for _, c := range slices.Backward(j.changes) {
		if f, ok := c.(*fenceChange); ok {
			return &f.Fence
		}
	}
	return nil
}

// persists reports whether a journal is of a fence that outlives its process.
func persists(j *journal) bool {
	return slices.ContainsFunc(j.changes, func(c change) bool {
		f, ok := c.(*fenceChange)
		return ok && f.Persist
	})
}

// marksOf returns the marks that fences of these journals let through besides OwnMark.
func marksOf(js []*journal) (marks []uint32) {
	for _, j := range js {
		if f := fenceOf(j); f != nil && unusual(f.Mark) {
			marks = append(marks, f.Mark)
		}
	}
	slices.Sort(marks)
	return slices.Compact(marks)
}
