package tunnel

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/session/wire"
)

// seen notes what an observer is told of each packet.
type seen struct {
	mu      sync.Mutex
	packets [][]string
	last    time.Time
	skip    func(*Sight) bool // true: look no further
}

func (o *seen) See(s *Sight) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.Packet.Note == nil {
		o.packets = append(o.packets, nil)
		s.Packet.Note = len(o.packets) - 1
	}
	o.last = s.Time
	at := s.Packet.Note.(int)
	o.packets[at] = append(o.packets[at], describeSight(s))
	if o.skip != nil && o.skip(s) {
		s.Packet.Note = nil
	}
}

func describeSight(s *Sight) string {
	text := fmt.Sprintf("%v %d", s.Stop, len(s.Bytes))
	if s.Batch > 0 {
		text += fmt.Sprintf(" %d/%d", s.Turn, s.Batch)
	}
	if s.Inbound {
		text = "in " + text
	}
	if s.To != nil {
		for _, p := range s.To.Peers {
			text += " " + p.Name()
		}
		if s.To.Adapter {
			text += " here"
		}
	}
	if s.Peer != nil {
		text += " " + s.Peer.Name()
	}
	if s.Link != nil {
		text += " " + s.Packet.Path.Remote.String()
	}
	if s.Drop != Kept {
		text += " " + s.Drop.String()
	}
	if s.Err != nil {
		text += " " + s.Err.Error()
	}
	return text
}

func (h *half) watched() *seen {
	o := new(seen)
	h.Road.Observer.Store(new(Observer(o)))
	return o
}

// take is what was seen, packets by '|' and stops by ','.
func (o *seen) take() string {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []string
	for _, stops := range o.packets {
		all = append(all, strings.Join(stops, ", "))
	}
	o.packets = nil
	slices.Sort(all) // in the order they came, but by any goroutine
	return strings.Join(all, " | ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: saw\n%s\nwant\n%s", what, got, want)
	}
}

func TestStopsBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		out, in := near.watched(), far.watched()
		near.nic.Inject(ipPacket(100))
		want(t, "outbound", out.take(), "adapter 100, queue 100 1/1, route 100 192.0.2.2:1194, seal 128 192.0.2.2:1194, link 128 192.0.2.2:1194, end 128")
		want(t, "inbound", in.take(), "in link 128 192.0.2.1:1194, in queue 128 1/1, in open 100 192.0.2.1:1194, in route 100 here, in adapter 100, in end 100")
		near.Road.Observer.Store(nil)
		near.nic.Inject(ipPacket(100))
		want(t, "nobody", out.take(), "")
	})
}

// TestStopsOfDrops: each packet's last stop gives the reason, in either direction.
func TestStopsOfDrops(t *testing.T) {
	for name, c := range map[string]struct {
		do        func(t *testing.T, near, far *half)
		near, far string
	}{
		"no route": {near: "adapter 60, queue 60 1/1, route 60 no route, end 60", do: func(t *testing.T, near, far *half) {
			near.role.route = func(*Receivers) Drop { return NoRoute }
			near.nic.Inject(ipPacket(60))
		}},
		"not sent": {near: "adapter 60, queue 60 1/1, route 60 192.0.2.2:1194, seal 88 192.0.2.2:1194, link 88 192.0.2.2:1194 not sent", do: func(t *testing.T, near, far *half) {
			near.link.Close()
			near.nic.Inject(ipPacket(60))
		}},
		"bad source": {far: "in link 88 192.0.2.1:1194, in queue 88 1/1, in open 60 192.0.2.1:1194, in route 60 bad source address, in end 60", do: func(t *testing.T, near, far *half) {
			far.role.forward = func([]byte, *Receivers) Drop { return BadSource }
			write(near.link, farAddr, near.sealed(t, ipPacket(60)))
		}},
		"replayed": {far: "in link 88 192.0.2.1:1194, in queue 88 1/1, in open 0 192.0.2.1:1194 replayed, in end 0 | " +
			"in link 88 192.0.2.1:1194, in queue 88 1/1, in open 60 192.0.2.1:1194, in route 60 here, in adapter 60, in end 60", do: func(t *testing.T, near, far *half) {
			b := near.sealed(t, ipPacket(60))
			write(near.link, farAddr, b)
			synctest.Wait()
			write(near.link, farAddr, b)
		}},
		"MTU": {far: "in link 1529 192.0.2.1:1194, in queue 1529 1/1, in open 1501 192.0.2.1:1194, in route 1501 here, " +
			"in adapter 1501 larger than the MTU nictest: 192.0.2.2:1194: a packet of 1501 bytes, the MTU is 1500: message too long, in end 1501", do: func(t *testing.T, near, far *half) {
			write(near.link, farAddr, near.sealed(t, ipPacket(1501)))
		}},
		"control": {far: "in link 2 192.0.2.1:1194, in queue 2 1/1, in control 2, in end 2", do: func(t *testing.T, near, far *half) {
			write(near.link, farAddr, []byte{wire.Head(wire.PControlV1, 0), 1})
		}},
		"empty": {far: "in link 0 192.0.2.1:1194, in queue 0 1/1, in open 0 malformed, in end 0", do: func(t *testing.T, near, far *half) {
			write(near.link, farAddr, nil)
		}},
		"no adapter": {far: "in link 88 192.0.2.1:1194, in queue 88 1/1, in open 60 192.0.2.1:1194, in route 60 here, in adapter 60 not sent, in end 60", do: func(t *testing.T, near, far *half) {
			far.Road.Adapter = nil
			write(near.link, farAddr, near.sealed(t, ipPacket(60)))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far, _ := roads(t)
				out, in := near.watched(), far.watched()
				c.do(t, near, far)
				got := out.take()
				if name == "not sent" { // the rest is the network's own words
					got, _, _ = strings.Cut(got, " simnet")
				}
				want(t, "near", got, c.near)
				want(t, "far", in.take(), c.far)
			})
		})
	}
}

