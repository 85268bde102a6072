package reliable

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"culvert/session/wire"
)

var start = time.Unix(1_800_000_000, 0)

const timeout = 2 * time.Second

// poll takes everything that is to be sent at now.
func poll(c *Channel, now time.Time) (packets []Packet) {
	for {
		p, ok := c.Poll(now)
		if !ok {
			return packets
		}
		packets = append(packets, p)
	}
}

// send queues n packets, numbered in their payload from first.
func send(c *Channel, first, n int) {
	for i := range n {
		c.Send(wire.PControlV1, binary.BigEndian.AppendUint32(nil, uint32(first+i)))
	}
}

// take reads the numbers that have arrived in order.
func take(c *Channel) (numbers []int) {
	for {
		_, payload, ok := c.Next()
		if !ok {
			return numbers
		}
		numbers = append(numbers, int(binary.BigEndian.Uint32(payload)))
	}
}

func ids(packets []Packet) (list []wire.PacketID) {
	for _, p := range packets {
		list = append(list, p.ID)
	}
	return list
}

func TestSendWindow(t *testing.T) {
	c := New(1, timeout)
	if !c.Idle() || !c.Deadline().IsZero() {
		t.Error("a new channel has something to do")
	}
	send(c, 0, SendWindow)
	if c.Room() != 0 || c.Idle() {
		t.Errorf("room %d", c.Room())
	}
	if got := ids(poll(c, start)); !slices.Equal(got, []wire.PacketID{1, 2, 3, 4, 5, 6}) {
		t.Errorf("sent %v", got)
	}
	if got := poll(c, start); len(got) != 0 {
		t.Errorf("sent twice: %v", got)
	}
	c.Acknowledge(start, []wire.PacketID{2, 99, 0, 2})
	if c.Room() != 1 {
		t.Errorf("room %d after one acknowledgement", c.Room())
	}
	defer func() {
		if recover() == nil {
			t.Error("an overrun went unnoticed")
		}
	}()
	send(c, 0, 2)
}

func TestAcknowledgementOfWhatWasNeverSent(t *testing.T) {
	c := New(0, timeout)
	send(c, 0, 1)
	c.Acknowledge(start, []wire.PacketID{0})
	if c.Idle() {
		t.Error("a packet was acknowledged before it left")
	}
}

func TestReceive(t *testing.T) {
	for name, c := range map[string]struct {
		arrive []wire.PacketID
		next   []int
		acks   []wire.PacketID
	}{
		"in order":          {[]wire.PacketID{1, 2, 3}, []int{1, 2, 3}, []wire.PacketID{1, 2, 3}},
		"out of order":      {[]wire.PacketID{3, 1, 2}, []int{1, 2, 3}, []wire.PacketID{3, 1, 2}},
		"twice":             {[]wire.PacketID{1, 1, 2, 2, 1}, []int{1, 2}, []wire.PacketID{1, 2}},
		"early twice":       {[]wire.PacketID{2, 2, 1}, []int{1, 2}, []wire.PacketID{2, 1}},
		"a gap":             {[]wire.PacketID{1, 3}, []int{1}, []wire.PacketID{1, 3}},
		"before the first":  {[]wire.PacketID{0, 1}, []int{1}, []wire.PacketID{0, 1}},
		"end of the window": {[]wire.PacketID{12, 1}, []int{1}, []wire.PacketID{12, 1}},
		"past the window":   {[]wire.PacketID{13, 1}, []int{1}, []wire.PacketID{1}},
		"far past":          {[]wire.PacketID{1<<32 - 1, 1}, []int{1}, []wire.PacketID{1}},
	} {
		t.Run(name, func(t *testing.T) {
			ch := New(1, timeout)
			for _, id := range c.arrive {
				payload := binary.BigEndian.AppendUint32(nil, uint32(id))
				ch.Receive(wire.PControlV1, id, payload)
				clear(payload) // the channel must have its own copy
			}
			if got := take(ch); !slices.Equal(got, c.next) {
				t.Errorf("took %v, want %v", got, c.next)
			}
			packets := poll(ch, start)
			if len(packets) != 1 || packets[0].Op != wire.PAckV1 || !slices.Equal(packets[0].Acks, c.acks) {
				t.Errorf("answered %+v, want acknowledgements %v", packets, c.acks)
			}
			if again := poll(ch, start); len(again) != 0 {
				t.Errorf("answered twice: %+v", again)
			}
		})
	}
}

