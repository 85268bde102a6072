package demo

import (
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
)

func TestMeters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batch := buf.NewBatch(2, 1500)
		batch[0].Set(make([]byte, 100))
		batch[1].Set(make([]byte, 1000))
		batch[1].Segment = 300
		var r reader
		read := func(b []*buf.Packet) (int, error) { time.Sleep(time.Hour); return len(b), nil }
		r.read(read, batch)
		time.Sleep(10 * time.Microsecond)
		r.read(read, batch)
		if got, want := r.moved("↓", r.each(r.spent()), "to test"), "↓      10 packets      2.2 kB  1.0 µs each to test"; got != want {
			t.Errorf("read:\n%s\n%s", got, want)
		}
		var w writer
		w.write(func(b []*buf.Packet) (int, error) { time.Sleep(time.Millisecond); return len(b), nil }, batch[:1])
		if got, want := w.moved("↑", w.each(w.spent()), "to test"), "↑        1 packet       100 B  1,000 µs each to test"; got != want {
			t.Errorf("write:\n%s\n%s", got, want)
		}
	})
}

func TestNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1,000 bytes", 104857600: "104,857,600 bytes"} {
		if got := count(n, "byte"); got != want {
			t.Errorf("count(%d) is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{3 << 20: "3MiB", 3<<20 + 1: "3145729B"} {
		if got := sizeName(n); got != want {
			t.Errorf("sizeName(%d) is %q, want %q", n, got, want)
		}
	}
}
