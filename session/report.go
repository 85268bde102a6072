package session

import (
	"errors"
	"fmt"
	"time"

	"culvert/session/framing"
	"culvert/session/seal"
	"culvert/session/wire"
)

// reportInterval is the least time between two summaries of the data channel's
// troubles, and settleTime how long the first is held back so that it has counts.
const (
	reportInterval = time.Minute
	settleTime     = 3 * time.Second
)

// errPeerFrames is a packet that looks like one with compression framing.
var errPeerFrames = errors.New("compression framing without agreement")

// report sums up what went wrong with packets of the data channel, because a
// line for each would hide the rest of the log.
type report struct {
	data        *Data
	window      int  // Config.ReplayWindow
	muteReplays bool // Config.MuteReplays

	due    time.Time // of the next summary; zero: there is nothing to say
	looked time.Time // when the counts were taken last; zero: never
	said   time.Time // the last summary that said anything; zero: there was none
	framed bool      // trouble with framing was reported
}

// advance returns what is to be said now: of framing once, of the rest once a
// minute while there is something to say. Generations are those whose keys are
// looked at.
func (r *report) advance(now time.Time, generations ...*generation) (remarks []string) {
	if err := r.data.trouble.Load(); err != nil && !r.framed {
		r.framed = true
		remarks = append(remarks, framingText(*err))
	}
	if r.data.failed.Load() && r.due.IsZero() {
		r.due = now.Add(settleTime)
		if next := r.said.Add(reportInterval); !r.said.IsZero() && r.due.Before(next) {
			r.due = next
		}
	}
	if r.due.IsZero() || now.Before(r.due) {
		return remarks
	}
	before := r.looked
	if before.IsZero() {
		before = r.data.born
	}
	r.due, r.looked = time.Time{}, now
	r.data.failed.Store(false)
	r.data.alarmed.Store(false)
	summary := r.summary(now.Sub(before).Round(time.Second), generations)
	if len(summary) > 0 {
		r.said = now
	}
	return append(remarks, summary...)
}

// deadline is when advance has a summary, zero for never.
func (r *report) deadline() time.Time { return r.due }

// summary says what went wrong in a span of time.
func (r *report) summary(span time.Duration, generations []*generation) (remarks []string) {
	var replays troubles
	var counts keyCounts
	for _, g := range generations {
		if g == nil || g.keys == nil {
			continue
		}
		u := g.keys.Usage()
		replays.add(u, g.reported)
		counts.add(keyCount{id: g.id, bad: u.AuthFailures - g.reported.AuthFailures, good: u.Received - g.reported.Received, ever: u.Received})
		g.reported = u
	}
	if text := replays.text(span, r.window); text != "" && !r.muteReplays {
		remarks = append(remarks, text)
	}
	if n := r.data.replayed.Swap(0); n > 0 && !r.muteReplays {
		remarks = append(remarks, fmt.Sprintf("packets refused in the last %v for their packet-id (bad packet ID, may be a replay): %d; replay-window is %d; mute-replay-warnings silences this", span, n, max(r.window, 1)))
	}
	if n := r.data.forged.Swap(0); n > 0 {
		remarks = append(remarks, fmt.Sprintf("packets failed authentication in the last %v: %d. %s", span, n, staticVerdict(r.data.received.bytes.Load() > 0)))
	}
	for id := range r.data.unkeyed {
		counts.missing(wire.KeyID(id), r.data.unkeyed[id].Swap(0))
	}
	if text := counts.text(span); text != "" {
		remarks = append(remarks, text)
	}
	return remarks
}

func framingText(err error) string {
	switch {
	case errors.Is(err, errPeerFrames):
		return "the peer's packets have compression framing (comp-lzo or compress), which was not agreed on, and cannot be understood " +
			"(`IP packet with unknown IP version=15`): remove the line on the other side, or add the same here"
	case errors.Is(err, framing.ErrFraming):
		return "packets of the peer are dropped: " + err.Error() + "; give both sides the same comp-lzo or compress line, or none"
	}
	return "packets of the peer are dropped: " + err.Error()
}

// troubles are the packets refused for their packet-id in a span of time.
type troubles struct{ seen, behind, accepted, refused uint64 }

func (t *troubles) add(now, before seal.Usage) {
	t.seen += now.Replays - before.Replays
	t.behind += now.TooOld - before.TooOld
	t.accepted = max(t.accepted, now.DeepestReorder)
	t.refused = max(t.refused, now.DeepestRefused)
}

func (t *troubles) text(span time.Duration, window int) string {
	if t.seen+t.behind == 0 {
		return ""
	}
	text := fmt.Sprintf("packets refused in the last %v for their packet-id (bad packet ID, may be a replay): %d seen before, %d too late", span, t.seen, t.behind)
	if deepest := max(t.accepted, t.refused); deepest > 0 {
		text += fmt.Sprintf("; the deepest reordering was by %d packets, replay-window is %d", deepest, max(window, 1))
	}
	if fit := fittingWindow(t.refused); t.behind > 0 && fit > window {
		text += fmt.Sprintf("; replay-window %d would take them", fit)
	}
	return text + "; mute-replay-warnings silences this"
}

// fittingWindow is a window in which packets that far behind are accepted, 0 if
// there is none.
func fittingWindow(behind uint64) int {
	const most = 65536
	for n := 64; n <= most; n *= 2 {
		if behind < uint64(n) {
			return n
		}
	}
	return 0
}
