package server

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/role/server/admission"
	"culvert/role/server/lease"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// tabled is a table with clients that were let in, made without a handshake.
type tabled struct {
	*table
	t    *testing.T
	next byte
}

// visitor is the visit of a client that nobody decides about.
func visitor(t *testing.T) *admission.Visit {
	t.Helper()
	a, err := admission.New(new(config.Config), admission.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.End)
	return a.Begin(nil, 0)
}

func newTabled(t *testing.T, maxClients int) *tabled {
	return &tabled{table: newTable(maxClients), t: t}
}

// enter lets a client in at 198.51.100.N:1000 with the lease 10.8.0.N and
// fd00:8::N, N counting from 1.
func (tb *tabled) enter(name string, unique bool) (c *client, before []*client) {
	tb.t.Helper()
	tb.next++
	n := tb.next
	id := wire.SessionID{n}
	s := session.Accept(session.Config{}, &session.Opening{Client: id, Server: wire.SessionID{n, 1}}, time.Unix(1_800_000_000, 0))
	c = &client{visit: visitor(tb.t), name: name, own: new(config.PerClient), lease: &lease.Lease{IPv4: netip.AddrFrom4([4]byte{10, 8, 0, n}), IPv6: netip.AddrFrom16([16]byte{0xfd, 0, 0, 8, 15: n})}}
	c.Peer = tunnel.NewPeer(s, nil, buf.Path{Remote: outerOf(n)}, nil)
	c.Owner = c
	if _, ok := tb.add(c, 100); !ok || !tb.keep(c) {
		tb.t.Fatal("no room")
	}
	var ok bool
	if c.id, ok = tb.takeID(); !ok {
		tb.t.Fatal("no peer-id")
	}
	leads(c)
	return c, tb.establish(c, unique)
}

// leads lets everything lead to a client that is its own.
func leads(c *client) {
	for _, p := range prefixesOf(c) {
		c.learnt = append(c.learnt, learnt{prefix: p})
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// at is an outer address on the one socket that these tests have.
func at(a netip.AddrPort) outer { return outer{addr: a} }

func outerOf(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, n}), 1000)
}

// found is where a client can be found: the keys of every table.
func (tb *tabled) found(c *client) (where []string) {
	for name, is := range map[string]bool{
		"peer-id":  tb.peerID(c.id) == c,
		"address":  tb.addr(c.outer()) == c,
		"session":  tb.session(c.session()) == c,
		"IPv4":     tb.route(c.lease.IPv4) == c,
		"IPv6":     tb.route(c.lease.IPv6) == c,
		"name":     tb.named(c.name) == c,
		"everyone": slices.Contains(tb.all(), c),
	} {
		if is {
			where = append(where, name)
		}
	}
	slices.Sort(where)
	return where
}

func TestTableFindsAndForgets(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", true)
	b, _ := tb.enter("b", true)
	if got := tb.found(a); len(got) != 7 {
		t.Errorf("found by %v", got)
	}
	tb.remove(a)
	tb.remove(a)
	if got := tb.found(a); len(got) != 0 {
		t.Errorf("still found by %v", got)
	}
	if len(tb.freeIDs) != 2 {
		t.Errorf("%d peer-ids free, want 2", len(tb.freeIDs))
	}
	if got := tb.found(b); len(got) != 7 {
		t.Errorf("the other one is found by %v only", got)
	}
	for _, stranger := range []wire.PeerID{3, 1000, wire.PeerIDUnset} {
		if tb.peerID(stranger) != nil {
			t.Errorf("peer-id %d is somebody's", stranger)
		}
	}
	if tb.route(addr("10.8.0.77")) != nil || tb.route(addr("::ffff:10.8.0.2")) != nil || tb.route(netip.Addr{}) != nil {
		t.Error("an address of nobody is somebody's")
	}
}

// TestTableSuccessor: a client that is removed late takes nothing from its successor.
func TestTableSuccessor(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", true)
	again, before := tb.enter("a", true)
	if !slices.Equal(before, []*client{a}) {
		t.Errorf("took the place of %v", before)
	}
	again.lease.IPv4, again.lease.IPv6 = a.lease.IPv4, a.lease.IPv6
	again.learnt = a.learnt
	tb.establish(again, true)
	tb.remove(a)
	if got := tb.found(again); len(got) != 7 {
		t.Errorf("the successor is found by %v only", got)
	}
}

