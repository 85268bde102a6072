package server_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/server"
	"culvert/session/wire"
)

// begin opens sessions from the attacker's address that never go on, as fast as
// the path lets it, and returns how many of its first packets were answered.
func (x *attacker) begin(first, n int) (answered int) {
	for i := range n {
		id := wire.SessionID(binary.BigEndian.AppendUint64(nil, uint64(first+i+1)<<8))
		x.send(serverAddr, x.asClient.Wrap(nil, &wire.Control{Op: wire.PControlHardResetClientV2, Session: id}, time.Now()))
	}
	time.Sleep(50 * time.Millisecond)
	for {
		answer := x.pending()
		if answer == nil {
			return answered
		}
		answered++
		x.send(serverAddr, x.asClient.Wrap(nil, &wire.Control{Op: wire.PAckV1, Session: answer.Peer, Acks: []wire.PacketID{0}, Peer: answer.Session}, time.Now()))
	}
}

// TestFullTable: somebody opens sessions without end and says no more. A client
// from elsewhere gets in as if it were alone, the table stays as large as it may
// be, the log has a few lines, and when it is over every peer-id is there again.
func TestFullTable(t *testing.T) {
	a := armours(t)[0]
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		x := w.attack(a)
		s := a.serve(w, "max-clients 4\nhand-window 30\nconnect-freq-initial 1000000 1")
		over := make(chan struct{})
		began := time.Now()
		go func() {
			defer close(over)
			for i := range 160 {
				x.begin(i*100, 100)
			}
			for i := range 160 {
				x.begin(16_000+i*10, 10)
				time.Sleep(450 * time.Millisecond)
			}
		}()
		w.until(5*time.Second, "a full table", func() bool { return s.Sessions() == 72 })
		for time.Since(began) < 6*time.Second {
			time.Sleep(time.Second)
			dialled := time.Now()
			c := a.dial(w, "anna", "")
			c.up(time.Second)
			t.Logf("up after %v", time.Since(dialled))
			exchange(t, s, c)
			c.stop()
		}
		c := a.dial(w, "anna", "")
		c.up(time.Second)
		<-over
		exchange(t, s, c)
		if n := s.Sessions(); n > 72 {
			t.Errorf("%d sessions are known", n)
		}
		time.Sleep(time.Minute)
		if n := len(happened[server.Displaced](s)); n == 0 || n > 4 {
			t.Errorf("%d events of clients that made room", n)
		}
		if n := strings.Count(s.log.String(), "\n"); n > 120 {
			t.Errorf("%d lines in the log", n)
		}
		if s.Sessions() != 1 || s.FreeIDs() != 3 {
			t.Errorf("%d sessions, and %d of 4 peer-ids free", s.Sessions(), s.FreeIDs())
		}
	})
}

// TestFloodOfFirstPackets: a flood in one address's name is answered as one source is,
// and keeps no client elsewhere waiting, as a limit for all would.
func TestFloodOfFirstPackets(t *testing.T) {
	a := armours(t)[2]
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		x := w.attack(a)
		s := a.serve(w, "")
		answered := 0
		for i := range 20 {
			answered += x.begin(i*500, 500)
		}
		if answered < 1000 || answered > 1120 {
			t.Errorf("%d of 10,000 were answered in a second", answered)
		}
		began := time.Now()
		c := a.dial(w, "anna", "")
		c.up(10 * time.Second)
		if took := time.Since(began); took > 300*time.Millisecond {
			t.Errorf("a client elsewhere took %v", took)
		}
		exchange(t, s, c)
		if n := len(happened[server.Flooded](s)); n != 1 {
			t.Errorf("%d events of the flood", n)
		}
	})
}

// TestConnectFreqInitial: the line counts the first packets of all sources that have not
// proven their address. A client that meets the limit comes in when the period is over,
// and one that has come in takes nothing from the next.
func TestConnectFreqInitial(t *testing.T) {
	a := armours(t)[2]
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		x := w.attack(a)
		s := a.serve(w, "connect-freq-initial 2 10")
		for _, name := range []string{"anna", "bert"} {
			c := a.dial(w, name, "")
			c.up(time.Second)
			c.stop()
		}
		began := time.Now()
		for i := range 10 {
			x.send(serverAddr, x.asClient.Wrap(nil, &wire.Control{Op: wire.PControlHardResetClientV2, Session: wire.SessionID{1, byte(i)}}, time.Now()))
		}
		time.Sleep(50 * time.Millisecond)
		c := a.dial(w, "cleo", "")
		c.up(20 * time.Second)
		if took := time.Since(began); took < 8*time.Second {
			t.Errorf("a client came in %v after a flood, before the period was over", took)
		}
		exchange(t, s, c)
		got := happened[server.Unanswered](s)
		if len(got) == 0 || got[0].Count < 8 || got[0].Limit != 2 || got[0].In != 10*time.Second {
			t.Errorf("events of what was dropped: %+v", got)
		}
		if n := len(happened[server.Flooded](s)); n != 0 {
			t.Errorf("%d events of a flood of one source", n)
		}
	})
}

// TestConnectFreq: no more sessions begin than the line says; who has to wait
// gets in later.
func TestConnectFreq(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("connect-freq 2 10")
		var all []*connected
		for _, name := range []string{"anna", "bert", "cleo", "dora"} {
			all = append(all, w.dial(name, ""))
		}
		time.Sleep(3 * time.Second)
		if n := len(s.Server.Clients()); n != 2 {
			t.Errorf("%d clients are in after 3 s", n)
		}
		for _, c := range all {
			c.up(time.Minute)
		}
		got := happened[server.Postponed](s)
		if len(got) == 0 || len(got) > 3 || got[0].Limit != 2 || got[0].In != 10*time.Second {
			t.Errorf("those that waited: %+v", got)
		}
	})
}

// TestCrowdedSocket: while much waits to be sent, as answers to a network's own
// hosts that are not there, strangers get none, and whoever is in goes on.
func TestCrowdedSocket(t *testing.T) {
	a := armours(t)[0]
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := a.serve(w, "")
		in := a.dial(w, "anna", "")
		in.up(time.Second)
		w.crowded.Store(true)
		x := w.attack(a)
		if n := x.begin(0, 5); n != 0 {
			t.Errorf("%d strangers were answered", n)
		}
		exchange(t, s, in)
		w.crowded.Store(false)
		if n := x.begin(5, 5); n != 5 {
			t.Errorf("%d of 5 were answered when there was room again", n)
		}
	})
}
