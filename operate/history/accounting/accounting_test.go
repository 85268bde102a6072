package accounting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius/rfc2866"

	"culvert/access/auth/radius"
	"culvert/operate/history/track"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// session is one of five seconds.
func session(n uint64) *track.Live {
	at := time.Now()
	return &track.Live{Session: track.Session{ID: track.ID(at, n), Server: "gate", Device: "pc\x1b[1m", User: "anna", Remote: "203.0.113.7:40000", IPv4: netip.MustParseAddr("10.8.0.2"), Begin: at, Last: at}}
}

// lived tells a follower of a session that begins, goes on and ends.
func lived(who track.Follower, l *track.Live) {
	who.Changed(track.Begun, l)
	time.Sleep(3 * time.Second)
	l.Last, l.BytesIn, l.BytesOut = time.Now(), 1<<33+5, 7
	who.Changed(track.Went, l)
	who.Changed(track.Lived, l)
	time.Sleep(2 * time.Second)
	l.End, l.Cause, l.Why, l.PacketsIn, l.PacketsOut = time.Now(), track.Left, "it said so", 3, 4
	who.Changed(track.Ended, l)
}

// TestLog writes a line for each begin, interim and end, waits for a file that cannot be written,
// and forgets and counts what there is no room for.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file bytes.Buffer
		var fault error
		a := NewLog(func(lines []byte) error {
			if fault == nil {
				file.Write(lines)
			}
			return fault
		}, discard())
		fault = errors.New("no space left")
		lived(a, session(1))
		if !a.Tick(time.Now()) || file.Len() > 0 {
			t.Error("nothing waits")
		}
		fault = nil
		if !a.Tick(time.Now()) {
			t.Error("it was tried again at once")
		}
		time.Sleep(tryAgain)
		if a.Tick(time.Now()) {
			t.Error("it is not written")
		}
		var got []string
		for line := range strings.Lines(file.String()) {
			var l Line
			if err := json.Unmarshal([]byte(line), &l); err != nil || l.Session == "" || strings.Contains(l.Device, "\x1b") {
				t.Fatalf("%s: %v", line, err)
			}
			got = append(got, fmt.Sprintf("%s %v %d %d %d %s", l.Event, l.Seconds, l.BytesIn, l.BytesOut, l.PacketsOut, l.Cause))
		}
		want := []string{"start 0 0 0 0 ", "interim 3 8589934597 7 0 ", "stop 5 8589934597 7 4 left"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		fault = errors.New("no")
		l := session(2)
		l.Why = strings.Repeat("x", 1<<20)
		for range 20 {
			a.Changed(track.Ended, l)
		}
		if st := a.Stats(); a.size > mostWaiting || st.Lost == 0 || st.Lost > 20 {
			t.Errorf("%d bytes wait, %+v", a.size, st)
		}
		a.Close()
	})
}

// servers are RADIUS servers that a test has answer or not.
type servers struct {
	mu     sync.Mutex
	silent bool
	never  func(what radius.Account) error // why something is never taken; nil: all is
	told   []string
}

func (s *servers) tell(ctx context.Context, what radius.Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent {
		return errors.New("no answer")
	}
	if s.never != nil {
		if err := s.never(what); err != nil {
			return err
		}
	}
	s.told = append(s.told, fmt.Sprintf("%v %s %d %v %d %s", what.Status, what.User, what.InputOctets, what.Duration, what.Cause, bytes.Join(what.Class, nil)))
	return nil
}

