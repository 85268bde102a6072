package doctor

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lines are what was logged since they were taken last.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	l.text.Reset()
	return text
}

// TestWatch: what is found is logged when it comes and when it goes, once, and not when
// only its numbers change or a check cannot look.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		minute := 0
		checks := func(context.Context) []inspection {
			minute++
			return []inspection{
				{name: "dates", look: func(_ context.Context, n *notes) {
					n.warning(fmt.Sprintf("ends in %d days", 10-minute), "", "renew it")
				}},
				{name: "host", look: func(_ context.Context, n *notes) {
					switch minute {
					case 2, 4:
						n.problem("off", "= 0", "switch it on")
					case 3:
						n.unknown("not permitted")
					}
				}},
				{name: "clock", look: func(_ context.Context, n *notes) { n.note("nothing sets it", "", "") }},
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			watch(ctx, checks, log)
		}()
		want := []string{
			`level=WARN msg="dates: ends in 9 days" seen="" mend="renew it"`,
			`level=WARN msg="host: off" seen="= 0" mend="switch it on"`,
			"", "",
			`level=INFO msg="host: well again, it was: off"`,
			"",
		}
		for i, line := range want {
			time.Sleep(Interval)
			synctest.Wait()
			if got := strings.TrimSpace(out.take()); got != line {
				t.Errorf("minute %d: %q, want %q", i+1, got, line)
			}
		}
		cancel()
		<-done
	})
}

func TestSameFinding(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"it ends in 9 days (45 %)", "it ends in 10 days (46 %)", true},
		{"up for 3h2m", "up for 13h5m", true},
		{"10.8.0.0/24 is that of eth0 too", "10.8.0.0/24 is that of eth1 too", false},
		{"the network (10.8.0.0/24) clashes", "the network (10.9.0.0/24) clashes", false},
	} {
		if got := keyOf("x", Finding{Text: c.a}) == keyOf("x", Finding{Text: c.b}); got != c.same {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}