// TestWatchedBetweenPeers follows a packet on to another peer.
func TestWatchedBetweenPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		far.role.forward = func(_ []byte, to *Receivers) Drop { to.Add(far.peer); return Kept }
		in := far.watched()
		write(near.link, farAddr, near.sealed(t, ipPacket(60)))
		want(t, "far", in.take(), "in link 88 192.0.2.1:1194, in queue 88 1/1, in open 60 192.0.2.1:1194, in route 60 192.0.2.1:1194, "+
			"in seal 88 192.0.2.1:1194, in link 88 192.0.2.1:1194, in end 88")
		far.role.forward = func(_ []byte, to *Receivers) Drop {
			to.Add(far.peer)
			to.Adapter = true
			return Kept
		}
		write(near.link, farAddr, near.sealed(t, ipPacket(60)))
		want(t, "to both", in.take(), "in link 88 192.0.2.1:1194, in queue 88 1/1, in open 60 192.0.2.1:1194, in route 60 192.0.2.1:1194 here, "+
			"in seal 88 192.0.2.1:1194, in link 88 192.0.2.1:1194, in adapter 60, in end 60")
	})
}

// TestOwnPacketsAreSeen: an observer sees what a session itself sends, and the
// answers to strangers.
func TestOwnPacketsAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _, _ := roads(t)
		out := near.watched()
		near.peer.Observer = &near.Road.Observer
		near.peer.Do(func(now time.Time) { near.peer.Session.Exit(now, 1) })
		want(t, "an exit notice", out.take(), "control 65, link 65 192.0.2.2:1194, end 65")
		p := buf.New(100)
		p.Set([]byte("hello"))
		p.Path.Remote = farAddr
		p.Note = t // of the packet that is answered
		near.Road.Reply(near.link, p)
		want(t, "a reply", out.take(), "control 5, link 5 192.0.2.2:1194, end 5")
		if p.Note != t {
			t.Error("the packet that was answered is lost sight of")
		}
	})
}

// calls counts the calls that packets are written by.
type calls [][]string

func (c *calls) write(batch []*buf.Packet) (n int, err error) {
	var names []string
	for _, p := range batch {
		names = append(names, string(p.Bytes()))
		if !bytes.HasPrefix(p.Bytes(), []byte("bad")) {
			n++
		}
	}
	*c = append(*c, names)
	if n < len(batch) {
		err = syscall.EMSGSIZE
	}
	return n, err
}

// TestWatchedAreWrittenAlone: those that are not watched still go together.
func TestWatchedAreWrittenAlone(t *testing.T) {
	o := new(seen)
	w := &watch{Observer: o}
	var batch []*buf.Packet
	for _, name := range []string{"a", "b", "+c", "+bad", "d", "bad", "e", "+f"} {
		p := buf.New(100)
		p.Set([]byte(strings.TrimPrefix(name, "+")))
		if strings.HasPrefix(name, "+") {
			p.Note = len(o.packets)
			o.packets = append(o.packets, nil)
		}
		batch = append(batch, p)
	}
	var c calls
	var counters Counters
	w.write(AtLink, nil, batch, c.write, &counters)
	if got := fmt.Sprint(c); got != "[[a b] [c] [bad] [d bad e] [f]]" {
		t.Errorf("calls %s", got)
	}
	if got := fmt.Sprint(o.packets); got != "[[link 1] [link 3 larger than the MTU message too long] [link 1]]" {
		t.Errorf("saw %s", got)
	}
	c = nil
	var nobody *watch
	nobody.write(AtLink, nil, batch, c.write, &counters)
	if len(c) != 1 {
		t.Errorf("unwatched, they were written by %d calls", len(c))
	}
	if got := counters.Of(TooLarge); got != 4 {
		t.Errorf("%d counted as too large of 2 each time", got)
	}
}

// TestHandedOverBeforeItsAnswer: the time of a packet is from before it is handed
// over, so that in order of time it comes before its answer.
func TestHandedOverBeforeItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &seen{packets: make([][]string, 1)}
		p := buf.New(100)
		p.Set([]byte("ping"))
		p.Note = 0
		began := time.Now()
		(&watch{Observer: o}).write(AtAdapter, nil, []*buf.Packet{p}, func([]*buf.Packet) (int, error) {
			time.Sleep(time.Millisecond)
			return 1, nil
		}, nil)
		if !o.last.Equal(began) {
			t.Errorf("seen at %v, handed over at %v", o.last, began)
		}
	})
}

// TestSkipped: a packet that an observer has seen enough of is not shown again.
func TestSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		out := near.watched()
		out.skip = func(s *Sight) bool { return s.Stop == AtAdapter && len(s.Bytes) > 70 }
		for _, n := range []int{60, 80, 90} {
			near.nic.Inject(ipPacket(n))
		}
		got := out.take()
		if strings.Count(got, "|") != 2 || !strings.Contains(got, "| adapter 80 | adapter 90") {
			t.Errorf("saw %s", got)
		}
		if n := len(drain(far)); n != 3 {
			t.Errorf("%d arrived", n)
		}
	})
}

func TestStopNames(t *testing.T) {
	names := make(map[string]bool)
	for s := range stops {
		names[s.String()] = true
	}
	if len(names) != int(stops) || names[""] {
		t.Errorf("stops are called %v", names)
	}
}
