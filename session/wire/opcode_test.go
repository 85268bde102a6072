package wire

import "testing"

func TestHeadRoundTrip(t *testing.T) {
	for b := range 256 {
		op, key := ParseHead(byte(b))
		if got := Head(op, key); got != byte(b) {
			t.Errorf("%#x: opcode %d, key %d, again %#x", b, op, key, got)
		}
	}
	if got := Head(PDataV2, 1); got != 0x49 {
		t.Errorf("P_DATA_V2 of key 1: %#x", got)
	}
}

func TestOpcodeKinds(t *testing.T) {
	type kinds struct{ data, control, reset, wkc bool }
	want := map[Opcode]kinds{
		PControlSoftResetV1:       {control: true},
		PControlV1:                {control: true},
		PAckV1:                    {control: true},
		PDataV1:                   {data: true},
		PControlHardResetClientV2: {control: true, reset: true},
		PControlHardResetServerV2: {control: true, reset: true},
		PDataV2:                   {data: true},
		PControlHardResetClientV3: {control: true, reset: true, wkc: true},
		PControlWKcV1:             {control: true, wkc: true},
	}
	for op := range Opcode(32) {
		if got := (kinds{op.IsData(), op.IsControl(), op.IsHardReset(), op.HasWKc()}); got != want[op] {
			t.Errorf("%v: %+v, want %+v", op, got, want[op])
		}
	}
}

func TestNames(t *testing.T) {
	for op, want := range map[Opcode]string{
		PControlHardResetClientV2: "P_CONTROL_HARD_RESET_CLIENT_V2",
		PControlWKcV1:             "P_CONTROL_WKC_V1",
		0:                         "opcode 0",
		31:                        "opcode 31",
	} {
		if op.String() != want {
			t.Errorf("%q, want %q", op, want)
		}
	}
	if got := (SessionID{0xab, 1}).String(); got != "ab01000000000000" {
		t.Errorf("session id %q", got)
	}
	if !(SessionID{}).IsZero() || (SessionID{7: 1}).IsZero() {
		t.Error("IsZero")
	}
}

func TestKeyIDs(t *testing.T) {
	k := KeyID(0)
	for i := range 15 {
		if want := KeyID(i%7 + 1); k.Next() != want {
			t.Errorf("after %d: %d, want %d", k, k.Next(), want)
		}
		k = k.Next()
	}
}

func TestDataV2Header(t *testing.T) {
	for _, tt := range []struct {
		key  KeyID
		peer PeerID
		want [4]byte
	}{
		{0, 0, [4]byte{0x48}},
		{5, 0x010203, [4]byte{0x4d, 1, 2, 3}},
		{7, PeerIDUnset, [4]byte{0x4f, 0xff, 0xff, 0xff}},
		{0, 0xff000001, [4]byte{0x48, 0, 0, 1}},
	} {
		var b [DataHeaderV2]byte
		PutDataV2(b[:], tt.key, tt.peer)
		if b != tt.want {
			t.Errorf("key %d, peer %d: %x, want %x", tt.key, tt.peer, b, tt.want)
		}
		if got := ParseDataV2(b[:]); got != tt.peer&0xffffff {
			t.Errorf("peer %d parsed as %d", tt.peer, got)
		}
	}
}
