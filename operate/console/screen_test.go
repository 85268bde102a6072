package console

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// shown is what a terminal of a width shows after everything that was written to it.
func shown(written string) string {
	var lines []string
	line := ""
	for _, part := range strings.SplitAfter(written, "\n") {
		if at := strings.LastIndex(part, clearLine); at >= 0 {
			line, part = "", part[at+len(clearLine):]
		}
		line += part
		if strings.HasSuffix(line, "\n") {
			lines, line = append(lines, line), ""
		}
	}
	return strings.Join(append(lines, line), "")
}

func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := NewScreen(&out, func() int { return 10 })
	steps := []struct {
		do   func()
		want string
	}{
		{func() { fmt.Fprintln(s, "one") }, "one\n"},
		{func() { s.Live("live") }, "one\nlive"},
		{func() { fmt.Fprintln(s, "two") }, "one\ntwo\nlive"},
		{func() { s.Live("a line that is longer") }, "one\ntwo\na line t…"},
		{func() { s.Live("0123456789") }, "one\ntwo\n01234567…"},
		{func() { s.Live("012345678") }, "one\ntwo\n012345678"},
	}
	check := func(want string) {
		t.Helper()
		if got := shown(out.String()); got != want {
			t.Errorf("shown: %q, want %q", got, want)
		}
	}
	for _, step := range steps {
		step.do()
		check(step.want)
	}
	release := s.Hold()
	check("one\ntwo\n")
	out.WriteString("Password: ")
	s.Live("later")
	check("one\ntwo\nPassword: ")
	out.WriteString("\n")
	release()
	check("one\ntwo\nPassword: \nlater")
	s.Live()
	check("one\ntwo\nPassword: \n")
}

// TestBackground: a process in the background of a shell leaves the line alone on which the
// user types, and has its live line again when it is back.
func TestBackground(t *testing.T) {
	var out bytes.Buffer
	front := true
	s := NewScreen(&out, func() int { return 80 })
	s.Front = func() bool { return front }
	s.Live("live 1")
	front = false
	out.WriteString("^Z\n$ typed")
	s.Live("live 2")
	s.Hold()()
	if got, want := shown(out.String()), "live 1^Z\n$ typed"; got != want {
		t.Errorf("in the background: %q, want %q", got, want)
	}
	out.WriteString("\n")
	fmt.Fprintln(s, "warning")
	front = true
	s.Live("live 3")
	if got, want := shown(out.String()), "live 1^Z\n$ typed\nwarning\nlive 3"; got != want {
		t.Errorf("back: %q, want %q", got, want)
	}
}