func TestTableDuplicates(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", false)
	b, before := tb.enter("a", false)
	if len(before) != 0 {
		t.Error("a namesake was put out though names need not be unique")
	}
	if tb.peerID(a.id) != a || tb.peerID(b.id) != b {
		t.Error("namesakes took each other's place")
	}
	// One at the same outer address is a client that started anew.
	b.SetPath(a.Path())
	if before := tb.establish(b, false); !slices.Equal(before, []*client{a}) {
		t.Errorf("took the place of %v", before)
	}
}

func TestTableMove(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", true)
	b, _ := tb.enter("b", true)
	from, to := a.Path().Remote, outerOf(99)
	if tb.move(a, b.Path()) {
		t.Error("a client moved to another one's address")
	}
	if tb.addr(at(from)) != a || tb.addr(b.outer()) != b {
		t.Error("the failed move changed something")
	}
	if !tb.move(a, buf.Path{Remote: to}) || tb.addr(at(from)) != nil || tb.addr(at(to)) != a {
		t.Error("a client did not move")
	}
	if !tb.move(a, buf.Path{Remote: to}) || tb.addr(at(to)) != a {
		t.Error("a client does not stay where it is")
	}
	tb.remove(a)
	if tb.addr(at(to)) != nil {
		t.Error("a client that moved is found after it went")
	}
	if !tb.move(b, buf.Path{Remote: to}) {
		t.Error("the address of one who went is not free")
	}
}

func TestTableIsBounded(t *testing.T) {
	tb := newTabled(t, 1)
	c, _ := tb.enter("a", true)
	if _, ok := tb.takeID(); ok {
		t.Error("more peer-ids than clients")
	}
	if _, ok := tb.add(newcomer(200), 1); ok {
		t.Error("more sessions than the limit")
	}
	tb.remove(c)
	id, ok := tb.takeID()
	if !ok {
		t.Error("the peer-id did not come back")
	}
	tb.giveBackID(id)
	if len(tb.freeIDs) != 1 {
		t.Errorf("%d peer-ids", len(tb.freeIDs))
	}
}

// TestTableLimit: max-clients may grow and shrink while clients are in. None of them has
// to go, and each is found as before.
func TestTableLimit(t *testing.T) {
	tb := newTabled(t, 2)
	a, _ := tb.enter("a", true)
	b, _ := tb.enter("b", true)
	room := tb.room()
	tb.limit(1)
	if len(tb.established()) != 2 || len(tb.found(a)) != 7 || len(tb.found(b)) != 7 {
		t.Error("a lower limit puts somebody out")
	}
	if tb.room() < room {
		t.Error("a lower limit leaves less room for handshakes than those who are in may need")
	}
	tb.remove(b)
	if _, ok := tb.takeID(); ok {
		t.Error("a lower limit does not hold")
	}
	tb.limit(4)
	if len(tb.found(a)) != 7 || tb.peerID(1) != nil || tb.peerID(3) != nil {
		t.Error("a higher limit changes who is found")
	}
	for _, name := range []string{"c", "d", "e"} {
		if c, _ := tb.enter(name, true); len(tb.found(c)) != 7 {
			t.Errorf("%s has peer-id %d and is found by %v", name, c.id, tb.found(c))
		}
	}
	if _, ok := tb.takeID(); ok {
		t.Error("a higher limit is none")
	}
	for _, c := range tb.established() {
		tb.remove(c)
	}
	slices.Sort(tb.freeIDs)
	if !slices.Equal(tb.freeIDs, []wire.PeerID{0, 1, 2, 3}) {
		t.Errorf("free in the end: %v", tb.freeIDs)
	}
}

