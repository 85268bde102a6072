package top

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/mattn/go-runewidth"

	"culvert/operate/backend"
	"culvert/operate/manage/recent"
)

// bench is a model with a process that does what a test says, in the test's time.
type bench struct {
	*model
	clock  time.Time
	status backend.Status
	past   recent.Rates
	err    error
	sent   []uint64
}

func newBench(peers ...backend.Peer) *bench {
	b := &bench{clock: now, status: backend.Status{Role: "server", Adapter: "tun0", Since: now.Add(-time.Hour), Peers: peers}}
	b.model = newModel(Source{Name: "server-tun0",
		Status: func(context.Context) (backend.Status, error) { return b.status, b.err },
		Past:   func(context.Context) (recent.Rates, error) { return b.past, b.err },
		Life: func(_ context.Context, n uint64) ([]backend.Event, error) {
			return []backend.Event{{Time: b.clock, Kind: backend.Entering, Name: fmt.Sprint("life of ", n)}}, nil
		},
		Away: func(_ context.Context, n uint64) error { b.sent = append(b.sent, n); return nil },
	}, func() time.Time { return b.clock })
	return b
}

// second lets a second pass, and has the process asked.
func (b *bench) second() {
	b.clock = b.clock.Add(time.Second)
	b.Update(b.ask())
}

// press presses keys, and runs what they lead to.
func (b *bench) press(all ...string) {
	named := map[string]tea.KeyType{"enter": tea.KeyEnter, "esc": tea.KeyEsc, "up": tea.KeyUp, "down": tea.KeyDown, "end": tea.KeyEnd, "home": tea.KeyHome, "backspace": tea.KeyBackspace}
	for _, k := range all {
		msg := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
		if t, ok := named[k]; ok {
			msg = tea.KeyMsg{Type: t}
		}
		_, cmd := b.Update(msg)
		if cmd != nil {
			if next := cmd(); next != nil {
				b.Update(next)
			}
		}
	}
}

func (b *bench) shows(t *testing.T, words ...string) {
	t.Helper()
	view := b.View()
	for _, w := range words {
		if !strings.Contains(view, w) {
			t.Errorf("no %q in\n%s", w, view)
		}
	}
}

func people(n int) (all []backend.Peer) {
	for i := range n {
		all = append(all, backend.Peer{Number: uint64(i + 1), Name: fmt.Sprintf("person%d", i+1), Remote: fmt.Sprintf("192.0.2.%d:1194", i%250+1),
			IPv4: netip.AddrFrom4([4]byte{10, 8, byte(i / 250), byte(i%250 + 2)}), Since: now, LastHeard: now.Add(-time.Duration(i) * time.Second)})
	}
	return all
}

// TestRates: what passed in a second is seen, of each peer and of all, and what is dropped.
func TestRates(t *testing.T) {
	b := newBench(people(2)...)
	b.status.Peers[0].BytesIn = 1 << 30
	b.status.Drops = map[string]uint64{"replayed": 100, "no route": 5}
	b.second()
	b.shows(t, "server on tun0, up 1h 0m", "peers: 2; 1.0 GiB in", "in            0  ", "person1", "replayed 100, no route 5")
	b.status.Peers[0].BytesIn += 125000
	b.status.Peers[1].BytesOut += 2500
	b.status.Drops = map[string]uint64{"replayed": 130, "no route": 5}
	b.second()
	b.shows(t, "in   1.0 Mbit/s", "out   20 kbit/s", "█", "replayed 30/s (130), no route 5")
	b.status.Peers = append(b.status.Peers, backend.Peer{Number: 9, Name: "new", BytesIn: 1250, Remote: "192.0.2.99:5", Since: b.clock, LastHeard: b.clock})
	b.second()
	b.shows(t, "in    10 kbit/s", "new", "192.0.2.99:5")
	b.Update(happened{Time: b.clock.Add(-2 * time.Minute), Kind: backend.Up})
	b.Update(happened{Time: b.clock, Kind: backend.Up})
	b.Update(happened{Time: b.clock, Kind: backend.Failed})
	b.shows(t, "last minute: 1 came in, 1 failed")
	b.clock = b.clock.Add(2 * time.Minute)
	b.shows(t, "last minute: 0 came in, 0 failed")
}

// TestKeys: sort, filter, look at one, send it away after a question, help and back.
func TestKeys(t *testing.T) {
	b := newBench(people(30)...)
	b.second()
	b.shows(t, ">person1 ")
	b.press("down", "j", "up")
	b.shows(t, ">person2 ")
	b.press("end")
	b.shows(t, ">person30")
	b.press("/", "p", "e", "r", "s", "o", "n", "1", "2", "x", "backspace", "enter")
	b.shows(t, ">person12", "filter: person12")
	b.press("d", "n")
	b.shows(t, "nothing done")
	b.press("d")
	b.shows(t, "send person12 (192.0.2.12:1194) away? y or n")
	b.press("y")
	b.shows(t, "sent away: person12")
	if len(b.sent) != 1 || b.sent[0] != 12 {
		t.Errorf("sent away: %v", b.sent)
	}
	n := uint64(12)
	b.Update(happened{Time: b.clock, Kind: backend.Moved, Number: &n, Name: "person12"})
	b.press("enter")
	b.shows(t, "person12", "its life", "life of 12", "carried    0 B in")
	b.status.Peers = b.status.Peers[:3]
	b.second()
	b.shows(t, "this session has ended")
	b.press("esc", "esc", "?")
	b.shows(t, "send the client away, after a question")
	b.press("esc", "home")
	b.status.Peers[2].BytesOut += 1000
	b.second()
	b.press("s", "s", "home")
	b.shows(t, ">person3", "sort: rate out")
	if _, cmd := b.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q")}); cmd == nil || cmd() != (tea.QuitMsg{}) {
		t.Error("q does not quit")
	}
}

