package p2p

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
	"culvert/session/wire"
)

// control reads the control packets that reach an endpoint.
func control(t *testing.T, e *simnet.Endpoint) <-chan wire.Control {
	t.Helper()
	heard := make(chan wire.Control, 100)
	go func() {
		batch := buf.NewBatch(1, buf.DefaultSize)
		for {
			if _, err := e.ReadBatch(batch); err != nil {
				return
			}
			var c wire.Control
			body, err := c.ParseHeader(batch[0].Bytes())
			if err == nil {
				err = c.ParseBody(body)
			}
			if err != nil {
				t.Error(err)
			}
			heard <- c
		}
	}()
	return heard
}

func tell(t *testing.T, e *simnet.Endpoint, to netip.AddrPort, c wire.Control) {
	t.Helper()
	p := buf.New(buf.DefaultSize)
	p.Set(c.AppendBody(c.AppendHeader(nil)))
	p.Path.Remote = to
	if _, err := e.WriteBatch([]*buf.Packet{p}); err != nil {
		t.Fatal(err)
	}
}

// calls runs a host, in a role of TLS, that calls one of which there is only the socket,
// where heard has what comes.
func calls(t *testing.T, role string) (other *simnet.Endpoint, heard <-chan wire.Control, b *running) {
	t.Helper()
	network := simnet.New(simnet.Options{Delay: time.Millisecond})
	id, known := identity(t)
	other, err := network.Listen(addrA)
	if err != nil {
		t.Fatal(err)
	}
	return other, control(t, other), start(t, network, addrB, role, id, known, "remote 192.0.2.1")
}

// TestBothBegin: the other host may begin a session and then answer this one's reset by
// another, whose reset acknowledges it. That one is meant then.
func TestBothBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, heard, b := calls(t, "tls-server")
		reset := <-heard
		begun, answer := wire.SessionID{1}, wire.SessionID{2}
		tell(t, other, addrB, wire.Control{Op: wire.PControlHardResetClientV2, Session: begun})
		if c := <-heard; c.Session != reset.Session || c.Peer != begun {
			t.Errorf("the first is answered by %v", c)
		}
		tell(t, other, addrB, wire.Control{Op: wire.PControlHardResetClientV2, Session: answer, Acks: []wire.PacketID{0}, Peer: reset.Session})
		if c := <-heard; c.Session != reset.Session || c.Peer != answer {
			t.Errorf("the answer is answered by %v, want session %v for %v", c, reset.Session, answer)
		}
		other.Close()
		b.stop()
	})
}

// TestLeftBeforeAcknowledged: a host that began and was killed is back at once, although
// this one waits for what it began.
func TestLeftBeforeAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New(simnet.Options{Delay: time.Millisecond})
		idA, knownA := identity(t)
		idB, knownB := identity(t)
		killed, err := network.Listen(addrA)
		if err != nil {
			t.Fatal(err)
		}
		heard := control(t, killed)
		b := start(t, network, addrB, "tls-server", idB, knownA, "remote 192.0.2.1")
		<-heard
		tell(t, killed, addrB, wire.Control{Op: wire.PControlHardResetClientV2, Session: wire.SessionID{1}})
		<-heard
		killed.Close()
		a := start(t, network, addrA, "tls-client", idA, knownB, "remote 192.0.2.2")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if a.Peer() == nil || b.Peer() == nil {
			t.Error("they are not connected after five seconds")
		}
		a.stop()
		b.stop()
	})
}

// TestOneHandshakeAtATime: a handshake that goes on is not given up for another one that
// the other host began, and one that has stopped is.
func TestOneHandshakeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, heard, b := calls(t, "tls-client")
		reset := <-heard
		tell(t, other, addrB, wire.Control{Op: wire.PControlHardResetServerV2, Session: wire.SessionID{1}, Acks: []wire.PacketID{0}, Peer: reset.Session})
		begun := wire.Control{Op: wire.PControlHardResetServerV2, Session: wire.SessionID{2}}
		tell(t, other, addrB, begun)
		answers := func() (n int) {
			for len(heard) > 0 {
				if c := <-heard; c.Op == wire.PControlHardResetClientV2 {
					n++
				}
			}
			return n
		}
		time.Sleep(time.Second)
		if n := answers(); n > 0 {
			t.Errorf("%d answers to another session while the handshake goes on", n)
		}
		time.Sleep(progressTime)
		tell(t, other, addrB, begun)
		time.Sleep(100 * time.Millisecond)
		if answers() == 0 {
			t.Error("no answer to another session although the handshake stopped")
		}
		other.Close()
		b.stop()
	})
}
