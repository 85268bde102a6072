package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"culvert/internal/subsystem"
)

// logger logs by levels into a ring.
func logger(levels *Levels) (*slog.Logger, *Ring) {
	r := new(Ring)
	return slog.New(NewFilter(levels, Tee{NewHandler(r.Add)})), r
}

func texts(p Page) string {
	var all []string
	for _, l := range p.Lines {
		all = append(all, l.Text())
	}
	return strings.Join(all, ", ")
}

var everything = Wanted{Least: slog.LevelDebug}

// TestLevels: a subsystem's own level counts, whatever the general one is, and changes at
// once.
func TestLevels(t *testing.T) {
	var levels Levels
	log, ring := logger(&levels)
	web := log.With(subsystem.Web.Attr(), "page", "a")
	say := func(n int) {
		log.Debug(fmt.Sprint("d", n))
		log.Info(fmt.Sprint("i", n))
		web.Debug(fmt.Sprint("w", n))
	}
	say(0)
	debug, quiet := slog.LevelDebug, slog.LevelError
	levels.SetOwn(subsystem.Web, &debug)
	say(1)
	levels.SetGeneral(slog.LevelError)
	say(2)
	levels.SetOwn(subsystem.Web, nil)
	say(3)
	levels.Set(slog.LevelDebug, map[subsystem.Name]slog.Level{subsystem.API: quiet})
	say(4)
	if got, want := texts(ring.After(0, everything, 99)), "i0, i1, w1 page=a, w2 page=a, w4 page=a"; got != want {
		t.Errorf("logged %s, want %s", got, want)
	}
	for _, s := range levels.State() {
		want := "debug"
		if s.Subsystem == "api" {
			want = "error"
		}
		if s.Level != want || s.Own != (want == "error") || s.About == "" {
			t.Errorf("%+v", s)
		}
	}
	if log.Enabled(t.Context(), slog.LevelDebug) != true {
		t.Error("a message of some subsystem would not be made")
	}
	levels.Set(slog.LevelInfo, nil)
	if log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("messages are made that nobody wants")
	}
}