// TestClientHasNobodyToSendAway: on a client the key says what does.
func TestClientHasNobodyToSendAway(t *testing.T) {
	b := newBench(people(1)...)
	b.status.Role = "client"
	b.second()
	b.press("d")
	b.shows(t, "only a server can")
	b.err = errors.New("client-tun0 is not running")
	b.second()
	b.shows(t, "! no answer: client-tun0 is not running", "person1")
	b.err = nil
	b.second()
	if strings.Contains(b.View(), "no answer") {
		t.Error(b.View())
	}
}

// TestSizes: every page fits every terminal, whatever strangers call themselves, and
// nothing that controls a terminal comes through.
func TestSizes(t *testing.T) {
	evil := "x\x1b[2J\u202e\n世界" + strings.Repeat("w", 300)
	b := newBench(append(people(1000), backend.Peer{Number: 5000, Name: evil, User: evil + "u", Remote: evil, Since: now, LastHeard: now.Add(time.Hour)})...)
	b.status.Drops = map[string]uint64{evil: 7, "replayed": 1}
	b.second()
	n := uint64(5000)
	b.Update(happened{Time: b.clock, Kind: backend.Message, Number: &n, Name: evil, Reason: evil})
	for _, size := range [][2]int{{80, 24}, {40, 10}, {200, 60}, {20, 5}, {120, 40}} {
		b.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for what, keys := range map[string][]string{"table": {"esc", "esc", "home"}, "end": {"esc", "end"}, "session": {"esc", "home", "enter"}, "help": {"?"}, "question": {"esc", "home", "d"}, "filter": {"n", "esc", "/", "\u202e"}} {
			b.press(keys...)
			view := b.View()
			if what == "filter" {
				b.press("esc")
			}
			lines := strings.Split(view, "\n")
			if len(lines) != size[1] {
				t.Errorf("%s in %v: %d lines", what, size, len(lines))
			}
			for _, line := range lines {
				if w := runewidth.StringWidth(line); w > size[0] {
					t.Errorf("%s in %v: %d columns: %q", what, size, w, line)
				}
			}
			if strings.ContainsAny(view, "\x1b\u202e\a\r") {
				t.Errorf("%s in %v: %q", what, size, view)
			}
		}
	}
}

// TestSnapshot: one moment as text and as JSON.
func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(people(2)...)
		asked := 0
		s := b.source
		s.Status = func(context.Context) (backend.Status, error) {
			asked++
			b.status.Peers[0].BytesOut += uint64(asked) * 1000
			return b.status, nil
		}
		shot, err := Take(t.Context(), s)
		if err != nil || asked != 2 || shot.OutPerSecond != 2000 || shot.Peers[0].OutPerSecond != 2000 || len(shot.Peers) != 2 {
			t.Fatalf("%v: %+v", err, shot)
		}
		text := shot.Text(now)
		if !strings.Contains(text, "; now 0 in, 16 kbit/s out\n") || !strings.Contains(text, "person2") || strings.Contains(text, "\x1b") {
			t.Error(text)
		}
		if b, err := shot.JSON(); err != nil || !strings.Contains(string(b), `"peers":[{"number":1,"name":"person1","bytes_in_per_second":0,"bytes_out_per_second":2000}`) {
			t.Errorf("%v %s", err, b)
		}
	})
}

// TestPast: the graphs begin with what the process carried before; a process that does not
// say it is shown from now on.
func TestPast(t *testing.T) {
	b := newBench(people(1)...)
	b.past = recent.Rates{Step: 2, BytesIn: []uint64{10, 20}, BytesOut: []uint64{2, 4}}
	b.Update(b.askPast())
	if in, out := b.sampler.total.in, b.sampler.total.out; !slices.Equal(in, []float64{5, 10}) || !slices.Equal(out, []float64{1, 2}) {
		t.Errorf("%v %v", in, out)
	}
	b.second()
	b.second()
	if in := b.sampler.total.in; len(in) != 3 || in[0] != 5 {
		t.Errorf("%v", in)
	}
	b = newBench()
	b.err = errors.New("no such operation")
	if msg := b.askPast(); msg != nil {
		t.Errorf("%v", msg)
	}
	b.past = recent.Rates{Step: 1, BytesIn: make([]uint64, 900), BytesOut: make([]uint64, 900)}
	b.err = nil
	b.Update(b.askPast())
	if n := len(b.sampler.total.in); n != kept {
		t.Errorf("%d are kept", n)
	}
}
