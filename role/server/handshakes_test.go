package server_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/role/server"
)

// TestHandshakesPerAddress: no more handshakes of one address begin than the line says, and
// the log has few lines of it. Clients elsewhere do not notice, connect-freq has its places
// for them, who is in stays in with new keys, and who has to wait gets in when it is over.
func TestHandshakesPerAddress(t *testing.T) {
	a := armours(t)[0]
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		x := w.attack(a)
		s := a.serve(w, "handshakes-per-address 4 20\nconnect-freq 10 60\nduplicate-cn\nhand-window 10")
		beside := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(attackerAddr.Addr(), port) }
		in := a.dialFrom(w, beside(1), "anna", "")
		in.up(time.Second)
		flood := time.Now()
		for i := range 20 {
			if n := x.begin(i*40, 40); n != 40 {
				t.Fatalf("%d of 40 resets were answered", n)
			}
		}
		waits := a.dialFrom(w, beside(2), "bert", "")
		if c := a.dial(w, "cleo", ""); true {
			c.up(time.Second)
			exchange(t, s, c)
		}
		exchange(t, s, in)
		waits.up(time.Minute)
		if took := time.Since(flood); took < 4*time.Second {
			t.Errorf("a client of the same address was let in %v after the flood began", took)
		}
		if got := happened[server.Postponed](s); len(got) > 0 {
			t.Errorf("one address took the places of all: %+v", got)
		}
		got := happened[server.Flooded](s)
		if len(got) == 0 || len(got) > 3 || !strings.Contains(got[0].Err.Error(), "than 4 in 20s") || got[0].From.Addr() != attackerAddr.Addr() {
			t.Errorf("events of the flood: %+v", got)
		}
		if got := happened[server.Unreached](s); len(got) > 0 {
			t.Errorf("clients that wait count as out of reach: %+v", got)
		}
	})
}

// TestHandshakesOfAKey: whoever has one tls-crypt-v2 key, and begins handshakes without
// end, does not keep out a client of the same address that has another.
func TestHandshakesOfAKey(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("handshakes-per-address 1 600\nduplicate-cn\nconnect-freq-initial 1000 1")
		from := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(attackerAddr.Addr(), port) }
		for i := range uint16(20) {
			w.dialFrom(from(1000+i), "anna", "")
		}
		time.Sleep(time.Second)
		if n := len(s.Server.Clients()); n != 6 { // the address's one, and five of the key
			t.Errorf("%d clients with one key are in", n)
		}
		for i, name := range []string{"bert", "cleo"} {
			c := w.dialFrom(from(1+uint16(i)), name, "")
			c.up(time.Second)
			exchange(t, s, c)
		}
	})
}

// TestHandshakesOfAnOffice: as many as an office may have come in at once without the line.
func TestHandshakesOfAnOffice(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("duplicate-cn")
		var all []*connected
		for i := range uint16(60) {
			all = append(all, w.dialFrom(netip.AddrPortFrom(attackerAddr.Addr(), 1000+i), fmt.Sprint("office", i%3), ""))
		}
		for _, c := range all {
			c.up(2 * time.Second)
		}
		if n := len(happened[server.Flooded](s)); n > 0 {
			t.Errorf("%d events of a flood", n)
		}
	})
}
