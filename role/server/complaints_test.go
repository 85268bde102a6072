package server_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"culvert/access"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/internal/simnet"
	"culvert/role/server"
)

// TestPermanentFault: a client that refuses its server, which nothing mends but
// people, and whose other address is silent, tries at growing intervals, and says
// why once in full each, and then in a line a minute at most.
func TestPermanentFault(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		w.serve("")
		c := w.dial("anna", "verify-x509-name somebody name\nconnect-retry 1 300")
		time.Sleep(10 * time.Minute)
		log := c.log.String()
		full, brief := strings.Count(log, "msg=\"not connected\""), strings.Count(log, "still not connected")
		if full != 2 || brief < 3 || brief > 10 {
			t.Errorf("told %d times in full and %d in brief", full, brief)
		}
		if n := strings.Count(log, "still connecting"); n != 1 {
			t.Errorf("said %d times how far it came", n)
		}
		if n := strings.Count(log, "msg=connecting"); n < 6 || n > 9 {
			t.Errorf("%d tries in ten minutes", n)
		}
	})
}

// TestReasonWithAClock: a reason that names the time is the same the next time.
func TestReasonWithAClock(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		old := must(ours().authority.IssueServer(rand.Reader, epoch, "server", 24*time.Hour))(t)
		time.Sleep(48 * time.Hour)
		w.serveText(strings.NewReplacer(string(ours().server.CertPEM), string(old.CertPEM), string(ours().server.KeyPEM), string(old.KeyPEM)).Replace(ours().serverConf("")))
		c := w.dial("anna", "connect-retry 1 5")
		time.Sleep(10 * time.Minute)
		log := c.log.String()
		if full, brief := strings.Count(log, "expired at"), strings.Count(log, "certificate refused"); full != 1 || brief < 3 {
			t.Errorf("told %d times in full that the certificate expired, and %d times at all", full, brief)
		}
	})
}

// TestServerSumsUp: a server says once why a client does not get in that tries
// again and again, and then once a minute how often.
func TestServerSumsUp(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("tls-version-min 1.3")
		w.dial("anna", "tls-version-max 1.2\nconnect-retry 1 5")
		time.Sleep(3 * time.Minute)
		got := happened[server.Failed](s)
		if len(got) < 2 || len(got) > 4 || got[0].Times != 1 || got[0].Err == nil {
			t.Fatalf("%+v", got)
		}
		for _, again := range got[1:] {
			if again.Times < 2 || again.From.Addr() != got[0].From.Addr() {
				t.Errorf("%+v", again)
			}
		}
	})
}

// waiter is a program that never decides.
type waiter struct{}

func (waiter) Decide(ctx context.Context, _ *access.Applicant, _ *config.PerClient) error {
	<-ctx.Done()
	return &hooks.OverdueError{What: "client-connect /waiter", After: time.Since(epoch), Err: ctx.Err()}
}

// TestOverdueSumsUp: a server names a program that decides about nobody once, and then once a
// minute, however often a client tries, and says where the client is.
func TestOverdueSumsUp(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serveText(ours().serverConf("hand-window 5"), waiter{})
		w.dial("anna", "hand-window 5\nconnect-retry 1 5")
		time.Sleep(3 * time.Minute)
		tries, got := len(happened[server.Ended](s)), happened[server.Overdue](s)
		if len(got) < 2 || len(got) > 4 || got[0].Times != 1 || tries <= len(got) {
			t.Fatalf("%d tries: %+v", tries, got)
		}
		for i, e := range got {
			if !e.Remote.IsValid() || e.Name != "anna" || i > 0 && e.Times < 2 {
				t.Errorf("%+v", e)
			}
		}
		if log := s.log.String(); strings.Count(log, "/waiter: stopped before it decided") != len(got) || !strings.Contains(log, "address="+got[0].Remote.String()) {
			t.Error(log)
		}
	})
}
