package logs

import (
	"bytes"
	"context"
	"encoding/gob"
	"log/slog"

	"culvert/internal/subsystem"
)

// Share is a log that another process of this program shows beside its own: privsep.Shown.
type Share struct {
	Latest *Ring
	Levels *Levels
}

// After waits for lines after a number, until ctx ends.
func (s Share) After(ctx context.Context, number uint64) (lines []byte, next uint64) {
	if !s.Latest.Wait(ctx, number) {
		return nil, number
	}
	p := s.Latest.After(number, Wanted{Least: slog.LevelDebug}, chunk)
	var b bytes.Buffer
	all := make([]Line, len(p.Lines))
	for i, l := range p.Lines {
		all[i] = l.Line
	}
	gob.NewEncoder(&b).Encode(all) // of what lines hold, it does not fail
	return b.Bytes(), p.Next
}

// shared are levels on their way.
type shared struct {
	General slog.Level
	Own     map[subsystem.Name]slog.Level
}

// SetLevels takes levels that Levels.Encode wrote.
func (s Share) SetLevels(levels []byte) error {
	var to shared
	if err := gob.NewDecoder(bytes.NewReader(levels)).Decode(&to); err != nil {
		return err
	}
	s.Levels.Set(to.General, to.Own)
	return nil
}

// Encode writes the levels for Share.SetLevels.
func (l *Levels) Encode() []byte {
	now := l.load()
	var b bytes.Buffer
	gob.NewEncoder(&b).Encode(shared{now.general, now.own})
	return b.Bytes()
}

// Follow adds to the ring what after returns of another process's log, one after the other,
// until it fails.
func (r *Ring) Follow(after func(number uint64) (lines []byte, next uint64, err error)) {
	for number := uint64(0); ; {
		text, next, err := after(number)
		if err != nil {
			return
		}
		var lines []Line
		if len(text) > 0 && gob.NewDecoder(bytes.NewReader(text)).Decode(&lines) != nil {
			return
		}
		for _, l := range lines {
			r.Add(l)
		}
		number = next
	}
}