// TestDemultiplex finds clients by peer-id, and by address where they have
// none.
func TestDemultiplex(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", true)
	r := traffic{table: tb.table, together: new(atomic.Bool)}
	v2 := func(id wire.PeerID) []byte {
		b := make([]byte, 30)
		wire.PutDataV2(b, 0, id)
		return b
	}
	for name, c := range map[string]struct {
		from   netip.AddrPort
		packet []byte
		drop   tunnel.Drop
	}{
		"peer-id":                {outerOf(77), v2(a.id), tunnel.Kept},
		"peer-id of nobody":      {a.Path().Remote, v2(2), tunnel.UnknownPeer},
		"peer-id out of range":   {a.Path().Remote, v2(1000), tunnel.UnknownPeer},
		"V2 without peer-id":     {a.Path().Remote, v2(wire.PeerIDUnset), tunnel.Kept},
		"V1":                     {a.Path().Remote, []byte{wire.Head(wire.PDataV1, 0)}, tunnel.Kept},
		"V1 from a stranger":     {outerOf(77), []byte{wire.Head(wire.PDataV1, 0)}, tunnel.UnknownPeer},
		"V2 cut in its peer-id":  {a.Path().Remote, v2(a.id)[:3], tunnel.Malformed},
		"V2 unset, from nowhere": {outerOf(77), v2(wire.PeerIDUnset), tunnel.UnknownPeer},
	} {
		p := buf.New(100)
		p.Set(c.packet)
		p.Path.Remote = c.from
		peer, drop := r.Demultiplex(nil, p)
		if drop != c.drop || (peer == a.Peer) != (drop == tunnel.Kept) {
			t.Errorf("%s: %v, %v", name, peer, drop)
		}
	}
}

// TestGoneClientsDoNotMove: a packet on its way while its client goes leaves
// nothing behind.
func TestGoneClientsDoNotMove(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", true)
	tb.remove(a)
	tb.move(a, buf.Path{Remote: outerOf(99)})
	if n := len(tb.byAddr); n != 0 {
		t.Errorf("%d addresses are kept of a client that went", n)
	}
}

// TestMovesAreReportedNowAndThen: a client that sends from many addresses, or
// from another's, does not fill the log.
func TestMovesAreReportedNowAndThen(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", true)
	b, _ := tb.enter("b", true)
	var moves, refused int
	r := traffic{table: tb.table, together: new(atomic.Bool), report: func(e Event) {
		switch e.(type) {
		case Moved:
			moves++
		case MoveRefused:
			refused++
		}
	}}
	for n := range byte(100) {
		r.Moved(a.Peer, buf.Path{Remote: outerOf(100 + n)})
		r.Moved(a.Peer, b.Path())
	}
	if n := moves + refused; n < 1 || n > 10 {
		t.Errorf("%d events", n)
	}
	if a.Path().Remote != outerOf(199) || tb.addr(a.outer()) != a || tb.addr(b.outer()) != b {
		t.Error("the moves were not made")
	}
}

// newcomer is a client at 198.51.100.N that has not got in.
func newcomer(n byte) *client { return newcomerAt(outerOf(n), wire.SessionID{n, 2}) }

func newcomerAt(at netip.AddrPort, id wire.SessionID) *client {
	c := &client{own: new(config.PerClient)}
	s := session.Accept(session.Config{}, &session.Opening{Client: id}, time.Time{})
	c.Peer = tunnel.NewPeer(s, nil, buf.Path{Remote: at}, nil)
	c.Owner = c
	return c
}

// TestTableFull: who stalls in a handshake gives way to who comes: one from the
// same place if there is one, else the longest, and one that has said who it is
// only where nobody else is left. Who gets in does not.
func TestTableFull(t *testing.T) {
	tb := newTabled(t, 3)
	crowd := []*client{newcomer(1), newcomer(2), newcomerAt(outerOf(2), wire.SessionID{9}), newcomer(3)}
	for _, c := range crowd {
		tb.add(c, len(crowd))
	}
	tb.greeted(crowd[3])
	again := newcomerAt(netip.AddrPortFrom(outerOf(2).Addr(), 2), wire.SessionID{10})
	for _, c := range []struct {
		who, for_ *client
	}{
		{crowd[1], again},
		{crowd[0], newcomer(4)},
		{crowd[2], newcomer(5)},
		{again, newcomer(6)},
	} {
		displaced, ok := tb.add(c.for_, len(crowd))
		if !ok || displaced != c.who || !c.who.displaced.Load() || tb.session(c.who.session()) != nil {
			t.Fatalf("for %v, %v made room, want %v", c.for_.Path().Remote, displaced, c.who)
		}
		if tb.keep(c.who) {
			t.Error("one that was displaced is let in")
		}
	}
	for i := range 3 {
		tb.add(newcomer(byte(20+i)), len(crowd))
	}
	if crowd[3].displaced.Load() {
		t.Error("a client that said who it is made room while others had not")
	}
	for c := range tb.bySession {
		tb.greeted(tb.bySession[c])
	}
	for _, c := range tb.all()[:3] {
		tb.keep(c)
	}
	if displaced, ok := tb.add(newcomer(30), len(crowd)); !ok || displaced == nil {
		t.Error("nobody made room, though one was not in")
	}
	for _, c := range tb.all() {
		tb.keep(c)
	}
	if _, ok := tb.add(newcomer(31), len(crowd)); ok {
		t.Error("a client that is in was displaced")
	}
	if len(tb.strangers.source)+len(tb.pending.source)+tb.strangers.all.Len()+tb.pending.all.Len() != 0 {
		t.Error("somebody waits for ever")
	}
}

