package tunnel

import (
	"bytes"
	"io/fs"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/nic"
	"culvert/session"
	"culvert/session/wrap"
)

type named string

func (n named) PeerName() string { return string(n) }

func TestPeerName(t *testing.T) {
	p := NewPeer(session.NewClient(testConfig(false), time.Now()), nil, buf.Path{Remote: farAddr}, nil)
	for want, owner := range map[string]any{"ada": named("ada"), farAddr.String(): named("")} {
		if p.Owner = owner; p.Name() != want {
			t.Errorf("%v: %s", owner, p.Name())
		}
	}
	if p.Owner = nil; p.Name() != farAddr.String() {
		t.Errorf("nobody's: %s", p.Name())
	}
}

// answered is a client's peer that has said its first word, and the answers of
// two servers to it.
func answered(t *testing.T) (p *Peer, answers [2][]byte) {
	t.Helper()
	var first []byte
	net := simnet.New(simnet.Options{Filter: func(_, _ netip.AddrPort, b []byte) bool {
		first = bytes.Clone(b)
		return false
	}})
	l, err := net.Listen(nearAddr)
	if err != nil {
		t.Fatal(err)
	}
	p = NewPeer(session.NewClient(testConfig(false), time.Now()), l, buf.Path{Remote: farAddr}, func(*Peer, time.Time, session.Event) {})
	p.Do(func(time.Time) {})
	synctest.Wait()
	for i := range answers {
		answers[i], _, err = session.NewGreeter(wrap.Armour{}, session.Rate{}).Greet(time.Now(), nearAddr, first)
		if err != nil || answers[i] == nil {
			t.Fatalf("no answer: %v", err)
		}
	}
	return p, answers
}

// TestAnswersFromElsewhere: a client takes packets only from its server's address.
// With float, the first that answers is the server, and nobody after it.
func TestAnswersFromElsewhere(t *testing.T) {
	elsewhere := buf.Path{Remote: netip.MustParseAddrPort("203.0.113.1:1")}
	third := buf.Path{Remote: netip.MustParseAddrPort("203.0.113.3:3")}
	type packet struct {
		path  buf.Path
		float bool
		bytes []byte
		taken bool
	}
	for name, c := range map[string]struct {
		packets func(answers [2][]byte) []packet
		at      buf.Path // of the peer in the end
		refused int
	}{
		"from the server": {func(a [2][]byte) []packet {
			return []packet{{buf.Path{Remote: farAddr}, false, a[0], true}, {elsewhere, false, a[1], false}, {elsewhere, true, a[1], false}}
		}, buf.Path{Remote: farAddr}, 0},
		"from elsewhere": {func(a [2][]byte) []packet { return []packet{{elsewhere, false, a[0], false}} }, buf.Path{Remote: farAddr}, 0},
		"with float": {func(a [2][]byte) []packet {
			return []packet{{elsewhere, true, a[0], true}, {third, true, a[1], false}, {buf.Path{Remote: farAddr}, true, a[1], false}}
		}, elsewhere, 0},
		"with float, noise first": {func(a [2][]byte) []packet {
			return []packet{{third, true, []byte("noise"), true}, {elsewhere, true, a[0], true}}
		}, elsewhere, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, answers := answered(t)
			defer p.Stop()
			refused := 0
			for i, b := range c.packets(answers) {
				if taken := p.DeliverFrom(b.path, b.float, b.bytes, func(error) { refused++ }); taken != b.taken {
					t.Errorf("%s: packet %d is taken: %v", name, i, taken)
				}
				synctest.Wait()
			}
			if p.Path() != c.at || refused != c.refused {
				t.Errorf("%s: the peer is at %v, %d refused", name, p.Path().Remote, refused)
			}
		})
	}
}