// TestAcknowledgementsRide has four on a packet of our own and eight on one
// made for them; where there is room, older ones are repeated.
func TestAcknowledgementsRide(t *testing.T) {
	c := New(0, timeout)
	for id := range wire.PacketID(10) {
		c.Receive(wire.PControlV1, id, nil)
	}
	send(c, 0, 1)
	packets := poll(c, start)
	want := [][]wire.PacketID{{0, 1, 2, 3}, {4, 5, 6, 7, 8, 9, 0, 1}}
	if len(packets) != 2 || packets[0].Op != wire.PControlV1 || packets[1].Op != wire.PAckV1 {
		t.Fatalf("sent %+v", packets)
	}
	for i := range want {
		if !slices.Equal(packets[i].Acks, want[i]) {
			t.Errorf("packet %d acknowledges %v, want %v", i, packets[i].Acks, want[i])
		}
	}
	send(c, 1, 1)
	if got := poll(c, start); len(got) != 1 || len(got[0].Acks) != wire.PiggybackAcks {
		t.Errorf("older acknowledgements are not repeated: %+v", got)
	}
}

func TestBackOff(t *testing.T) {
	c := New(0, timeout)
	send(c, 0, 1)
	now, waits := start, []time.Duration{}
	for range 6 {
		if n := len(poll(c, now)); n != 1 {
			t.Fatalf("%d packets at %v", n, now.Sub(start))
		}
		if n := len(poll(c, c.Deadline().Add(-1))); n != 0 {
			t.Fatalf("sent before its time")
		}
		waits = append(waits, c.Deadline().Sub(now))
		now = c.Deadline()
	}
	want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second, 8 * time.Second, 8 * time.Second}
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
}

// TestFastRetransmission: three later packets acknowledged mean that one is
// lost, without waiting for its time.
func TestFastRetransmission(t *testing.T) {
	c := New(0, timeout)
	send(c, 0, 5)
	poll(c, start)
	now := start.Add(100 * time.Millisecond)
	c.Acknowledge(now, []wire.PacketID{1, 2})
	if got := poll(c, now); len(got) != 0 {
		t.Fatalf("too early: %v", ids(got))
	}
	c.Acknowledge(now, []wire.PacketID{3})
	if got := ids(poll(c, now)); !slices.Equal(got, []wire.PacketID{0}) {
		t.Fatalf("sent %v, want packet 0 again", got)
	}
	c.Acknowledge(now, []wire.PacketID{4})
	if got := ids(poll(c, now)); len(got) != 0 {
		t.Errorf("sent again at once: %v", got)
	}
}

func TestRoundTrip(t *testing.T) {
	c := New(0, timeout)
	now := start
	for i := range 30 {
		send(c, i, 1)
		poll(c, now)
		now = now.Add(200 * time.Millisecond)
		c.Acknowledge(now, []wire.PacketID{wire.PacketID(i)})
	}
	send(c, 30, 1)
	poll(c, now)
	if wait := c.Deadline().Sub(now).Round(time.Millisecond); wait != 200*time.Millisecond+minMargin {
		t.Errorf("timeout %v after steady round trips of 200 ms, want the least margin", wait)
	}
	// What was sent twice says nothing about the path (Karn's algorithm).
	now = c.Deadline()
	poll(c, now)
	before := c.timeout
	c.Acknowledge(now.Add(time.Hour), []wire.PacketID{30})
	if c.timeout != before {
		t.Errorf("measured a packet that was sent twice: %+v", c.timeout)
	}
}

func TestTimeoutIsBounded(t *testing.T) {
	for rtt, want := range map[time.Duration]time.Duration{
		time.Microsecond: time.Microsecond + minMargin, time.Second: 3 * time.Second, time.Hour: maxTimeout,
	} {
		r := roundTrip{initial: timeout}
		r.measure(rtt)
		if got := r.value(); got != want {
			t.Errorf("round trip %v: timeout %v, want %v", rtt, got, want)
		}
	}
}

// TestMeasuredMeanwhile: an estimate that comes while packets are under way holds
// for them, and for a channel that follows; not for what was sent twice.
func TestMeasuredMeanwhile(t *testing.T) {
	c := New(0, 2*time.Second)
	send(c, 0, 2)
	poll(c, start)
	now := start.Add(20 * time.Millisecond)
	c.Acknowledge(now, []wire.PacketID{0})
	want := start.Add(20*time.Millisecond + minMargin)
	if got := c.Deadline(); !got.Equal(want) {
		t.Errorf("due after %v, want %v", got.Sub(start), want.Sub(start))
	}
	poll(c, want)
	twice := c.Deadline()
	c.Measured(time.Millisecond)
	if !c.Deadline().Equal(twice) {
		t.Error("what was sent twice is due by another estimate")
	}
	next := New(0, 2*time.Second)
	next.Follow(nil)
	next.Follow(New(0, time.Hour))
	next.Follow(c)
	send(next, 0, 1)
	poll(next, now)
	if wait := next.Deadline().Sub(now); wait > 300*time.Millisecond {
		t.Errorf("a channel that follows waits %v", wait)
	}
}

// TestResend makes due what was not acknowledged.
func TestResend(t *testing.T) {
	c := New(0, time.Second)
	send(c, 0, 3)
	poll(c, start)
	now := start.Add(time.Millisecond)
	c.Acknowledge(now, []wire.PacketID{1})
	c.Resend(now)
	if got := ids(poll(c, now)); len(got) != 2 || got[0] != 0 || got[1] != 2 {
		t.Errorf("sent again: %v", got)
	}
}

