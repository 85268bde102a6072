package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/operate/backend"
	"culvert/operate/history/track"
	"culvert/store"
	"culvert/store/bolt"
	"culvert/store/memory"
)

// server is one whose clients a test has come and go, and its history.
type server struct {
	t     *testing.T
	feed  backend.Feed
	mu    sync.Mutex // of peers
	peers []backend.Peer
	ended chan struct{}
	n     uint64
}

func (s *server) Events(room int) *backend.Reader { return s.feed.Add(room) }

func (s *server) Peers() []backend.Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.peers)
}

// follow has a keeper follow a new server.
func follow(t *testing.T, k *Keeper, room int) *server {
	s := &server{t: t, ended: make(chan struct{})}
	reader := s.Events(room)
	go func() {
		defer close(s.ended)
		track.Follow(s, reader, k, track.Options{Server: "gate", Every: Every})
		k.Close()
	}()
	return s
}

// up has a client come in.
func (s *server) up(device, user, inner string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	n := s.n
	addr := netip.MustParseAddr(inner)
	remote := fmt.Sprintf("203.0.113.%d:40000", n%250+1)
	s.feed.Publish(backend.Event{Time: time.Now(), Kind: backend.Entering, Number: &n, Name: device, User: user, Remote: remote})
	s.feed.Publish(backend.Event{Time: time.Now(), Kind: backend.Up, Number: &n, Name: device, User: user, Remote: remote, IPv4: addr, Agent: "2.6 linux", Cipher: "AES-256-GCM", TLS: "TLS 1.3"})
	s.peers = append(s.peers, backend.Peer{Number: n, Name: device, User: user, Remote: remote, IPv4: addr, Since: time.Now()})
	return n
}

// carry has a client carry bytes.
func (s *server) carry(n, in, out uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.peers {
		if s.peers[i].Number == n {
			s.peers[i].BytesIn, s.peers[i].BytesOut = in, out
		}
	}
}

// left has a client go.
func (s *server) left(n, in, out uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.peers, func(p backend.Peer) bool { return p.Number == n })
	p := s.peers[i]
	s.peers = slices.Delete(s.peers, i, i+1)
	s.feed.Publish(backend.Event{Time: time.Now(), Kind: backend.Left, Number: &n, Name: p.Name, User: p.User, Remote: p.Remote, IPv4: p.IPv4, Reason: "it said that it leaves", Ending: "left", BytesIn: in, BytesOut: out, PacketsIn: 3, PacketsOut: 4})
}

// end ends the server, and waits until its history is written.
func (s *server) end() {
	s.feed.Close()
	<-s.ended
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// found are the sessions that a query finds, as device@address:cause.
func found(t *testing.T, b *Book, q Query) string {
	t.Helper()
	all, _, err := b.Sessions(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range all {
		list = append(list, fmt.Sprintf("%s@%v:%s", s.Device, s.IPv4, s.Cause))
	}
	return strings.Join(list, " ")
}

// TestWho answers who had an address at a time, over midnight, after the fact and while a session
// goes on; and what people carried by day.
func TestWho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := memory.New()
		s := follow(t, NewKeeper(f, Options{Days: 90, Log: discard()}), Room)
		b := NewBook(f)
		start := time.Now() // midnight
		time.Sleep(23 * time.Hour)
		anna := s.up("anna.phone", "anna", "10.8.0.2")
		s.carry(anna, 100, 1000)
		time.Sleep(49 * time.Hour) // over two midnights
		bert := s.up("bert.tv", "bert", "10.8.0.3")
		s.left(anna, 300, 3000)
		time.Sleep(time.Hour)
		carl := s.up("carl.pc", "carl", "10.8.0.2") // anna's address
		time.Sleep(10 * time.Minute)
		s.carry(carl, 7, 70)
		time.Sleep(2 * time.Minute)
		two := netip.MustParseAddr("10.8.0.2")
		for _, c := range []struct {
			at   time.Duration
			want string
		}{
			{22 * time.Hour, ""}, {23*time.Hour + time.Minute, "anna.phone@10.8.0.2:left"}, {40 * time.Hour, "anna.phone@10.8.0.2:left"}, {71 * time.Hour, "anna.phone@10.8.0.2:left"},
			{72*time.Hour + 30*time.Minute, ""}, {73*time.Hour + time.Minute, "carl.pc@10.8.0.2:"},
		} {
			at := start.Add(c.at)
			if got := found(t, b, Query{Address: two, From: at, Until: at}); got != c.want {
				t.Errorf("at %v: %q, want %q", c.at, got, c.want)
			}
		}
		if got := found(t, b, Query{Address: netip.MustParseAddr("203.0.113.2")}); got != "anna.phone@10.8.0.2:left" {
			t.Errorf("from an outer address: %q", got)
		}
		if got := found(t, b, Query{}); got != "carl.pc@10.8.0.2: bert.tv@10.8.0.3: anna.phone@10.8.0.2:left" {
			t.Errorf("all: %q", got)
		}
		s.left(bert, 5, 50)
		s.end()
		if got := found(t, b, Query{}); got != "carl.pc@10.8.0.2:stopped bert.tv@10.8.0.3:left anna.phone@10.8.0.2:left" {
			t.Errorf("at the end: %q", got)
		}
		checkPages(t, b)
		checkDays(t, b)
	})
}

