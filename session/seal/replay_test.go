package seal

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// model is the rule of window told naively: every id ever accepted, with the
// tick of its arrival.
type model struct {
	size, unit int64
	top        uint64
	latest     int64
	arrival    map[uint64]int64
}

func (m *model) accept(id uint64, now int64) error {
	if err := m.check(id, now); err != nil {
		return err
	}
	m.arrival[id] = m.latest
	m.top = max(m.top, id)
	return nil
}

func (m *model) check(id uint64, now int64) error {
	if m.unit > 0 {
		m.latest = max(m.latest, now/m.unit)
	}
	_, seen := m.arrival[id]
	switch {
	case id == 0:
		return errZeroID
	case id+uint64(m.size) <= m.top:
		return errTooOld
	case seen:
		return errReplayed
	}
	for other, tick := range m.arrival {
		if m.unit > 0 && other > id && m.latest-tick > ticks {
			return errLate
		}
	}
	return nil
}

// againstModel plays steps into window and model: a byte that chooses, a byte
// of distance, a byte of time.
func againstModel(t *testing.T, size int, span time.Duration, steps []byte) {
	w := newWindow(size, span)
	m := model{size: int64(size), unit: w.unit, arrival: map[uint64]int64{}}
	var now int64
	for ; len(steps) >= 3; steps = steps[3:] {
		now += int64(int8(steps[2])) * int64(time.Millisecond)
		distance := uint64(steps[1])
		id := m.top + distance
		switch steps[0] % 4 {
		case 1:
			id = m.top - min(distance, m.top)
		case 2:
			id = m.top - min(distance*uint64(size)/200, m.top)
		case 3:
			id = m.top + distance*uint64(size)/100
		}
		want := m.check(id, now)
		if got := w.check(id, now); got != want {
			t.Fatalf("size %d, top %d: check(%d) = %v, want %v", size, m.top, id, got, want)
		}
		want = m.accept(id, now)
		if got := w.accept(id, now); got != want {
			t.Fatalf("size %d, top %d: accept(%d) = %v, want %v", size, m.top, id, got, want)
		}
	}
}

func FuzzReplay(f *testing.F) {
	f.Add(uint16(63), uint16(0), []byte{0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0})
	f.Add(uint16(63), uint16(100), []byte{0, 9, 0, 1, 4, 50, 1, 3, 50, 1, 2, 50})
	f.Add(uint16(65535), uint16(1), []byte{3, 255, 0, 2, 200, 1, 2, 199, 1, 3, 100, 1})
	f.Add(uint16(0), uint16(20), []byte{0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 64, 1})
	f.Add(uint16(63), uint16(120), []byte("00010A10C10\x861 0")) // time goes back
	f.Fuzz(func(t *testing.T, size, span uint16, steps []byte) {
		againstModel(t, int(size)+1, time.Duration(span)*time.Millisecond, steps[:min(len(steps), 3*500)])
	})
}

func TestReplayAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 63, 64, 65, 66, 127, 128, 1000, 65536} {
		for _, span := range []time.Duration{0, 100 * time.Millisecond} {
			steps := make([]byte, 3*1000)
			for i := range steps {
				steps[i] = byte(random.Uint32())
				if i%3 == 2 {
					steps[i] = byte(random.IntN(12) - 3)
				}
			}
			againstModel(t, size, span, steps)
		}
	}
}

func TestReplayZeroValue(t *testing.T) {
	var w window
	for _, step := range []struct {
		id   uint64
		want error
	}{
		{0, errZeroID}, {1, nil}, {1, errReplayed}, {8193, nil}, {1, errTooOld},
		{2, nil}, {2, errReplayed}, {8192, nil}, {1 << 40, nil}, {8193, errTooOld},
		{1<<40 - 8191, nil}, {1<<40 - 8192, errTooOld}, {1 << 40, errReplayed},
	} {
		if got := w.accept(step.id, 0); got != step.want {
			t.Errorf("accept(%d) = %v, want %v", step.id, got, step.want)
		}
		if step.want != nil && !errors.Is(step.want, ErrReplay) {
			t.Errorf("%v is not ErrReplay", step.want)
		}
	}
	if w.deepest != 8191 {
		t.Errorf("deepest %d, want 8191", w.deepest)
	}
}

func TestReplayTimeRule(t *testing.T) {
	const span = 15 * time.Second
	for _, c := range []struct {
		after time.Duration
		want  error
	}{
		{0, nil}, {span, nil}, {span + span/ticks, errLate}, {time.Hour, errLate},
	} {
		for _, start := range []time.Duration{0, time.Second, 1234567 * time.Millisecond} {
			w := newWindow(64, span)
			w.accept(9, int64(start))
			if got := w.accept(10, int64(start+c.after)); got != nil {
				t.Errorf("the next id after %s: %v", c.after, got)
			}
			if got := w.check(8, int64(start+c.after)); got != c.want {
				t.Errorf("id 8, %s after id 9 (start %s): %v, want %v", c.after, start, got, c.want)
			}
		}
	}
}
