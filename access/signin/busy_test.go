package signin

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"culvert/access/auth"
	"culvert/access/password"
	"culvert/access/users"
	"culvert/store"
	"culvert/store/bolt"
	"culvert/store/remote"
	"culvert/store/storetest"
)

// busy is a checker on a file with 10,000 users who have three devices each, and what
// commands reach that file by.
func busy(b *testing.B) (*Checker, *users.Book) {
	path := filepath.Join(b.TempDir(), bolt.File)
	if err := bolt.Create(path); err != nil {
		b.Fatal(err)
	}
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	h, err := password.Hash(rand.Reader, "correct horse", quick)
	if err != nil {
		b.Fatal(err)
	}
	storetest.Office(b, s, h.String())
	return busyChecker(b, s), busyCommands(b, s)
}

func busyChecker(b *testing.B, s store.Store) *Checker {
	d, err := users.Open(b.Context(), s, func(err error) { b.Error(err) })
	if err != nil {
		b.Fatal(err)
	}
	go d.Follow(b.Context())
	book := users.NewBook(s, time.Now)
	local, err := NewLocal(d, book, rand.Reader, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	local.params, local.nobody.Params = quick, quick
	return New(Options{Store: s, Records: book, Directory: d, Sources: []auth.Source{local}, Issuer: "vpn"})
}

func busyCommands(b *testing.B, s store.Store) *users.Book {
	socket := filepath.Join(b.TempDir(), "s")
	stop, err := remote.Serve(socket, s)
	if err != nil {
		b.Skip(err) // no Unix sockets here
	}
	b.Cleanup(stop)
	c, err := remote.Dial(b.Context(), socket)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return users.NewBook(c, time.Now)
}

// BenchmarkSignIn: a sign-in with a password whose own work is next to nothing, alone, and
// while commands list all users and change some as fast as they can. The slowest of a
// hundred is measured, too.
func BenchmarkSignIn(b *testing.B) {
	checker, commands := busy(b)
	for name, work := range map[string]func(ctx context.Context) error{
		"alone": func(ctx context.Context) error { <-ctx.Done(); return nil },
		"beside lists": func(ctx context.Context) error {
			_, err := commands.Roll(ctx, func(error) {}, users.Users, users.DeviceCounts)
			return err
		},
		"beside changes": func(ctx context.Context) error {
			return commands.ChangeUser(ctx, "user00001", func(u *users.User) error { u.Disabled = !u.Disabled; return nil })
		},
	} {
		b.Run(name, func(b *testing.B) { signIns(b, checker, work) })
	}
}

func signIns(b *testing.B, checker *Checker, work func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(b.Context())
	var beside sync.WaitGroup
	done := 0
	beside.Go(func() {
		for ctx.Err() == nil {
			if err := work(ctx); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
			done++
		}
	})
	var times []time.Duration
	for n := 0; b.Loop(); n++ {
		user := fmt.Sprintf("user%05d", 100+n%9000)
		began := time.Now()
		if v := checker.Check(ctx, client("phone."+user, user, "correct horse"), func(auth.Pending) {}); !v.OK {
			b.Fatal(v.Reason)
		}
		times = append(times, time.Since(began))
	}
	cancel()
	beside.Wait()
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "µs-99%")
	b.ReportMetric(float64(done), "commands")
}
