package server

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestNamesInText: what a client calls itself cannot write lines of its own into the log,
// and one that comes back after it was silent is no second device.
func TestNamesInText(t *testing.T) {
	at, by := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2")
	evil := "anna\nWARN all is well"
	for name, c := range map[string]struct {
		event Event
		want  string
	}{
		"two devices":   {Replaced{About: About{Name: evil, Remote: at}, By: by, Silent: 9 * time.Second}, "is connected from 192.0.2.1:1, and now from 192.0.2.2:2: the same profile on two devices?"},
		"once more":     {Replaced{About: About{Name: evil, Remote: at}, By: by, Silent: 9 * time.Second, Again: true}, "level=INFO msg=\"client is cut off again"},
		"back":          {Replaced{About: About{Name: evil, Remote: at}, By: by, Silent: time.Minute}, "level=INFO msg=\"client is back"},
		"taken address": {BadSource{Reason: SourceTaken, Owner: evil}, "that address belongs to"},
	} {
		var text bytes.Buffer
		c.event.log(slog.New(slog.NewTextHandler(&text, nil)))
		if !strings.Contains(text.String(), c.want) || strings.Count(text.String(), "\n") != 1 {
			t.Errorf("%s: %s", name, text.String())
		}
	}
	if text := (BadSource{Reason: SourceTaken, Owner: evil}).Text(); strings.Contains(text, "\n") {
		t.Errorf("%q", text)
	}
}

// FuzzForwarded: anything may come out of a client's tunnel.
func FuzzForwarded(f *testing.F) {
	v4, v6 := make([]byte, 20), make([]byte, 40)
	v4[0], v4[8], v6[0], v6[7] = 0x45, 63, 0x60, 127
	f.Add(v4)
	f.Add(v6)
	f.Add(v4[:19])
	f.Add(v6[:39])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packet []byte) {
		if forwarded(packet) && len(packet) < 20 {
			t.Errorf("%x was forwarded", packet)
		}
	})
}
