//go:build linux

package path

import (
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestConditions(t *testing.T) {
	c := Conditions{Delay: 100 * time.Millisecond, Jitter: 60 * time.Millisecond, Loss: 0.1}
	file := filepath.Join(t.TempDir(), "c")
	if err := c.Write(file); err != nil {
		t.Fatal(err)
	}
	if got, err := read(file); err != nil || got != c {
		t.Fatal(got, err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	const n = 100_000
	lost, least, most := 0, time.Hour, time.Duration(0)
	for range n {
		d, gone := c.take(random)
		if gone {
			lost++
			continue
		}
		least, most = min(least, d), max(most, d)
	}
	if lost < n/11 || lost > n/9 {
		t.Errorf("%d of %d lost", lost, n)
	}
	if least < 40*time.Millisecond || least > 42*time.Millisecond || most > 160*time.Millisecond || most < 158*time.Millisecond {
		t.Errorf("from %v to %v", least, most)
	}
}

// arrival is a packet and when it came.
type arrival struct {
	name string
	at   time.Duration
}

// carried is what becomes of packets that come 1 ms apart.
func carried(t *testing.T, c Conditions, names ...string) (list []arrival) {
	synctest.Test(t, func(t *testing.T) {
		var conditions atomic.Pointer[Conditions]
		conditions.Store(&c)
		began, l, end, queue := time.Now(), newLine(), make(chan struct{}), names
		read := func(b []byte) (int, error) {
			if len(queue) == 0 {
				return 0, filepath.SkipAll
			}
			time.Sleep(time.Millisecond)
			n := copy(b, queue[0])
			queue = queue[1:]
			return n, nil
		}
		go func() {
			defer close(end)
			l.deliver(func(b []byte) error {
				list = append(list, arrival{string(b), time.Since(began)})
				if len(list) == len(names) {
					return filepath.SkipAll
				}
				return nil
			})
		}()
		l.collect(read, &conditions)
		<-end
	})
	return list
}

func TestDelay(t *testing.T) {
	list := carried(t, Conditions{Delay: 10 * time.Millisecond}, "one", "two", "three")
	for i, want := range []arrival{{"one", 11 * time.Millisecond}, {"two", 12 * time.Millisecond}, {"three", 13 * time.Millisecond}} {
		if list[i] != want {
			t.Errorf("%v, want %v", list[i], want)
		}
	}
}

func TestReordering(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, string(rune('a'+i)))
	}
	late := 0
	list := carried(t, Conditions{Delay: 100 * time.Millisecond, Jitter: 60 * time.Millisecond}, names...)
	for i, a := range list[1:] {
		if a.name < list[i].name {
			late++
		}
		if a.at < list[i].at {
			t.Error("it went back in time")
		}
	}
	if late < 20 {
		t.Errorf("%d of 100 came after later ones", late)
	}
}

func TestLineIsBounded(t *testing.T) {
	l := newLine()
	for i := range limit + 10 {
		if got := l.put(nil, time.Time{}); got != (i < limit) {
			t.Fatalf("packet %d: %t", i, got)
		}
	}
}