func (s *servers) be(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// TestRADIUS tells servers in order, keeps what waits while they are silent, and sends the class
// that came with the login along.
func TestRADIUS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{silent: true}
		r := NewRADIUS(s.tell, func(user, from string) [][]byte {
			if user != "anna" || from != "203.0.113.7:40000" {
				t.Errorf("asked for the class of %s from %s", user, from)
			}
			return [][]byte{[]byte("gold")}
		}, discard())
		lived(r, session(1))
		time.Sleep(time.Hour)
		if st := r.Stats(); st.Trouble != "no answer" || st.Lost != 0 {
			t.Errorf("%+v", st)
		}
		s.be(false)
		time.Sleep(time.Minute)
		if st := r.Stats(); st != (Stats{}) {
			t.Errorf("afterwards: %+v", st)
		}
		r.Close()
		want := []string{"Accounting-On  0 0s 0 ", "Start anna 0 0s 0 gold", "Interim-Update anna 8589934597 3s 0 gold", "Stop anna 8589934597 5s 1 gold", "Accounting-Off  0 0s 0 "}
		slices.Sort(s.told) // what is told first, after a silence, may be any of them
		slices.Sort(want)
		if !reflect.DeepEqual(s.told, want) {
			t.Errorf("told %q, want %q", s.told, want)
		}
		if len(r.given) > 0 {
			t.Errorf("classes are kept: %v", r.given)
		}
	})
}

// TestRefused: accounts that no server takes, or that cannot be told, do not keep others, also not
// at the end of this server, and are lost in the end; those of others are told in order.
func TestRefused(t *testing.T) {
	for name, fault := range map[string]error{"no answer to it": errors.New("no answer"), "it cannot be told": fmt.Errorf("user: %w", radius.ErrUntellable)} {
		synctest.Test(t, func(t *testing.T) {
			s := &servers{}
			s.never = func(what radius.Account) error {
				if what.User == "evil" {
					return fault
				}
				return nil
			}
			r := NewRADIUS(s.tell, nil, discard())
			evil := session(1)
			evil.User = "evil"
			for n := range uint64(2) {
				evil.ID = track.ID(evil.Begin, n)
				r.Changed(track.Begun, evil)
			}
			lived(r, session(3))
			time.Sleep(time.Minute)
			synctest.Wait()
			want := []string{"Accounting-On  0 0s 0 ", "Start anna 0 0s 0 ", "Interim-Update anna 8589934597 3s 0 ", "Stop anna 8589934597 5s 1 "}
			if !reflect.DeepEqual(s.told, want) {
				t.Errorf("%s: told %q, want %q", name, s.told, want)
			}
			for range 10 {
				r.Changed(track.Begun, session(4))
				time.Sleep(time.Minute)
			}
			synctest.Wait()
			if st := r.Stats(); st.Lost != 2 || r.waits() != 0 || st.Trouble != "" {
				t.Errorf("%s: %+v, %d wait", name, st, r.waits())
			}
			evil.ID = track.ID(evil.Begin, 5)
			r.Changed(track.Begun, evil)
			synctest.Wait()
			r.Close()
			if last := s.told[len(s.told)-1]; !strings.HasPrefix(last, "Accounting-Off") {
				t.Errorf("%s: told last: %s", name, last)
			}
		})
	}
}

// TestForgotten: while servers are silent for long, interims go first, and the end of this server
// does not wait for them.
func TestForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &servers{silent: true}
		r := NewRADIUS(s.tell, nil, discard())
		l := session(1)
		for i := range mostAccounts {
			c := track.Went
			if i%2 == 0 {
				c = track.Begun
			}
			r.Changed(c, l)
		}
		for range 1000 {
			r.Changed(track.Ended, l)
		}
		left := map[rfc2866.AcctStatusType]int{}
		if lost := r.Stats().Lost; lost != 1001 {
			t.Errorf("%d are lost", lost)
		}
		r.queue.Lock()
		for _, w := range r.waiting {
			left[w.Status]++
		}
		r.queue.Unlock()
		if n := left[rfc2866.AcctStatusType_Value_InterimUpdate]; n != mostAccounts/2-1001 || left[rfc2866.AcctStatusType_Value_Start] != mostAccounts/2 || left[rfc2866.AcctStatusType_Value_Stop] != 1000 {
			t.Errorf("left: %v", left)
		}
		before := time.Now()
		r.Close()
		if d := time.Since(before); d > 2*lastTime {
			t.Errorf("the end took %v", d)
		}
	})
}
