package printable

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"laptop (Linux) \\ 5.4 ü 笔记本":  "laptop (Linux) \\ 5.4 ü 笔记本",
		"a\nERR forged":                `a\nERR forged`,
		"a\r\n\tb":                     `a\r\n\tb`,
		"\x1b[2J\x1b]0;title\a":        `\x1b[2J\x1b]0;title\a`,
		"\u009b2J \u0085 \x7f \x00":    `\u009b2J \u0085 \x7f \x00`,
		"txt.\u202eexe \u2066 \u2028x": `txt.\u202eexe \u2066 \u2028x`,
		"\xff\xc3(":                    `\xff\xc3(`,
		"\ufffd":                       "\ufffd",
		"\ufeffbom \u200b \u00ad":      `\ufeffbom \u200b \u00ad`,
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := Name(strings.Repeat("x", 1000)); got != strings.Repeat("x", 256)+"…" {
		t.Errorf("Name of 1000 bytes is %d bytes", len(got))
	}
	if got := Name("x" + strings.Repeat("ü", 500)); got != "x"+strings.Repeat("ü", 127)+"…" {
		t.Errorf("cut inside a character: %q", got)
	}
	if got := Name(strings.Repeat("\x80", 1000)); got != strings.Repeat(`\x80`, 64)+"…" {
		t.Errorf("no UTF-8: %q", got)
	}
	if got := Line(strings.Repeat("\n", 1<<20)); len(got) != maxLine+len(mark) {
		t.Errorf("a line of a mebibyte becomes %d bytes", len(got))
	}
}

func TestLines(t *testing.T) {
	if got := Lines("one\ntwo\x1b[m\n"); got != "one\ntwo\\x1b[m\n" {
		t.Errorf("%q", got)
	}
}

// stranger is a value that shows what a stranger wrote in its own way.
type stranger struct{ Name string }

func (s stranger) LogValue() slog.Value { return slog.StringValue(s.Name) }

// rawHandler writes as a handler may that quotes nothing.
func rawLog() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	h := slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() != slog.KindTime && a.Value.Kind() != slog.KindGroup {
			b.WriteString(a.Value.String() + "|")
		}
		return a
	}})
	return slog.New(NewHandler(h)), &b
}

// TestHandler: wherever a stranger's text may stand in a record, it is escaped.
func TestHandler(t *testing.T) {
	evil := "x\nERR forged \x1b[31m\u009b"
	for name, log := range map[string]func(*slog.Logger){
		"message":    func(l *slog.Logger) { l.Info(evil) },
		"string":     func(l *slog.Logger) { l.Info("m", "k", evil) },
		"error":      func(l *slog.Logger) { l.Info("m", "k", errors.New(evil)) },
		"list":       func(l *slog.Logger) { l.Info("m", "k", []string{evil}) },
		"struct":     func(l *slog.Logger) { l.Info("m", "k", struct{ Name string }{evil}) },
		"log valuer": func(l *slog.Logger) { l.Info("m", "k", stranger{evil}) },
		"group":      func(l *slog.Logger) { l.Info("m", slog.Group("g", "k", evil)) },
		"with":       func(l *slog.Logger) { l.With("k", evil).WithGroup("g").Info("m", "n", 1) },
	} {
		l, out := rawLog()
		log(l)
		text, _, _ := strings.Cut(out.String(), "{\"time\"")
		if !strings.Contains(text, `x\nERR forged \x1b[31m\u009b`) || strings.ContainsAny(text, "\n\x1b\u009b") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// TestHandlerKeepsValues: what needs no escape keeps its kind.
func TestHandlerKeepsValues(t *testing.T) {
	want := errors.New("fine")
	if got := value(slog.AnyValue(want)); got.Any() != want {
		t.Errorf("an error became %v", got)
	}
	if got := value(slog.IntValue(7)); got.Kind() != slog.KindInt64 {
		t.Errorf("a number became %v", got)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\n\x1b[m\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := Line(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }) {
			t.Errorf("Line(%q) = %q", text, got)
		}
		if len(got) > maxLine+len(mark) {
			t.Errorf("%d bytes become %d", len(text), len(got))
		}
		if again := Line(got); len(got) < maxLine && again != got {
			t.Errorf("a second time: %q becomes %q", got, again)
		}
	})
}
