package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"
)

func parseControl(b []byte) (*Control, error) {
	c := new(Control)
	body, err := c.ParseHeader(b)
	if err != nil {
		return nil, err
	}
	return c, c.ParseBody(body)
}

func appendControl(c *Control) []byte { return c.AppendBody(c.AppendHeader(nil)) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// controlPackets are of a session between OpenVPN 2.6.14 on both sides, without
// armour; the last two have their fields spelled out by hand.
var controlPackets = []struct {
	name string
	hex  string
	want Control
}{
	{"client reset", "38c4cfcf63a40622a10000000000",
		Control{Op: PControlHardResetClientV2, Session: session("c4cfcf63a40622a1")}},
	{"server reset", "4074d80014dbc738470100000000c4cfcf63a40622a100000000",
		Control{Op: PControlHardResetServerV2, Session: session("74d80014dbc73847"),
			Acks: []PacketID{0}, Peer: session("c4cfcf63a40622a1")}},
	{"start of hello", "20c4cfcf63a40622a1010000000074d80014dbc738470000000116030101",
		Control{Op: PControlV1, Session: session("c4cfcf63a40622a1"),
			Acks: []PacketID{0}, Peer: session("74d80014dbc73847"), ID: 1, Payload: unhex("16030101")}},
	{"two acks", "20c4cfcf63a40622a102000000010000000074d80014dbc7384700000002",
		Control{Op: PControlV1, Session: session("c4cfcf63a40622a1"),
			Acks: []PacketID{1, 0}, Peer: session("74d80014dbc73847"), ID: 2}},
	{"ack of key 7", "2f" + "0102030405060708" + "01" + "fffffffe" + "1112131415161718",
		Control{Op: PAckV1, Key: 7, Session: session("0102030405060708"),
			Acks: []PacketID{0xfffffffe}, Peer: session("1112131415161718")}},
	{"no acks", "18" + "0102030405060708" + "00" + "00000009",
		Control{Op: PControlSoftResetV1, Session: session("0102030405060708"), ID: 9}},
}

func session(s string) SessionID { return SessionID(unhex(s)) }

func TestControlPackets(t *testing.T) {
	for _, tt := range controlPackets {
		packet := unhex(tt.hex)
		c, err := parseControl(packet)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if len(c.Acks) == 0 {
			c.Acks = nil
		}
		if len(c.Payload) == 0 {
			c.Payload = nil
		}
		if !reflect.DeepEqual(*c, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, *c, tt.want)
		}
		if got := appendControl(&tt.want); !bytes.Equal(got, packet) {
			t.Errorf("%s: appended\n got %x\nwant %x", tt.name, got, packet)
		}
		if got := ControlHeaderLen + tt.want.BodyLen(); got != len(packet) {
			t.Errorf("%s: BodyLen makes %d bytes, want %d", tt.name, got, len(packet))
		}
	}
}

// Every part of a packet without its payload is too short.
func TestControlTruncated(t *testing.T) {
	for _, tt := range controlPackets {
		packet := unhex(tt.hex)
		for n := range len(packet) - len(tt.want.Payload) {
			if _, err := parseControl(packet[:n]); !errors.Is(err, ErrShort) {
				t.Errorf("%s: %d bytes: %v, want ErrShort", tt.name, n, err)
			}
		}
	}
}

func TestControlMalformed(t *testing.T) {
	head := "0102030405060708"
	for name, s := range map[string]string{
		"data packet":   "48" + head + "0000000000",
		"key method 1":  "08" + head + "0000000000",
		"opcode 0":      "00" + head + "0000000000",
		"opcode 31":     "f8" + head + "0000000000",
		"nine acks":     "20" + head + "09" + head + head + head + head + head + head + head,
		"too many acks": "28" + head + "ff",
	} {
		if _, err := parseControl(unhex(s)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestAcksAtTheirLimit(t *testing.T) {
	c := &Control{Op: PControlV1, Acks: make([]PacketID, MaxAcks), Peer: SessionID{1}}
	if got, err := parseControl(appendControl(c)); err != nil || len(got.Acks) != MaxAcks {
		t.Errorf("%d acknowledgements: %v", MaxAcks, err)
	}
	defer func() {
		if recover() == nil {
			t.Errorf("%d acknowledgements appended", MaxAcks+1)
		}
	}()
	c.Acks = make([]PacketID, MaxAcks+1)
	c.AppendBody(nil)
}

// A Control that is used again keeps nothing of the packet before.
func TestControlReused(t *testing.T) {
	var c Control
	for _, tt := range controlPackets {
		body, err := c.ParseHeader(unhex(tt.hex))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.ParseBody(body); err != nil {
			t.Fatal(err)
		}
		if got := appendControl(&c); !bytes.Equal(got, unhex(tt.hex)) || c.Peer != tt.want.Peer || c.ID != tt.want.ID {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
}

func FuzzParseControl(f *testing.F) {
	for _, tt := range controlPackets {
		f.Add(unhex(tt.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseControl(b)
		if err != nil {
			if !errors.Is(err, ErrShort) && !errors.Is(err, ErrMalformed) {
				t.Errorf("%x: %v", b, err)
			}
			return
		}
		if got := appendControl(c); !bytes.Equal(got, b) || ControlHeaderLen+c.BodyLen() != len(b) {
			t.Errorf("%x appended again is %x", b, got)
		}
	})
}
