package console

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/internal/printable"
	"culvert/operate/backend"
)

// view is a connection as a person sees it. The time is given to it.
type view struct {
	began, asked time.Time // of the connection that is being made
	delay        time.Duration

	up     bool
	since  time.Time
	inside string // addresses of this end
	server string
	trying string // live line while there is no connection

	carried meter
}

// event takes an event and returns the line that it is worth, "" for none.
func (v *view) event(e backend.Event) string {
	switch e.Kind {
	case backend.Resolving:
		v.start(e.Time)
		v.trying = "looking up " + printable.Name(e.Remote)
		return "· " + v.trying
	case backend.Connecting:
		v.start(e.Time)
		v.asked, v.delay = e.Time, 0
		v.trying = "connecting to " + printable.Name(e.Remote)
		return "· " + v.trying
	case backend.Answered:
		v.delay = e.Time.Sub(v.asked)
		v.trying = "the server answered, exchanging keys"
		return fmt.Sprintf("· the server answered after %s", millis(v.delay))
	case backend.Asking:
		v.trying = "waiting for the server's settings"
		return "· the server is who it should be; asking it for settings"
	case backend.Login:
		return v.login(e)
	case backend.Up:
		return v.connected(e)
	case backend.Reconnecting:
		v.up, v.began = false, time.Time{}
		v.trying = retry(e)
	case backend.Stayed:
		return "· stayed, since " + printable.Line(e.Reason)
	case backend.Woke:
		return "· this computer slept for " + e.Wait.Round(time.Second).String()
	case backend.Moved:
		return "· the server moved to " + printable.Name(e.Remote)
	case backend.Moving:
		return "· bringing up a connection to " + printable.Name(e.Remote) + " beside this one: " + printable.Line(e.Reason)
	case backend.Ended:
		return v.ended(e)
	}
	return ""
}

// start notes when a connection began.
func (v *view) start(at time.Time) {
	if v.began.IsZero() {
		v.began = at
	}
}

// login says what a login waits for. What a user has to do is in the log too, which is
// above.
func (v *view) login(e backend.Event) string {
	if e.Wait == 0 {
		return ""
	}
	v.trying = "waiting for the login, " + e.Wait.Round(time.Second).String() + " at most"
	return "· " + v.trying
}

func (v *view) connected(e backend.Event) string {
	if v.up { // it moved
		v.inside, v.server, v.began = addresses(e.IPv4, e.IPv6), printable.Name(e.Remote), time.Time{}
		v.delay = 0 // it was that of the server before
		return fmt.Sprintf("✓ moved to %s, as %s", v.server, v.inside)
	}
	v.start(e.Time)
	took := e.Time.Sub(v.began)
	v.up, v.since, v.began = true, e.Time, time.Time{}
	v.inside, v.server = addresses(e.IPv4, e.IPv6), printable.Name(e.Remote)
	v.carried = meter{}
	return fmt.Sprintf("✓ connected in %s as %s on %s", seconds(took), v.inside, printable.Name(e.Adapter))
}

// ended says how long the tunnel was up. Why it ended by itself is in the log.
func (v *view) ended(e backend.Event) string {
	if !v.up {
		return ""
	}
	v.up, v.trying = false, ""
	return fmt.Sprintf("· disconnected after %s; %s in, %s out", clock(e.Time.Sub(v.since)), size(v.carried.in-v.carried.firstIn), size(v.carried.out-v.carried.firstOut))
}

// live returns the live line at a time when so many bytes have come and gone, and shorter
// forms of it, for terminals that are narrow; none where there is nothing to say.
func (v *view) live(now time.Time, in, out uint64) []string {
	switch {
	case v.up:
		v.carried.count(now, in, out)
	case v.trying != "":
		return []string{v.trying}
	default:
		return nil
	}
	short, _, _ := strings.Cut(v.server, " (")
	one, _, _ := strings.Cut(v.inside, " ")
	tail := []string{"↓ " + size(v.carried.inRate) + "/s ↑ " + size(v.carried.outRate) + "/s"}
	if v.delay > 0 {
		tail = append(tail, millis(v.delay))
	}
	tail = append(tail, clock(now.Sub(v.since)))
	var lines []string
	for _, head := range [][]string{{v.inside, v.server}, {v.inside, short}, {one, short}, {short}, nil} {
		lines = append(lines, strings.Join(slices.Concat(head, tail), " · "))
	}
	return append(lines, tail[0])
}

// retry is the live line between two connections.
func retry(e backend.Event) string {
	if e.Wait <= 0 {
		return "connecting again"
	}
	return "connecting again in " + e.Wait.Round(time.Second).String()
}

// addresses are those of this end, or a dash.
func addresses(all ...netip.Addr) string {
	var list []string
	for _, a := range all {
		if a.IsValid() {
			list = append(list, a.String())
		}
	}
	if list == nil {
		return "-"
	}
	return strings.Join(list, " ")
}

// meter makes rates of totals.
type meter struct {
	at                time.Time
	in, out           uint64
	firstIn, firstOut uint64
	inRate, outRate   uint64 // bytes a second
}

// count takes the totals of a moment. The first are only a beginning.
func (m *meter) count(now time.Time, in, out uint64) {
	since := now.Sub(m.at).Seconds()
	switch {
	case m.at.IsZero():
		m.firstIn, m.firstOut = in, out
	case since > 0:
		m.inRate, m.outRate = uint64(float64(in-min(in, m.in))/since), uint64(float64(out-min(out, m.out))/since)
	}
	m.at, m.in, m.out = now, in, out
}

// size writes bytes in a unit of three digits or fewer.
func size(n uint64) string {
	const step = 1000
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if value /= step; value < step-0.5 {
			break
		}
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

// millis writes a delay in milliseconds.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 9.95 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// seconds writes a duration in seconds and tenths.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// clock writes a duration as hours, minutes and seconds.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