// TestFirstAnswerWins: of two answers from elsewhere that came before either was
// handled, the first wins.
func TestFirstAnswerWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, answers := answered(t)
		defer p.Stop()
		hold := make(chan struct{})
		p.Do(func(time.Time) { <-hold })
		synctest.Wait()
		var paths []buf.Path
		for i, at := range []string{"203.0.113.1:1", "203.0.113.2:2"} {
			paths = append(paths, buf.Path{Remote: netip.MustParseAddrPort(at)})
			if !p.DeliverFrom(paths[i], true, answers[i], func(err error) { t.Error(err) }) {
				t.Errorf("%s is not taken", at)
			}
		}
		close(hold)
		synctest.Wait()
		if p.Path() != paths[0] {
			t.Errorf("the peer is at %v", p.Path().Remote)
		}
	})
}

// growing is a link that has so many full batches.
type growing struct {
	ends
	first, most int
	sizes       []int // of the batches it was given
	room        int   // of their packets
	left        bool  // a packet is missing from each batch
}

func (g *growing) BatchSize() (first, most int) { return g.first, g.most }

func (g *growing) ReadBatch(batch []*buf.Packet) (int, error) {
	if len(g.sizes) == g.batches {
		return 0, fs.ErrClosed
	}
	g.sizes = append(g.sizes, len(batch))
	for _, p := range batch {
		p.Reset()
		p.Set(nil)
		g.room = len(p.Room())
	}
	if g.left {
		return len(batch) - 1, nil
	}
	return len(batch), nil
}

// TestBatchesGrow: to twice as many while they are full, and no further than
// the link says; each packet has room for the longest and what is put around it.
func TestBatchesGrow(t *testing.T) {
	for left, want := range map[bool][]int{false: {2, 4, 7, 7}, true: {2, 2, 2, 2}} {
		g := &growing{ends: ends{batches: 4}, first: 2, most: 7, left: left}
		role := new(fakeRole)
		r := &Road{Role: role, PacketSize: 1800}
		role.road = r
		checkClosed(t, r.Inbound(t.Context(), g))
		if !slices.Equal(g.sizes, want) {
			t.Errorf("batches of %v, want %v", g.sizes, want)
		}
		if at := buf.New(1800 + buf.Headroom + buf.Tailroom); g.room < len(at.Room()) {
			t.Errorf("room for %d bytes, want %d", g.room, len(at.Room()))
		}
	}
}

// TestLinksHaveQueues: links of one socket each write to queues of their own.
func TestLinksHaveQueues(t *testing.T) {
	d := inbound(t)
	var got [3]int
	queues := new(manyQueues)
	for i := range got {
		queues.queues = append(queues.queues, &ends{take: func(batch []*buf.Packet) { got[i] += len(batch) }})
	}
	d.Road.Adapter = func() nic.NIC { return queues }
	for i := range got {
		d.batches = 1
		checkClosed(t, d.Inbound(t.Context(), d.ends))
		for j, n := range got {
			if n > 0 != (j <= i) {
				t.Errorf("after %d links the queues have got %v", i+1, got)
			}
		}
	}
}

// TestCopiesAreBounded: only as many copies wait at once as fit in a batch.
func TestCopiesAreBounded(t *testing.T) {
	out, most := sender{road: new(Road), spares: buf.NewSpares(100)}, 0
	p := buf.New(100)
	p.Set([]byte("text"))
	for range 3 * batchSize {
		if c := out.copyOf(p); string(c.Bytes()) != "text" {
			t.Fatalf("%q", c.Bytes())
		}
		most = max(most, out.spares.Used())
	}
	if most != batchSize {
		t.Errorf("%d copies wait at once, want %d", most, batchSize)
	}
}

// TestPiecesOnTheRoad: with `fragment`, long packets go in pieces and come out
// whole.
func TestPiecesOnTheRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := sessionsOf(t, func(c *session.Config) { c.Fragment = 200 })
		net := simnet.New(simnet.Options{})
		near, far := newHalf(t, nic.IP, net, nearAddr, farAddr, client), newHalf(t, nic.IP, net, farAddr, nearAddr, server)
		packets := [][]byte{ipPacket(100), ipPacket(1400), ipPacket(101)}
		for _, p := range packets {
			near.nic.Inject(p)
		}
		if got := drain(far); !equal(got, packets) {
			t.Errorf("%d packets arrived", len(got))
		}
		if n := near.peer.Counters.OutPackets.Load(); n != 3 {
			t.Errorf("%d packets are counted", n)
		}
	})
}