// checkPages reads what TestWho kept in pages, and a life.
func checkPages(t *testing.T, b *Book) {
	var ids []string
	for after := ""; ; {
		page, more, err := b.Sessions(t.Context(), Query{Limit: 1, After: after})
		if err != nil || len(page) == 0 {
			t.Fatalf("%v, %v", page, err)
		}
		ids, after = append(ids, page[0].Device), page[0].ID
		if !more {
			break
		}
	}
	if strings.Join(ids, " ") != "carl.pc bert.tv anna.phone" {
		t.Errorf("in pages: %v", ids)
	}
	all, _, err := b.Sessions(t.Context(), Query{User: "anna"})
	if err != nil || len(all) != 1 || all[0].BytesIn != 300 || all[0].BytesOut != 3000 || all[0].PacketsOut != 4 || all[0].Seconds() != (49*time.Hour).Seconds() {
		t.Fatalf("%+v, %v", all, err)
	}
	s, life, ok, err := b.Session(t.Context(), all[0].ID)
	if err != nil || !ok || s.Device != "anna.phone" {
		t.Fatalf("%+v, %v, %v", s, ok, err)
	}
	var what []string
	for _, m := range life {
		what = append(what, m.What)
	}
	if strings.Join(what, " ") != "entering up left" {
		t.Errorf("its life: %v", what)
	}
	for _, id := range []string{"", "x", "../..", strings.Repeat("0", 16), "00000000000000-0"} {
		if _, _, ok, err := b.Session(t.Context(), id); ok || err != nil {
			t.Errorf("session %q: %v, %v", id, ok, err)
		}
	}
}

