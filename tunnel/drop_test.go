package tunnel

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"culvert/internal/buf"
	"culvert/link"
)

// closedDoor is a link that refuses packets for the reason they name.
type closedDoor struct{ link.Link }

var doorErrors = map[string]error{
	"large": syscall.EMSGSIZE, "filtered": syscall.EPERM, "prohibited": syscall.EACCES, "full": syscall.ENOBUFS, "unreachable": syscall.ENETUNREACH,
}

func (closedDoor) WriteBatch(batch []*buf.Packet) (n int, err error) {
	var failures buf.Failures
	failures.Add(syscall.ECONNREFUSED, 0) // of an earlier one
	for _, p := range batch {
		switch name := string(p.Bytes()); {
		case doorErrors[name] != nil:
			failures.Add(fmt.Errorf("door: %w", doorErrors[name]), 1)
		case name != "queue": // which loses packets without an error
			n++
		}
	}
	return n, failures.Err()
}

func (closedDoor) LocalAddr() netip.AddrPort { return netip.AddrPort{} }

// TestRefusalsAreCounted: each packet of a batch by its own reason, watched or
// not.
func TestRefusalsAreCounted(t *testing.T) {
	names := strings.Fields("sent large filtered full large sent prohibited queue unreachable sent")
	for _, watched := range []bool{false, true} {
		var r Road
		o, s := new(seen), sender{road: &r, link: closedDoor{}}
		if watched {
			s.watch = &watch{Observer: o}
		}
		for i, name := range names {
			p := buf.New(100)
			p.Set([]byte(name))
			if watched && i%2 == 1 {
				p.Note = len(o.packets)
				o.packets = append(o.packets, nil)
			}
			s.packets = append(s.packets, p)
		}
		s.flush()
		want := map[string]uint64{TooLarge.String(): 2, Forbidden.String(): 2, Unsent.String(): 3}
		if got := r.Counters.Snapshot(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("watched %v: counted %v, want %v", watched, got, want)
		}
		if got := fmt.Sprint(o.packets); watched && (!strings.Contains(got, "larger than the MTU door: message too long") || !strings.Contains(got, "not sent door: no buffer")) {
			t.Errorf("saw %v", got)
		}
	}
}

// TestRefusal: an adapter's error never counts as the firewall's.
func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		at   Stop
		err  error
		want Drop
	}{
		{AtLink, syscall.EPERM, Forbidden},
		{AtAdapter, syscall.EPERM, Unsent},
		{AtLink, syscall.EMSGSIZE, TooLarge},
		{AtAdapter, syscall.EMSGSIZE, TooLarge},
		{AtLink, errors.New("another"), Unsent},
		{AtLink, nil, Unsent},
	} {
		if got := refusal(c.at, c.err); got != c.want {
			t.Errorf("%v at the %v: %v, want %v", c.err, c.at, got, c.want)
		}
	}
}

// TestReasonsAreExplained: docs/eyes.md has a row for each.
func TestReasonsAreExplained(t *testing.T) {
	page, err := os.ReadFile("../docs/eyes.md")
	if err != nil {
		t.Fatal(err)
	}
	for d := Malformed; d < drops; d++ {
		if !strings.Contains(string(page), "\n| "+d.String()+" |") {
			t.Errorf("no row for %q", d)
		}
	}
}