// TestTableByAddress: a session id is worth nothing at another address, and
// goes along when its client moves.
func TestTableByAddress(t *testing.T) {
	tb := newTabled(t, 3)
	a, _ := tb.enter("a", true)
	id, elsewhere := a.Session.RemoteID(), outerOf(66)
	if tb.session(sessionKey{at(elsewhere), id}) != nil {
		t.Error("a session id from elsewhere finds its client")
	}
	thief := newcomerAt(elsewhere, id)
	if _, ok := tb.add(thief, 100); !ok || tb.session(a.session()) != a || tb.session(thief.session()) != thief {
		t.Error("one session id at two addresses is not two sessions")
	}
	from := a.session()
	if !tb.move(a, buf.Path{Remote: elsewhere}) || tb.session(sessionKey{at(elsewhere), id}) != a || tb.session(from) != nil {
		t.Error("the session did not move with its client")
	}
	tb.remove(thief)
	if got := tb.found(a); len(got) != 7 {
		t.Errorf("after the other one went, found by %v", got)
	}
}

// BenchmarkTableFull opens a session in a table that is full, for each of two
// numbers of clients.
func BenchmarkTableFull(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			table := newTable(1)
			next := uint32(0)
			come := func() *client {
				next++
				return newcomerAt(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(next >> 16), byte(next >> 8), byte(next)}), 1000),
					wire.SessionID(binary.BigEndian.AppendUint64(nil, uint64(next))))
			}
			for range n {
				table.add(come(), n)
			}
			comers := make([]*client, 10_000)
			for b.Loop() {
				b.StopTimer()
				for i := range comers {
					comers[i] = come()
				}
				b.StartTimer()
				for _, c := range comers {
					table.add(c, n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(comers)), "ns/session")
		})
	}
}

// TestFailedHandshakesAreReportedAtAPace: whoever can receive packets can have
// handshakes fail as fast as they like.
func TestFailedHandshakesAreReportedAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := newTabled(t, 300)
		events := 0
		report := func(Event) { events++ }
		book := bookOf(t, &config.Config{Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24")}})
		crowd := &strangers{report: report}
		d := &desk{report: report, strangers: crowd, roster: &roster{table: tb.table, book: book, report: report}}
		for range 200 {
			c, _ := tb.enter("", false)
			c.Session.Close()
			c.Session.Events() // nobody takes them here
			d.gone(c, time.Now(), session.ErrStray)
		}
		crowd.stop()
		if events == 0 || events > 100 {
			t.Errorf("%d events", events)
		}
	})
}

// TestTableCloses has nobody added after close, and says when the last session is
// over, also that of a client which is in no table any longer.
func TestTableCloses(t *testing.T) {
	tb := newTabled(t, 8)
	a, _ := tb.enter("anna", true)
	b, _ := tb.enter("bert", true)
	tb.remove(a)
	empty := tb.close()
	refused := newcomerAt(outerOf(9), wire.SessionID{9})
	if _, ok := tb.add(refused, 100); ok {
		t.Error("one was added after close")
	}
	for i, c := range []*client{b, b, refused} { // of whom one counts
		if tb.over(c); closed(empty) {
			t.Fatalf("empty after %d of the calls, and anna's session is not over", i+1)
		}
	}
	if tb.over(a); !closed(empty) || tb.close() != empty {
		t.Error("it does not say that it is empty")
	}
}

// closed reports whether a channel is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