func checkDays(t *testing.T, b *Book) {
	for _, by := range []Kind{All, ByUser, ByDevice} {
		for _, sum := range []bool{false, true} {
			whole, err := AskDays(t.Context(), b, DaysQuery{By: by, Sum: sum})
			if err != nil || len(whole.Totals) == 0 || whole.After != 0 {
				t.Fatalf("%s: %+v, %v", by, whole, err)
			}
			for limit := 1; limit <= len(whole.Totals)+1; limit++ {
				paged, err := AllDays(t.Context(), FileAsker{b}, DaysQuery{By: by, Sum: sum, Limit: limit})
				if err != nil || !reflect.DeepEqual(paged, whole) {
					t.Errorf("%s by pages of %d: %+v, %v", by, limit, paged, err)
				}
			}
			if page, err := AskDays(t.Context(), b, DaysQuery{By: by, Sum: sum, After: 1 << 30}); err != nil || len(page.Totals) != 0 || page.After != 0 {
				t.Errorf("%s behind the last: %+v, %v", by, page, err)
			}
		}
	}
	days, err := b.Days(t.Context(), All, Span{}, false)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, d := range days {
		list = append(list, fmt.Sprintf("%s:%d:%d:%d", d.Day, d.Sessions, d.BytesIn, d.BytesOut))
	}
	if got := strings.Join(list, " "); got != "2000-01-04:2:212:2120 2000-01-02:0:0:0 2000-01-03:0:0:0" && got != "2000-01-04:2:212:2120 2000-01-03:0:0:0 2000-01-02:0:0:0 2000-01-01:1:100:1000" {
		t.Errorf("days: %s", got)
	}
	people, err := b.Days(t.Context(), ByUser, Span{From: "2000-01-01", Until: "2000-01-05"}, true)
	if err != nil {
		t.Fatal(err)
	}
	list = nil
	for _, p := range people {
		list = append(list, fmt.Sprintf("%s:%d:%d", p.Name, p.Sessions, p.BytesIn+p.BytesOut))
	}
	if strings.Join(list, " ") != "anna:1:3300 carl:1:77 bert:1:55" {
		t.Errorf("people: %v", list)
	}
	if _, err := b.Days(t.Context(), ByUser, Span{From: "tomorrow"}, true); err == nil {
		t.Error("a day that is none was taken")
	}
}

// TestOld: sessions and totals that are too old go, those that ended not long ago stay, and names
// and addresses are hidden before.
func TestOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := memory.New()
		s := follow(t, NewKeeper(f, Options{Days: 10, Hide: Hide{Days: 3, Addresses: true, Names: true}, Log: discard()}), Room)
		b := NewBook(f)
		long := s.up("long.pc", "long", "10.8.0.9")
		for range 5 {
			n := s.up("anna.phone", "anna", "10.8.0.2")
			time.Sleep(time.Hour)
			s.left(n, 1, 1)
			time.Sleep(23 * time.Hour)
		}
		time.Sleep(2 * time.Hour)
		all, _, err := b.Sessions(t.Context(), Query{})
		if err != nil || len(all) != 6 {
			t.Fatalf("%d, %v", len(all), err)
		}
		names, anon := 0, ""
		for _, a := range all {
			switch {
			case a.Device == "anna.phone" || a.Device == "long.pc":
				names++
				if !strings.Contains(a.Remote, ":40000") || a.Hidden != "" {
					t.Errorf("hidden too early: %+v", a)
				}
			case anon != "" && a.User != anon || !strings.HasPrefix(a.User, "anon-") || a.Remote != "203.0.113.0/24" || a.Hidden != "addresses names" || a.Why != "left":
				t.Errorf("not hidden: %+v", a)
			default:
				anon = a.User
			}
		}
		if names != 4 { // long, and anna's of the last three days
			t.Errorf("%d names are left", names)
		}
		time.Sleep(9 * 24 * time.Hour)
		s.left(long, 9, 9)
		time.Sleep(3 * time.Hour)
		if got := found(t, b, Query{}); strings.Count(got, "10.8.0.2") != 1 || strings.Count(got, "10.8.0.9") != 1 {
			t.Errorf("after 14 days: %q", got)
		}
		time.Sleep(14 * 24 * time.Hour)
		s.end()
		snap, err := f.List(t.Context(), "s/", "l/", "x/", "o/", "d/2000010", "d/20000110")
		if err != nil || len(snap.Entries) > 0 {
			t.Errorf("%d records are left, the first %v; %v", len(snap.Entries), snap.Entries, err)
		}
	})
}

// said is a log that may be read while it is written.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// broken is a file that is full, slow or both while it is told so.
type broken struct {
	store.Whole
	err  atomic.Pointer[error]
	wait time.Duration
}

