package session

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"culvert/session/framing"
	"culvert/session/seal"
)

// reportInterval is how often troubles of the data channel are summed up.
const reportInterval = time.Minute

// errPeerFrames is a packet that looks like one with compression framing.
var errPeerFrames = errors.New("compression framing without agreement")

// report sums up what went wrong with packets of the data channel, because a
// line for each would hide the rest of the log.
type report struct {
	data        *Data
	window      int  // Config.ReplayWindow
	muteReplays bool // Config.MuteReplays

	next   time.Time
	framed bool // trouble with framing was reported
}

// advance returns what is to be said now: of framing once, of the rest once a
// minute while there is something to say. Generations are those whose keys are
// looked at.
func (r *report) advance(now time.Time, generations ...*generation) (remarks []string) {
	if err := r.data.trouble.Load(); err != nil && !r.framed {
		r.framed = true
		remarks = append(remarks, framingText(*err))
	}
	if now.Before(r.next) {
		return remarks
	}
	r.next = now.Add(reportInterval)
	var replays troubles
	var keys []string
	bad := false
	for _, g := range generations {
		if g == nil || g.keys == nil {
			continue
		}
		u := g.keys.Usage()
		replays.add(u, g.reported)
		if n := u.AuthFailures - g.reported.AuthFailures; n > 0 || u.Received > g.reported.Received {
			keys = append(keys, fmt.Sprintf("key %d: %d bad, %d good", g.id, n, u.Received-g.reported.Received))
			bad = bad || n > 0
		}
		g.reported = u
	}
	if text := replays.text(r.window); text != "" && !r.muteReplays {
		remarks = append(remarks, text)
	}
	if bad {
		remarks = append(remarks, "packets failed authentication in the last minute (AEAD decrypt error): "+strings.Join(keys, "; ")+
			". Where none is good, the two sides have different keys, ciphers or `auth`; where many are, packets are damaged or forged on their way")
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

// troubles are the packets refused for their packet-id in a minute.
type troubles struct{ seen, behind, accepted, refused uint64 }

func (t *troubles) add(now, before seal.Usage) {
	t.seen += now.Replays - before.Replays
	t.behind += now.TooOld - before.TooOld
	t.accepted = max(t.accepted, now.DeepestReorder)
	t.refused = max(t.refused, now.DeepestRefused)
}

func (t *troubles) text(window int) string {
	if t.seen+t.behind == 0 {
		return ""
	}
	text := fmt.Sprintf("packets refused in the last minute for their packet-id (bad packet ID, may be a replay): %d seen before, %d too late", t.seen, t.behind)
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