// TestForms: one event is one line in every form, whatever strangers wrote in it.
func TestForms(t *testing.T) {
	var text, object bytes.Buffer
	both := func(l Line) {
		l.Time = time.Date(2026, 5, 1, 12, 0, 0, 5e6, time.UTC)
		NewWriter(&text, Logfmt, true)(l)
		NewWriter(&object, JSON, true)(l)
	}
	log := slog.New(NewFilter(new(Levels), NewHandler(both)))
	log.With("client", "a\nb\u202e").WithGroup("g").Warn("refused <\"x\">", "n", 7, "ok", true, "wait", time.Second, slog.Group("h", "error", errors.New("no = \x1b[2J")))
	log.Info("collision", "level", "x", "empty", "")
	wantText := `time=2026-05-01T12:00:00.005Z level=warn subsystem=api message="refused <\"x\">" client="a\\nb\\u202e" g.n=7 g.ok=true g.wait=1s g.h.error="no = \\x1b[2J"
time=2026-05-01T12:00:00.005Z level=info subsystem=api message=collision about_level=x empty=""
`
	wantObject := `{"time":"2026-05-01T12:00:00.005Z","level":"warn","subsystem":"api","message":"refused <\"x\">","client":"a\\nb\\u202e","g.n":7,"g.ok":true,"g.wait":"1s","g.h.error":"no = \\x1b[2J"}
{"time":"2026-05-01T12:00:00.005Z","level":"info","subsystem":"api","message":"collision","about_level":"x","empty":""}
`
	if text.String() != wantText {
		t.Errorf("got\n%swant\n%s", text.String(), wantText)
	}
	if object.String() != wantObject {
		t.Errorf("got\n%swant\n%s", object.String(), wantObject)
	}
	for line := range strings.Lines(object.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// TestRing: readers find the latest lines by number, and learn what they missed; neither
// lines nor bytes grow without end.
func TestRing(t *testing.T) {
	var r Ring
	for i := range mostLines + 10 {
		r.Add(Line{Level: slog.LevelInfo, Message: fmt.Sprint(i + 1)})
	}
	if p := r.After(3, everything, 2); texts(p) != "11, 12" || p.Missed != 7 || p.Next != 12 {
		t.Errorf("after 3: %s, missed %d, next %d", texts(p), p.Missed, p.Next)
	}
	if p := r.After(mostLines+10, everything, 2); len(p.Lines) > 0 || p.Missed > 0 || p.Next != mostLines+10 {
		t.Errorf("after all: %s, missed %d, next %d", texts(p), p.Missed, p.Next)
	}
	if p := r.Latest(everything, 3); texts(p) != "4104, 4105, 4106" || p.Next != mostLines+10 {
		t.Errorf("latest: %s, next %d", texts(p), p.Next)
	}
	if p := r.Latest(Wanted{Text: "99"}, 2); texts(p) != "3999, 4099" {
		t.Errorf("latest with 99: %s", texts(p))
	}
	long := Line{Message: strings.Repeat("x", 8000), Attributes: []Attribute{{"client", "alice"}}}
	for range 1000 {
		r.Add(long)
	}
	if r.bytes > mostBytes || len(r.lines) < 100 || len(r.lines) > mostBytes/8000 {
		t.Errorf("%d lines, %d bytes", len(r.lines), r.bytes)
	}
	r.Add(Line{Level: slog.LevelWarn, Subsystem: subsystem.Access, Message: "A Word", Attributes: []Attribute{{"client", "bob"}}})
	for _, w := range []Wanted{{Client: "bob"}, {Least: slog.LevelWarn}, {Subsystem: subsystem.Access}, {Text: "a wORD CLIENT=B"}} {
		if p := r.Latest(w, 10); texts(p) != "A Word client=bob" {
			t.Errorf("%+v: %s", w, texts(p))
		}
	}
}

// TestWait: who waits hears of the next line, and of none that is there already.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Ring
		var heard atomic.Int32
		for range 3 {
			go func() {
				if r.Wait(t.Context(), 0) {
					heard.Add(1)
				}
			}()
		}
		synctest.Wait()
		if n := heard.Load(); n != 0 {
			t.Errorf("%d heard of nothing", n)
		}
		r.Add(Line{})
		synctest.Wait()
		if n := heard.Load(); n != 3 || !r.Wait(t.Context(), 0) {
			t.Errorf("%d heard of a line", n)
		}
	})
}

// TestJournal: a line has its text, priority and fields; one that the journal does not take
// goes beside it.
func TestJournal(t *testing.T) {
	var beside bytes.Buffer
	var sent []string
	fail := false
	j := &Journal{"culvert", func(text string, p journal.Priority, fields map[string]string) error {
		if fail {
			return errors.New("it is gone")
		}
		b, _ := json.Marshal(fields)
		sent = append(sent, fmt.Sprintf("%d %s %s", p, text, b))
		return nil
	}, &beside}
	log := slog.New(NewFilter(new(Levels), NewHandler(j.Write)))
	log.Warn("login refused", "client", "al ice", "retry-in", time.Second)
	fail = true
	log.Error("later")
	if got, want := strings.Join(sent, "\n"), `4 login refused client="al ice" retry-in=1s {"CULVERT_CLIENT":"al ice","CULVERT_RETRY_IN":"1s","CULVERT_SUBSYSTEM":"api","SYSLOG_IDENTIFIER":"culvert"}`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if beside.String() != "<3>later\n" {
		t.Errorf("beside: %q", beside.String())
	}
}

// TestFieldNames: what a key has besides letters and digits ends no field and begins none.
func TestFieldNames(t *testing.T) {
	for key, want := range map[string]string{
		"retry-in": "CULVERT_RETRY_IN", "g.n": "CULVERT_G_N", "x=1\nPRIORITY": "CULVERT_X_1_PRIORITY", "\u202eü": "CULVERT___",
		strings.Repeat("k", 100): "CULVERT_" + strings.Repeat("K", 56),
	} {
		if got := fieldName(key); got != want {
			t.Errorf("%q: %s, want %s", key, got, want)
		}
	}
}
