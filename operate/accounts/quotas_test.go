package accounts

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/access/limits"
	"culvert/access/users"
	"culvert/role/server"
	"culvert/store/memory"
)

// carrying is a server with one client, who carries bytes.
type carrying struct{ bytes *atomic.Uint64 }

func (carrying) Review() {}

func (c carrying) Clients() []server.ClientStatus {
	return []server.ClientStatus{{ID: 1, BytesIn: c.bytes.Load()}}
}

// TestQuota: who is in is barred within seconds of using the quota up, warned before, and
// let in again when it begins anew.
func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		q, err := limits.ParseQuota("1M/day")
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "groups/everyone", users.Group{Name: users.Everyone, Limits: users.Limits{Quota: q}})
		put(t, s, "users/anna", users.User{Name: "anna"})
		var log bytes.Buffer
		a, err := Open(t.Context(), s, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		var o server.Options
		if err := a.Join(&o, Directories{}, false); err != nil {
			t.Fatal(err)
		}
		who := &access.Applicant{Identity: access.Identity{CommonName: access.Nameless, User: "anna"}}
		a.Happened(server.Up{About: server.About{Number: 1, CommonName: access.Nameless, User: "anna"}})
		ctx, end := context.WithCancel(t.Context())
		var carried atomic.Uint64
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.Run(ctx, carrying{&carried})
		}()
		after := func(bytes uint64) error {
			carried.Store(bytes)
			time.Sleep(expires)
			synctest.Wait()
			return o.People.Barred(who, time.Now())
		}
		if err := after(500_000); err != nil {
			t.Error(err)
		}
		if err := after(800_000); err != nil {
			t.Error(err)
		}
		if err := after(1_000_000); err == nil || !strings.Contains(err.Error(), "1M/day") {
			t.Errorf("used up: %v", err)
		}
		time.Sleep(24 * time.Hour)
		if err := after(1_100_000); err != nil {
			t.Errorf("the next day: %v", err)
		}
		end()
		<-done
		if n := strings.Count(log.String(), "a quota is nearly used up: 800k of 1M/day used"); n != 1 {
			t.Errorf("warned %d times:\n%s", n, &log)
		}
	})
}
