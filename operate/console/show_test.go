package console

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/operate/backend"
)

// tunnel is a back end with events and totals.
type tunnel struct {
	backend.Backend
	feed backend.Feed
	mu   sync.Mutex
	in   uint64
}

func (b *tunnel) Events(room int) *backend.Reader { return b.feed.Add(room) }

func (b *tunnel) Bytes() (in, out uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.in, 0
}

func (b *tunnel) carry(n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in += n
}

func TestShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b, pages := new(tunnel), []string(nil)
		stop := Show(t.Context(), NewScreen(&out, func() int { return 0 }), b, func(page string) { pages = append(pages, page) })
		publish := func(e backend.Event) {
			e.Time = time.Now()
			b.feed.Publish(e)
			synctest.Wait()
		}
		publish(backend.Event{Kind: backend.Login, URL: "https://login.example"})
		publish(backend.Event{Kind: backend.Up, Remote: "vpn", Adapter: "tun0"})
		b.carry(3000)
		time.Sleep(redraw + redraw/2)
		synctest.Wait()
		if got, want := shown(out.String()), "✓ connected in 0.0 s as - on tun0\n- · vpn · ↓ 3.0 kB/s ↑ 0 B/s · 0:00:01"; got != want {
			t.Errorf("shown: %q, want %q", got, want)
		}
		b.feed.Publish(backend.Event{Kind: backend.Ended, Time: time.Now()})
		stop()
		if got, want := shown(out.String()), "✓ connected in 0.0 s as - on tun0\n· disconnected after 0:00:01; 3.0 kB in, 0 B out\n"; got != want {
			t.Errorf("at the end: %q, want %q", got, want)
		}
		if len(pages) != 1 || pages[0] != "https://login.example" {
			t.Errorf("pages: %q", pages)
		}
	})
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	b := new(tunnel)
	stop := JSON(t.Context(), &out, b)
	b.feed.Publish(backend.Event{Kind: backend.Up, Remote: "vpn"})
	b.feed.Publish(backend.Event{Kind: backend.Ended})
	stop()
	d := json.NewDecoder(&out)
	for _, want := range []backend.Kind{backend.Up, backend.Ended} {
		var e backend.Event
		if err := d.Decode(&e); err != nil || e.Kind != want {
			t.Errorf("%v, %v; want %v", e.Kind, err, want)
		}
	}
}

func TestPages(t *testing.T) {
	for page, want := range map[string]bool{"https://a/b?c": true, "http://a": true, "file:///etc/passwd": false, "javascript:alert(1)": false, "": false, "--help": false, "https://": false, "smb://a": false} {
		if isPage(page) != want {
			t.Errorf("isPage(%q) = %v", page, !want)
		}
	}
	env := func(set string) func(string) string {
		return func(name string) string { return map[string]string{set: "x"}[name] }
	}
	for _, c := range []struct {
		system, set string
		any         bool
	}{{"linux", "", false}, {"linux", "DISPLAY", true}, {"freebsd", "WAYLAND_DISPLAY", true}, {"darwin", "", true}, {"windows", "", true}} {
		if got := opener(c.system, env(c.set)); (got != nil) != c.any {
			t.Errorf("%s with %q: %q", c.system, c.set, got)
		}
	}
}
