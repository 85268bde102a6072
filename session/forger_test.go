package session

import (
	"testing"
	"time"

	"culvert/session/wire"
	"culvert/session/wrap"
)

// forger is somebody on the way who has read both session ids of a session
// without armour, and can send in either end's name.
type forger struct{ *pair }

// garbage puts packets into a session, in its peer's name: acknowledgements of
// everything, and what is no TLS under every packet-id that may be next.
func (f *forger) garbage(into, as *end, key wire.KeyID) {
	record := append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...)
	for id := range wire.PacketID(40) {
		for _, payload := range [][]byte{record, []byte("GARBAGE"), nil} {
			f.put(into, &wire.Control{Op: wire.PControlV1, Key: key, Session: as.port.local, ID: id, Payload: payload})
		}
		f.put(into, &wire.Control{Op: wire.PAckV1, Key: key, Session: as.port.local, Acks: []wire.PacketID{id, id + 1, id + 500}, Peer: into.port.local})
	}
	f.put(into, &wire.Control{Op: wire.PControlHardResetClientV2, Session: as.port.local})
	f.put(into, &wire.Control{Op: wire.PControlHardResetServerV2, Session: as.port.local})
}

func (f *forger) put(into *end, c *wire.Control) {
	_ = into.Input(f.now, wrap.None{}.Wrap(nil, c, f.now))
}

// TestForgedControl: a session that is up outlives everything that somebody
// forges who can send in the peer's name. Its keys are renewed on a new TLS
// connection, and what the ends say to each other arrives again.
func TestForgedControl(t *testing.T) {
	for name, server := range map[string]bool{"at the server": true, "at the client": false} {
		t.Run(name, func(t *testing.T) {
			f := &forger{newPair(t, path{delay: 10 * time.Millisecond}, nil)}
			f.run(time.Minute, f.established)
			into, as := f.client, f.server
			if server {
				into, as = f.server, f.client
			}
			f.pass(5 * time.Second)
			for range 20 {
				f.garbage(into, as, into.keys.active.id)
				f.exchange(f.client, f.server)
				f.exchange(f.server, f.client)
				f.pass(time.Second)
			}
			f.pass(2 * time.Minute)
			if into.Err() != nil || as.Err() != nil {
				t.Fatalf("ended with %v, %v", into.Err(), as.Err())
			}
			f.exchange(f.client, f.server)
			f.exchange(f.server, f.client)
			if n := count[Remark](into.events); n == 0 || n > 3 {
				t.Errorf("%d remarks", n)
			}
			if count[Rekeyed](into.events) == 0 {
				t.Error("the keys were not renewed")
			}
			before := count[Info](f.client.events)
			f.server.Send("INFO,again")
			f.pass(10 * time.Second)
			if count[Info](f.client.events) != before+1 {
				t.Error("a control message does not arrive")
			}
		})
	}
}