// full is a file to which nothing can be written, until its err is nil.
func full(t *testing.T) *broken {
	b, err := &broken{Whole: whole(t)}, errors.New("no space left")
	b.err.Store(&err)
	return b
}

func (b *broken) CommitAll(ctx context.Context, t store.Txn) (store.Revision, error) {
	time.Sleep(b.wait)
	if err := b.err.Load(); err != nil {
		return 0, *err
	}
	return b.Whole.CommitAll(ctx, t)
}

func whole(t *testing.T) store.Whole {
	w, ok := store.Store(memory.New()).(store.Whole)
	if !ok {
		t.Fatal("the store takes no large transactions")
	}
	return w
}

// TestFull: while nothing can be written, sessions come and go all the same, the log says so once,
// and all of it is there when it can be again.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text said
		f := full(t)
		k := NewKeeper(f, Options{Days: 90, Log: slog.New(slog.NewTextHandler(&text, nil))})
		s := follow(t, k, Room)
		for i := range 20 {
			n := s.up(fmt.Sprint("pc", i), "anna", "10.8.0.2")
			time.Sleep(time.Minute)
			s.left(n, 10, 10)
		}
		time.Sleep(time.Minute)
		if st := k.Stats(); st.Trouble != "no space left" || st.Written != 0 {
			t.Errorf("%+v", st)
		}
		f.err.Store(nil)
		time.Sleep(time.Minute)
		s.end()
		if got := found(t, NewBook(f), Query{}); strings.Count(got, "pc") != 20 {
			t.Errorf("found %q", got)
		}
		if st := k.Stats(); st.Trouble != "" || st.Lost != 0 {
			t.Errorf("%+v", st)
		}
		if n := strings.Count(text.String(), "cannot be written"); n != 1 || !strings.Contains(text.String(), "written again") {
			t.Errorf("said %d times:\n%s", n, &text)
		}
	})
}

// TestSlow: a file that takes a minute for each transaction holds up nobody; what there is no room
// for is counted, and sessions whose events were lost are found by a look at the clients.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &broken{Whole: whole(t), wait: time.Minute}
		k := NewKeeper(f, Options{Days: 90, Log: discard()})
		s := follow(t, k, 16)
		before := time.Now()
		for i := range 100 {
			s.up(fmt.Sprint("pc", i), "anna", fmt.Sprintf("10.8.0.%d", i+2))
		}
		if d := time.Since(before); d != 0 {
			t.Errorf("the server waited %v", d)
		}
		time.Sleep(10 * time.Minute)
		if st := k.Stats(); st.Lost == 0 || st.Lost > 2*100-16 {
			t.Errorf("%+v", st)
		}
		if got := found(t, NewBook(f), Query{}); strings.Count(got, "pc") != 100 {
			t.Errorf("found %q", got)
		}
		s.end()
	})
}

// TestBounded: what waits for a file that stays broken is bounded, and the rest counted.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewKeeper(full(t), Options{Days: 90, Log: discard()})
		l := &track.Live{Session: track.Session{Agent: strings.Repeat("x", 10000), Begin: time.Now(), Last: time.Now()}}
		for i := range 5000 {
			l.ID = track.ID(time.Now(), uint64(i))
			k.Changed(track.Begun, l)
			k.Changed(track.Ended, l)
		}
		if k.waiting.size > mostWaiting || k.Stats().Lost == 0 {
			t.Errorf("%d bytes wait, %+v", k.waiting.size, k.Stats())
		}
	})
}

// TestAside: a file that is damaged is put aside, and what others keep there is left alone.
func TestAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, File)
	if err := os.WriteFile(path, []byte("no history"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, discard())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenBook(dir); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("while it is written: %v", err)
	}
	s.Close()
	aside, err := filepath.Glob(path + ".damaged-*")
	if err != nil || len(aside) != 1 {
		t.Errorf("put aside: %v, %v", aside, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
	if _, _, err := OpenBook(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("none: %v", err)
	}
}
