package frame

import (
	"bytes"
	"testing"

	"culvert/internal/buf"
)

var (
	a = MAC{2, 0, 0, 0, 0, 1}
	b = MAC{2, 0, 0, 0, 0, 2}
)

func TestParseAppend(t *testing.T) {
	for _, h := range []Header{
		{Dst: a, Src: b, Type: TypeIPv4},
		{Dst: Broadcast, Src: b, Type: TypeARP, Tagged: true, VLAN: MaxVLAN, Priority: 7},
		{Dst: a, Src: b, Type: TypeVLAN, Tagged: true}, // two tags
	} {
		wire := append(h.Append(nil), "payload"...)
		h.Len = len(wire) - len("payload")
		if got, ok := Parse(wire); !ok || got != h {
			t.Errorf("%+v came back as %+v, %v", h, got, ok)
		}
		for n := range h.Len {
			if _, ok := Parse(wire[:n]); ok {
				t.Errorf("%d bytes of %d pass for a header", n, h.Len)
			}
		}
	}
}

func TestTagUntag(t *testing.T) {
	plain := append(Header{Dst: a, Src: b, Type: TypeIPv6}.Append(nil), "payload"...)
	p := buf.New(100)
	p.Set(plain)
	Tag(p, 42, 3)
	want := Header{Dst: a, Src: b, Tagged: true, VLAN: 42, Priority: 3, Type: TypeIPv6, Len: HeaderLen + TagLen}
	if h, ok := Parse(p.Bytes()); !ok || h != want {
		t.Errorf("tagged: %+v, want %+v", h, want)
	}
	if Untag(p); !bytes.Equal(p.Bytes(), plain) {
		t.Errorf("untagged: %x, want %x", p.Bytes(), plain)
	}
}

func TestParseMAC(t *testing.T) {
	if m, err := ParseMAC("02:00:00:00:00:01"); m != a || err != nil || m.String() != "02:00:00:00:00:01" {
		t.Errorf("%v, %v", m, err)
	}
	for _, s := range []string{"", "02:00", "02:00:00:00:00:01:00:02", "x"} {
		if _, err := ParseMAC(s); err == nil {
			t.Errorf("%q is an address", s)
		}
	}
	if !a.IsStation() || Broadcast.IsStation() || (MAC{}).IsStation() || !(MAC{1, 0, 0x5e}).IsGroup() {
		t.Error("stations and groups are mixed up")
	}
}

func TestIP(t *testing.T) {
	untagged := Header{Dst: a, Src: b, Type: TypeIPv6}.Append(nil)
	stack := Header{Dst: a, Src: b, Type: TypeQinQ}.Append(nil)
	stack = append(stack, 0, 1, 0x81, 0, 0, 2, 0x08, 0)
	for _, header := range [][]byte{untagged, stack} {
		if got := IP(append(header, "payload"...)); string(got) != "payload" {
			t.Errorf("behind %x: %q", header, got)
		}
		if got := IP(header); got != nil {
			t.Errorf("%x alone has %x", header, got)
		}
	}
	arp := append(Header{Dst: a, Src: b, Type: TypeARP}.Append(nil), 1, 2, 3)
	length := append(Header{Dst: a, Src: b, Type: 100}.Append(nil), 1, 2, 3)
	for _, other := range [][]byte{nil, {1}, arp, length, stack[:16]} {
		if got := IP(other); got != nil {
			t.Errorf("%x has %x", other, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Header{Dst: a, Src: b, Type: TypeIPv4}.Append(nil))
	f.Add(Header{Dst: a, Src: b, Type: TypeVLAN, Tagged: true, VLAN: 1}.Append(nil))
	f.Fuzz(func(t *testing.T, frame []byte) {
		if ip := IP(frame); ip != nil && len(ip) > len(frame)-HeaderLen {
			t.Errorf("a frame of %d has %d of IP", len(frame), len(ip))
		}
		h, ok := Parse(frame)
		if !ok {
			return
		}
		again, ok := Parse(h.Append(nil))
		// The bit between priority and VLAN (DEI) is not kept.
		if !ok || again != h {
			t.Errorf("%+v came back as %+v", h, again)
		}
	})
}

func TestStableMAC(t *testing.T) {
	a := StableMAC("machine", "hub", "a")
	if a != StableMAC("machine", "hub", "a") || a == StableMAC("machine", "hub", "b") || a == StableMAC("machin", "ehub", "a") {
		t.Error("not one address for one adapter")
	}
	if !a.IsStation() || a[0]&2 == 0 {
		t.Errorf("%s is not locally administered", a)
	}
}