func TestStalled(t *testing.T) {
	c := New(0, timeout)
	for _, size := range []int{30, 900, 800, 50} {
		c.Send(wire.PControlV1, make([]byte, size))
	}
	poll(c, start)
	if got := c.Stalled(); got != (Stall{}) {
		t.Errorf("stalled after the first try: %+v", got)
	}
	poll(c, c.Deadline())
	for _, step := range []struct {
		ack  wire.PacketID
		want Stall
	}{{0, Stall{Size: 900, Least: 50}}, {3, Stall{Size: 900, Overtaken: true, Least: 800}}, {1, Stall{Size: 800, Overtaken: true, Least: 800}}, {2, Stall{}}} {
		c.Acknowledge(start, []wire.PacketID{step.ack})
		if got := c.Stalled(); got != step.want {
			t.Errorf("after %d was acknowledged: %+v, want %+v", step.ack, got, step.want)
		}
	}
}

// TestStreamsArriveInOrderExactlyOnce runs two channels against each other
// over a path with every fault.
func TestStreamsArriveInOrderExactlyOnce(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			runPair(t, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

type onItsWay struct {
	at time.Time
	to int
	Packet
}

func runPair(t *testing.T, random *rand.Rand) {
	const total = 60
	ends := [2]*Channel{New(1, timeout), New(0, timeout)}
	ends[1].nextID, ends[0].expected = 1, 1
	ends[1].expected = 1
	loss := random.Float64() * 0.5
	var sent [2]int
	var got [2][]int
	var flying []onItsWay
	now := start
	for round := 0; len(got[0]) < total || len(got[1]) < total || !ends[0].Idle() || !ends[1].Idle(); round++ {
		if round > 20_000 {
			t.Fatalf("stuck: %d and %d of %d arrived", len(got[0]), len(got[1]), total)
		}
		for i, c := range ends {
			n := min(c.Room(), total-sent[i], random.IntN(3))
			send(c, sent[i], n)
			sent[i] += n
			for _, p := range poll(c, now) {
				for copies := 1 + random.IntN(5)/4; copies > 0 && random.Float64() > loss; copies-- {
					flying = append(flying, onItsWay{now.Add(time.Duration(random.IntN(300)) * time.Millisecond), 1 - i, p})
				}
			}
		}
		now = now.Add(20 * time.Millisecond)
		flying = slices.DeleteFunc(flying, func(f onItsWay) bool {
			if f.at.After(now) {
				return false
			}
			c := ends[f.to]
			c.Acknowledge(now, f.Acks)
			if f.Op != wire.PAckV1 {
				c.Receive(f.Op, f.ID, f.Payload)
			}
			got[f.to] = append(got[f.to], take(c)...)
			return true
		})
	}
	for i := range got {
		if len(got[i]) != total {
			t.Fatalf("%d packets arrived, want %d", len(got[i]), total)
		}
		for n, v := range got[i] {
			if n != v {
				t.Fatalf("packet %d arrived as number %d", v, n)
			}
		}
	}
}

// FuzzChannel drives a channel with what a peer may say: it never panics, and
// what it keeps is bounded.
func FuzzChannel(f *testing.F) {
	f.Add([]byte{0, 1, 1, 2, 0, 3, 2, 0, 3, 0, 1, 255})
	f.Add([]byte{3, 9, 3, 9, 2, 9, 2, 1, 0, 12, 0, 13, 0, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 1000)]
		c, now := New(0, timeout), start
		for ; len(script) >= 2; script = script[2:] {
			id := wire.PacketID(int8(script[1])) // from both ends of the space
			switch script[0] % 5 {
			case 0:
				c.Receive(wire.PControlV1, id, script[:2])
			case 1:
				c.Acknowledge(now, []wire.PacketID{id, id + 1, id})
			case 2:
				if c.Room() > 0 {
					c.Send(wire.PControlV1, script[:2])
				}
			case 3:
				now = now.Add(time.Duration(script[1]) * 50 * time.Millisecond)
				for _, p := range poll(c, now) {
					if len(p.Acks) > wire.MaxAcks || p.Op != wire.PAckV1 && len(p.Acks) > wire.PiggybackAcks {
						t.Fatalf("%d acknowledgements on %v", len(p.Acks), p.Op)
					}
				}
				if d := c.Deadline(); !d.IsZero() && !d.After(now) {
					t.Fatalf("wants to be asked again at once")
				}
			case 4:
				c.Next()
			}
			if len(c.early) > receiveWindow || len(c.owed) > 2*receiveWindow || len(c.recent) > wire.MaxAcks || c.Room() < 0 {
				t.Fatalf("kept %d early packets, %d and %d acknowledgements, room %d", len(c.early), len(c.owed), len(c.recent), c.Room())
			}
		}
	})
}
