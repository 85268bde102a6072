package session

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"culvert/session/wire"
	"culvert/session/wrap"
)

// recordApplicationData is the type of TLS records that hold a message.
const recordApplicationData = 23

// tapped is what one end said on one key, by packet-id.
type tapped map[wire.PacketID][]byte

// TestOneMessageAControlPacket: a record with a message begins a control packet
// and ends one. It is TLS 1.2 by which records of messages are known, from
// outside, from those of the handshake.
func TestOneMessageAControlPacket(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond, loss: 0.1}, func(client, server *Config, _ *wrap.Armour) {
		client.TLS.MaxVersion = tls.VersionTLS12
		client.RenegAfter, server.Reauthenticate = time.Minute, false
	})
	said := map[string]tapped{}
	p.tap = func(from *end, packet []byte) {
		var c wire.Control
		if op := wire.Opcode(packet[0] >> 3); op.IsData() || (wrap.None{}).Unwrap(&c, packet) != nil || op == wire.PAckV1 {
			return
		}
		way := fmt.Sprintf("%v key %d", from.addr, c.Key)
		if said[way] == nil {
			said[way] = tapped{}
		}
		said[way][c.ID] = append([]byte(nil), c.Payload...)
	}
	p.admit = func(h *Hello) {
		if err := p.server.Pend(p.now, time.Minute, "OPEN_URL:https://example.org"); err != nil {
			t.Fatal(err)
		}
		p.admitHello(h, longPush())
	}
	p.run(time.Minute, p.established)
	for i := range 20 {
		p.client.Send(fmt.Sprint("INFO,", i))
		p.server.Send(fmt.Sprint("INFO,", i))
	}
	if err := p.server.PushUpdate(longPush()); err != nil {
		t.Fatal(err)
	}
	p.pass(2 * time.Minute) // and renew keys
	messages := 0
	for way, packets := range said {
		messages += checkRecords(t, way, packets)
	}
	if least := 3*2 + 3 + 40 + 2*5; messages < least {
		t.Errorf("%d messages were seen, of at least %d", messages, least)
	}
}

func longPush() (options []string) {
	for i := range 200 {
		options = append(options, fmt.Sprintf("route 10.%d.0.0 255.255.0.0", i))
	}
	return options
}

// checkRecords takes a stream of TLS apart, with the places where packets end,
// and counts the records of messages in it.
func checkRecords(t *testing.T, way string, packets tapped) (messages int) {
	t.Helper()
	var stream []byte
	begins := map[int]bool{}
	for _, id := range slices.Sorted(maps.Keys(packets)) {
		begins[len(stream)] = true
		stream = append(stream, packets[id]...)
	}
	begins[len(stream)] = true
	for at := 0; at < len(stream); {
		end := at + 5 + int(binary.BigEndian.Uint16(stream[at+3:]))
		if stream[at] == recordApplicationData {
			messages++
			if !begins[at] || !begins[end] {
				t.Errorf("%s: a message at %d to %d of %d shares a control packet", way, at, end, len(stream))
			}
		}
		at = end
	}
	return messages
}
