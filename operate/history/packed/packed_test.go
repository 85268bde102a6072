package packed

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"culvert/operate/backend"
	"culvert/operate/history/track"
)

// whole is a session and a life with all that there can be.
func whole() (track.Session, []track.Moment) {
	at := time.Date(2026, 11, 28, 14, 30, 0, 123456789, time.UTC)
	s := track.Session{
		ID: track.ID(at, 7), Server: "vpn1", Device: "pc\x00\xff", User: "anna", Serial: "0a", Agent: "2.6 linux", Remote: "203.0.113.7:40000", IPv4: netip.MustParseAddr("10.8.0.2"), IPv6: netip.MustParseAddr("fd00::2"),
		Cipher: "AES-256-GCM", Begin: at, Last: at.Add(time.Hour), End: at.Add(2 * time.Hour), Why: "it said so", Cause: track.Left, BytesIn: 1 << 63, BytesOut: 2, PacketsIn: 3, PacketsOut: 4,
	}
	h := &backend.Handshake{Began: at.Add(-9), Answer: at.Add(-8), TLS: at.Add(-7), Keys: at.Add(-6), Decision: at.Add(-5), Push: at.Add(-4), Up: at.Add(-3), Stage: "up", Outcome: "completed", By: "login"}
	return s, []track.Moment{
		{Time: at.Add(-time.Second), What: "entering"}, {Time: at, What: "up", Text: "TLS 1.3", Remote: s.Remote, Handshake: h}, {Time: at.Add(1), What: "moved", From: "a", Remote: "b"},
		{Time: at, What: "a kind of later"}, {Time: at, What: "renewed", Handshake: new(backend.Handshake)}, {Time: at, What: "left"},
	}
}

// TestWhole: what is written is what is read, with everything and with nothing.
func TestWhole(t *testing.T) {
	s, life := whole()
	for _, want := range []track.Session{s, {ID: s.ID}, {ID: s.ID, Begin: s.Begin, Last: s.Begin}} {
		got, hidden, err := ParseSession(want.ID, Session(&want, "names"))
		if err != nil || hidden != "names" || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v\n%+v, %v", want, got, err)
		}
	}
	got, err := ParseLife(s.ID, Life(s.ID, life))
	if err != nil || len(got) != len(life) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, m := range got {
		if !reflect.DeepEqual(m, life[i]) {
			t.Errorf("%+v, want %+v", m, life[i])
		}
	}
}

// TestOther: what no version wrote is refused, and fields that are not known are passed over.
func TestOther(t *testing.T) {
	s, life := whole()
	for _, b := range [][]byte{nil, {}, []byte(`{"v":1}`), {Version + 1}, {Version, 8}, {Version, 0x0a, 200}, append(Session(&s, ""), 0x72, 1, 9)} {
		if _, _, err := ParseSession(s.ID, b); !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", b, err)
		}
	}
	more := Record(Session(&s, ""))
	more.Text(99, "new")
	if got, _, err := ParseSession(s.ID, more); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseLife(s.ID, append(Life(s.ID, life), 0x0a, 2, 0x10, 77)); !errors.Is(err, ErrForm) {
		t.Errorf("a kind that there is not: %v", err)
	}
}

// FuzzParse: whatever stands in a file is read or refused, and what is read is the same when it
// was written again.
func FuzzParse(f *testing.F) {
	s, life := whole()
	f.Add(s.ID, Session(&s, ""))
	f.Add(s.ID, Life(s.ID, life))
	f.Fuzz(func(t *testing.T, id string, b []byte) {
		if s, hidden, err := ParseSession(id, b); err == nil {
			if again, h, err := ParseSession(id, Session(&s, hidden)); err != nil || h != hidden || again.Device != s.Device || again.BytesIn != s.BytesIn || again.IPv4 != s.IPv4 {
				t.Errorf("%+v, and then %+v, %v", s, again, err)
			}
		}
		if all, err := ParseLife(id, b); err == nil {
			if again, err := ParseLife(id, Life(id, all)); err != nil || len(again) != len(all) {
				t.Errorf("%+v, and then %+v, %v", all, again, err)
			}
		}
	})
}
