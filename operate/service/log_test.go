package service

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"culvert/config"
	"culvert/internal/subsystem"
	"culvert/operate/logs"
)

// TestLogOfFile looks at what a log file holds, by `verb` and
// `suppress-timestamps`.
func TestLogOfFile(t *testing.T) {
	const when = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d `
	for name, c := range map[string]struct {
		config config.Config
		want   string
	}{
		"nothing but errors":  {config.Config{Process: config.Process{Verb: 0}}, `^` + when + `ERR error\n$`},
		"by default":          {config.Config{Process: config.Process{Verb: 1}}, `^` + when + `INF connected\n` + when + `WRN odd\n` + when + `ERR error\n$`},
		"as recommended":      {config.Config{Process: config.Process{Verb: 3}}, `^` + when + `INF connected\n` + when + `WRN odd\n` + when + `ERR error\n$`},
		"everything":          {config.Config{Process: config.Process{Verb: 4}}, `^` + when + `DBG detail\n(` + when + `.*\n){3}$`},
		"a logger adds times": {config.Config{Process: config.Process{Verb: 1, SuppressTimestamps: true}}, `^INF connected\nWRN odd\nERR error\n$`},
	} {
		c.config.Process.Log = filepath.Join(t.TempDir(), "log")
		l := newLog(&c.config, false, Options{})
		for _, m := range []struct {
			level slog.Level
			text  string
		}{{slog.LevelDebug, "detail"}, {slog.LevelInfo, "connected"}, {slog.LevelWarn, "odd"}, {slog.LevelError, "error"}} {
			l.Log(t.Context(), m.level, m.text)
		}
		l.flush()
		text, err := os.ReadFile(c.config.Process.Log)
		if err != nil || !regexp.MustCompile(c.want).Match(text) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestLogThatCannotBeWritten goes where it would without a file, and says so.
func TestLogThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	for what, name := range map[string]string{"a directory is missing": filepath.Join(dir, "none", "log"), "it is one": dir} {
		screen, err := os.Create(filepath.Join(dir, "screen"))
		if err != nil {
			t.Fatal(err)
		}
		stderr := os.Stderr
		os.Stderr = screen
		l := newLog(&config.Config{Process: config.Process{Log: name, Verb: 1}}, false, Options{})
		l.Info("connected")
		l.flush()
		os.Stderr = stderr
		text, err := os.ReadFile(screen.Name())
		if want := regexp.MustCompile(`(?s)WRN the log file cannot be written.*` + regexp.QuoteMeta(name) + `.*INF connected`); err != nil || !want.Match(text) {
			t.Errorf("%s: %v\n%s", what, err, text)
		}
	}
}

// TestLastWords: why a process ends is in its log, whatever `verb` and `mute`
// are, for several faults a line each.
func TestLastWords(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "log")
	conf := filepath.Join(dir, "c.conf")
	for what, c := range map[string]struct {
		text string
		want string
	}{
		"faults":       {"verb 0\nlog " + name + "\nclient\nproto sctp\nnonsense\n", `^.* ERR .*c\.conf:4: proto .*\n.* ERR .*c\.conf:5: nonsense.*\n$`},
		"one":          {"log-append " + name + "\nremote\n", `^.* ERR .*c\.conf:2: remote: .*\n$`},
		"of the whole": {"log " + name + "\nclient\ndev tun\n", `ERR .*a client needs a server`},
		"no such user": {"log " + name + "\nserver 10.8.0.0 255.255.255.0\nca x\ncert x\nkey x\nuser no-such-user-here\n", `^.* ERR .*no-such-user-here.*\n$`},
		"at work":      {"verb 0\nmute 1\nlog " + name + "\nserver 10.8.0.0 255.255.255.0\nca x\ncert x\nkey x\n", `^.* ERR .*c\.conf:5: ca: .*\n$`},
	} {
		os.Remove(name)
		read := func(string) ([]byte, error) { return []byte("-----BEGIN x"), nil }
		err := Run(t.Context(), Self{}, func() (*config.Config, error) { return config.ParseFile(conf, []byte(c.text), read) }, Options{UserSpace: true, StateDir: dir})
		text, _ := os.ReadFile(name)
		if err == nil || !regexp.MustCompile(c.want).Match(text) {
			t.Errorf("%s: %v\nlog:\n%s", what, err, text)
		}
	}
}

// crashLog makes the test binary a process that crashes.
const crashLog = "CULVERT_TEST_CRASH_LOG"

// TestCrashIsLogged: a file's log has what a crash prints.
func TestCrashIsLogged(t *testing.T) {
	if name := os.Getenv(crashLog); name != "" {
		newLog(&config.Config{Process: config.Process{Log: name}}, false, Options{})
		go panic("a fault of the program")
		select {}
	}
	name := filepath.Join(t.TempDir(), "log")
	c := exec.Command(os.Args[0], "-test.run=^TestCrashIsLogged$")
	c.Env = append(os.Environ(), crashLog+"="+name)
	err := c.Run()
	if text, _ := os.ReadFile(name); err == nil || !strings.Contains(string(text), "panic: a fault of the program") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestStrangersTextIsOneLine: whatever a stranger named goes to the log as part
// of one line, without escape sequences.
func TestStrangersTextIsOneLine(t *testing.T) {
	c := &config.Config{Process: config.Process{Verb: 3, Log: filepath.Join(t.TempDir(), "log"), SuppressTimestamps: true}}
	l := newLog(c, false, Options{})
	evil := "x\nERR forged \x1b[2J\u009b31m\u202e"
	l.Info("SOCKS: lookup "+evil, "name", evil)
	l.With("client", evil).Warn("refused", "error", errors.New(evil))
	l.alone.Error(evil)
	l.flush()
	text, err := os.ReadFile(c.Process.Log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "\n") != 3 || strings.ContainsAny(string(text), "\x1b\u009b\u202e") {
		t.Errorf("%q", text)
	}
}

// TestEchoIsPrintable: what a server has a client show cannot drive the terminal,
// nor begin a line of its own.
func TestEchoIsPrintable(t *testing.T) {
	_, notes, err := config.ParsePushed(new(config.Config), []string{"echo \"hello\x1b]0;owned\a\r\n2026-01-01 00:00:00 INF all is well\u202e\""})
	if err != nil || len(notes) != 1 {
		t.Fatal(notes, err)
	}
	name := filepath.Join(t.TempDir(), "log")
	l := newLog(&config.Config{Process: config.Process{Log: name, Verb: 3}}, false, Options{})
	l.notes(&config.Config{Notes: notes, Process: config.Process{Verb: 3}})
	l.flush()
	text, _ := os.ReadFile(name)
	if !strings.Contains(string(text), "hello") || strings.Count(string(text), "\n") != 1 || strings.ContainsAny(string(text), "\x1b\a\r\u202e") {
		t.Errorf("log: %q", text)
	}
}

// TestFormsOfTheLog: a line for each message in the form that is asked for, and of a
// subsystem as much as it is given.
func TestFormsOfTheLog(t *testing.T) {
	for format, want := range map[string]string{
		"log-format json":   `^\{"level":"debug","subsystem":"process","message":"detail","client":"a b"\}\n\{"level":"warn",.*\}\n$`,
		"log-format logfmt": `^level=debug subsystem=process message=detail client="a b"\nlevel=warn .*\n$`,
		"log-format text":   `^DBG detail client="a b"\nWRN odd\n$`,
	} {
		name := filepath.Join(t.TempDir(), "log")
		c := serverConf(t, "verb 0\nlog "+name+"\nsuppress-timestamps\nlog-level process debug\nlog-level web error\n"+format+"\n")
		l := newLog(c, false, Options{})
		l.Debug("detail", "client", "a b")
		l.With(subsystem.Web.Attr()).Warn("nothing")
		l.Warn("odd")
		l.flush()
		text, err := os.ReadFile(name)
		if err != nil || !regexp.MustCompile(want).Match(text) {
			t.Errorf("%s: %v\n%s", format, err, text)
		}
		if p := l.latest.Latest(logs.Wanted{Least: slog.LevelDebug}, 9); len(p.Lines) != 2 || p.Lines[0].Client() != "a b" {
			t.Errorf("%s: the latest lines are %v", format, p.Lines)
		}
	}
}

// TestReloadTakesLevels: what a configuration says of levels replaces what was asked for
// since.
func TestReloadTakesLevels(t *testing.T) {
	l := newLog(serverConf(t, "log-level web debug\n"), false, Options{})
	quiet := slog.LevelError
	l.levels.SetOwn(subsystem.Access, &quiet)
	l.setVerb(4)
	l.notes(serverConf(t, "verb 3\nlog-level link warn\n"))
	for name, want := range map[subsystem.Name]slog.Level{subsystem.Access: slog.LevelInfo, subsystem.Web: slog.LevelInfo, subsystem.Link: slog.LevelWarn} {
		if got := l.levels.Of(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if l.verb() != 3 {
		t.Errorf("verb is %d", l.verb())
	}
}

// TestBriefLog: what a user sees in another way is left out for them, and kept for others;
// a subsystem that is asked for is not left out.
func TestBriefLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	l := newLog(serverConf(t, "log "+name+"\nsuppress-timestamps\nlog-level web info\n"), false, Options{Show: ShowJSON})
	l.Info("connected")
	l.With(subsystem.Web.Attr()).Info("served")
	l.Warn("odd")
	l.flush()
	if text, err := os.ReadFile(name); err != nil || string(text) != "INF served\nWRN odd\n" {
		t.Errorf("%v\n%s", err, text)
	}
	if p := l.latest.Latest(logs.Wanted{}, 9); len(p.Lines) != 3 {
		t.Errorf("the latest lines are %v", p.Lines)
	}
}

// TestFormattedSeverities: the system's logger gets each line in its form, at its severity.
func TestFormattedSeverities(t *testing.T) {
	var got []string
	to := func(name string) lineWriter {
		return func(line string) error { got = append(got, name+": "+line); return nil }
	}
	log := slog.New(newFormatted(logs.Logfmt, nil, to("debug"), to("info"), to("warn"), to("err")))
	log.Debug("0")
	log.Info("1")
	log.Warn("2")
	log.Error("3", "a", 1)
	want := "debug: level=debug subsystem=process message=0\ninfo: level=info subsystem=process message=1\nwarn: level=warn subsystem=process message=2\nerr: level=error subsystem=process message=3 a=1\n"
	if text := strings.Join(got, ""); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
