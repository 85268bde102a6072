package accounts

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/access/users"
	"culvert/role/server"
	"culvert/store/memory"
)

// TestMeter: what devices carried is in the store a minute later, soon after their sessions
// ended, and when the server ends.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		put(t, s, "users/anna", users.User{Name: "anna"})
		put(t, s, "devices/anna/phone", users.Device{User: "anna", Name: "phone", CommonName: "phone.anna"})
		put(t, s, "certificates/phone.anna", "anna/phone")
		book := users.NewBook(s, time.Now)
		d, err := users.Open(t.Context(), s, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		spending, err := users.OpenSpending(t.Context(), book, "", func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		m := newMeter(d, book, spending, slog.New(slog.DiscardHandler))
		carried := uint64(100)
		phone := server.About{Number: 1, CommonName: "phone.anna"}
		none := server.About{Number: 2, CommonName: access.Nameless, User: "anna"}
		m.happened(server.Up{About: phone})
		m.happened(server.Up{About: none})
		m.happened(server.Ended{About: server.About{Number: 3, CommonName: "phone.anna"}, Traffic: server.Traffic{BytesIn: 1}}) // it was never in
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.run(ctx, func() []server.ClientStatus {
				return []server.ClientStatus{{ID: 1, BytesIn: carried}, {ID: 2, BytesOut: 7}, {ID: 9, BytesIn: 1, Connecting: true}}
			})
		}()
		check := func(when string, in, without uint64) {
			t.Helper()
			synctest.Wait()
			all, err := book.Usages(context.Background(), "anna", func(err error) { t.Error(err) })
			if err != nil || all["phone"].BytesIn != in || all["-"].BytesOut != without {
				t.Errorf("%s: %+v, %v", when, all, err)
			}
		}
		time.Sleep(keepEvery)
		check("after a minute", 100, 7)
		m.happened(server.Ended{About: none, WasUp: true, Traffic: server.Traffic{BytesOut: 9}})
		time.Sleep(keepSoon)
		check("after a session ended", 100, 9)
		carried = 150
		end()
		<-done
		check("at the end", 150, 9)
	})
}
