//go:build unix

package hooks

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// lines is a log that keeps its messages.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r.Message)
	return nil
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "|")
}

// await returns the text once it is as expected, or after ten seconds: on a busy machine
// the last of what a program printed may be read after its end.
func (l *lines) await(expected func(string) bool) string {
	for range 1000 {
		if text := l.text(); expected(text) {
			return text
		}
		time.Sleep(10 * time.Millisecond)
	}
	return l.text()
}

// logged is a program whose output goes to lines.
func logged(t *testing.T, text string) (*Program, *lines) {
	t.Helper()
	p, l := program(t, "up", text), new(lines)
	p.o.Log = slog.New(l)
	return p, l
}

// TestOutput: what a program prints is in the log, line by line, when it has ended.
func TestOutput(t *testing.T) {
	p, l := logged(t, "echo one; echo two >&2; printf 'a\\033[2Jb\\nlast'; exit 4")
	if status, err := p.Run(t.Context(), netip.Prefix{}, nil); status != 4 || err != nil {
		t.Fatal(status, err)
	}
	if got := l.await(func(text string) bool { return strings.HasSuffix(text, "last") }); got != `one|two|a\x1b[2Jb|last` {
		t.Errorf("%q", got)
	}
}

// TestOutputIsBounded: a program that prints without end, with and without lines, ends
// all the same, and of what it printed little is kept.
func TestOutputIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"lines": "yes | head -c 30000000", "one line": "head -c 30000000 /dev/zero | tr '\\0' x", "nothing": "cat /dev/null",
	} {
		p, l := logged(t, text)
		if status, err := p.Run(t.Context(), netip.Prefix{}, nil); status != 0 || err != nil {
			t.Errorf("%s: %d %v", name, status, err)
		}
		text := l.await(func(text string) bool {
			return name == "nothing" || name == "one line" && text != "" || strings.Contains(text, "more lines are left out")
		})
		if n := len(text); n > maxLines*(maxLine+8) || n == 0 && name != "nothing" {
			t.Errorf("%s: %d bytes in the log", name, n)
		}
		if name == "lines" && !strings.Contains(text, "more lines are left out") {
			t.Errorf("nobody says that lines are left out: %.100s", text)
		}
	}
}

// TestChildrenGoOn: what a program leaves behind delays nobody, goes on, and its output
// is read.
func TestChildrenGoOn(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	p, l := logged(t, "echo begun; (while ! test -e "+gate+"; do sleep 0.02; done; echo late) & exit 0")
	if status, err := p.Run(t.Context(), netip.Prefix{}, nil); status != 0 || err != nil {
		t.Fatal(status, err)
	}
	if err := Scratch(filepath.Dir(gate)).Write("gate", ""); err != nil {
		t.Fatal(err)
	}
	if got := l.await(func(text string) bool { return text == "begun|late" }); got != "begun|late" {
		t.Errorf("%q", got)
	}
}

// TestEscapedChild: a child that has left its group holds nobody up when the program
// is ended.
func TestEscapedChild(t *testing.T) {
	p, _ := logged(t, "setsid sleep 30 & sleep 30")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := p.Run(ctx, netip.Prefix{}, nil); err == nil || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

// TestEnvironmentOfAProgram: it has what it is given, its script_type and PATH, in that
// order, and nothing of this process.
func TestEnvironmentOfAProgram(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "x")
	t.Setenv("PATH", "/bin:/usr/bin")
	p, l := logged(t, "tr '\\0' '\\n' < /proc/$$/environ")
	p.directive = "auth-user-pass-verify"
	var env Env
	env.Set("a", "1")
	env.Set("b", "2\n3")
	if _, err := p.Run(t.Context(), netip.Prefix{}, &env); err != nil {
		t.Fatal(err)
	}
	if got := l.text(); got != "script_type=user-pass-verify|b=23|a=1|PATH=/bin:/usr/bin" {
		t.Errorf("%q", got)
	}
}

func FuzzCopyLines(f *testing.F) {
	f.Add([]byte("one\ntwo"), true)
	f.Add(bytes.Repeat([]byte("x"), 3*maxLine), false)
	f.Fuzz(func(t *testing.T, text []byte, slow bool) {
		var r interface{ Read([]byte) (int, error) } = bytes.NewReader(text)
		if slow {
			r = iotest.OneByteReader(r)
		}
		n := 0
		copyLines(r, func(line string) {
			n++
			if strings.ContainsAny(line, "\n\x00") || len(line) > 16*maxLine {
				t.Errorf("%q", line)
			}
		})
		if want := bytes.Count(append(text, '\n'), []byte("\n")); n > min(want, maxLines+1) {
			t.Error(fmt.Sprint(n, " lines of ", want))
		}
	})
}
