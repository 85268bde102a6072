//go:build unix

package pam

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/auth"
	"culvert/access/hooks"
)

// helperScript returns a service that a shell script serves in place of the helper.
func helperScript(t *testing.T, text string) *Service {
	t.Helper()
	path := filepath.Join(t.TempDir(), helper)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := hooks.NewProgram("plugin", []string{path, "probe"}, hooks.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &Service{name: "probe", program: program}
}

func answerFile(t *testing.T, a Answer) string {
	t.Helper()
	b, err := a.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "answer")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAsk: the question arrives whole, and not on the command line; what the helper
// answers counts, and without an answer nobody gets in.
func TestAsk(t *testing.T) {
	got := filepath.Join(t.TempDir(), "question")
	yes, no := answerFile(t, Answer{OK: true}), answerFile(t, Answer{Why: "locked"})
	l := Login{Username: "ada", Password: "hunter2", Remote: "192.0.2.1"}
	for script, want := range map[string]struct {
		ok, fails bool
	}{
		`test "$*" = probe || exit 1; cat >` + got + "; cat " + yes + " >&3": {ok: true},
		"cat " + no + " >&3":                 {},
		"cat " + yes + " >&3; exit 1":        {fails: true},
		"cat " + yes + " >&3; kill -SEGV $$": {fails: true},
		"cat " + yes + " >&3; echo x >&3":    {fails: true},
		"exit 0":                             {fails: true},
		"head -c 999999 /dev/zero >&3":       {fails: true},
		"cat " + yes:                         {fails: true},
	} {
		answer, err := helperScript(t, script).Ask(t.Context(), netip.Prefix{}, l)
		if (err != nil) != want.fails || answer.OK != want.ok {
			t.Errorf("%s: %+v, %v", script, answer, err)
		}
		if err != nil && strings.Contains(err.Error(), l.Password) {
			t.Errorf("%s: the password is in %v", script, err)
		}
	}
	b, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := ParseRequest(b); err != nil || r.Login != l || r.Service != "probe" {
		t.Errorf("asked %+v, %v", r, err)
	}
}

// TestHangs: what hangs is ended with the client.
func TestHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	begun := filepath.Join(t.TempDir(), "begun")
	if err := syscall.Mkfifo(begun, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		os.ReadFile(begun) // until the script has opened it, and closed it
		cancel()
	}()
	s := helperScript(t, "echo >"+begun+"; while :; do sleep 1000; done")
	if answer, err := s.Ask(ctx, netip.Prefix{}, Login{Username: "ada"}); err == nil || answer.OK {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	bin, exec := filepath.Join(dir, "bin"), filepath.Join(dir, "libexec", "culvert")
	_, err := findFrom(bin, []string{".", "../libexec/culvert"})
	for _, want := range []string{bin, exec, "make pam", helper} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s in it", err, want)
		}
	}
	path := filepath.Join(exec, helper)
	if err := os.MkdirAll(exec, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := findFrom(bin, []string{".", "../libexec/culvert"}); err != nil || got != path {
		t.Errorf("%s, %v", got, err)
	}
}

// TestServiceThere: a service that PAM does not know is refused at the start, since PAM
// lets everybody in where it has nothing to go by.
func TestServiceThere(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	dirs := []string{filepath.Join(first, "missing"), first, second}
	if err := checkService("openvpn", dirs); err == nil || !strings.Contains(err.Error(), "openvpn") {
		t.Error(err)
	}
	if err := checkService("openvpn", dirs[:1]); err != nil {
		t.Errorf("a system with pam.conf: %v", err)
	}
	for dir, name := range map[string]string{second: "openvpn", first: fallback} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := checkService("OpenVPN", dirs); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// fakePAM answers as it is.
type fakePAM struct {
	answer Answer
	err    error
	asked  *Login
}

func (f fakePAM) Ask(_ context.Context, _ netip.Prefix, l Login) (Answer, error) {
	*f.asked = l
	return f.answer, f.err
}

// TestCheck: what is asked, and what comes of the answer.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		user   string
		answer Answer
		err    error
		ok     bool
		logged string
	}{
		{"ada", Answer{OK: true}, nil, true, ""},
		{"ada", Answer{Why: "locked\x1b"}, nil, false, "locked"},
		{"ada", Answer{Unanswered: "Code:"}, nil, false, "a module asks"},
		{"ada", Answer{OK: true}, context.Canceled, false, ""},
		{"", Answer{OK: true}, nil, false, ""},
	} {
		var log strings.Builder
		var asked Login
		c := &Checker{Asker: fakePAM{test.answer, test.err, &asked}, Service: "openvpn", Prompts: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
		env := new(hooks.Env)
		env.Set("common_name", "laptop")
		env.Set("untrusted_ip6", "2001:db8::1")
		v := c.Check(t.Context(), &auth.Request{Username: test.user, Password: "hunter2", Env: env}, nil)
		if v.OK != test.ok || (v.Err != nil) != (test.err != nil || test.user == "") {
			t.Errorf("%+v: %+v", test, v)
		}
		if !strings.Contains(log.String(), test.logged) || strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), "\x1b") {
			t.Errorf("%+v: logged %q", test, log.String())
		}
		if want := (Login{Username: test.user, Password: "hunter2", CommonName: "laptop", Remote: "2001:db8::1"}); test.user != "" && asked != want {
			t.Errorf("asked about %+v", asked)
		}
	}
}

// slowPAM answers when somebody has confirmed the login.
type slowPAM struct{ takes time.Duration }

func (s slowPAM) Ask(context.Context, netip.Prefix, Login) (Answer, error) {
	time.Sleep(s.takes)
	return Answer{OK: true}, nil
}

// TestPending: a client is told to wait where PAM takes its time, and else not.
func TestPending(t *testing.T) {
	for takes, want := range map[time.Duration]int32{time.Second: 0, time.Minute: 1} {
		synctest.Test(t, func(t *testing.T) {
			var told atomic.Int32
			c := &Checker{Asker: slowPAM{takes}, Service: "openvpn", Log: slog.New(slog.DiscardHandler)}
			v := c.Check(t.Context(), &auth.Request{Username: "ada", Env: new(hooks.Env)}, func(p auth.Pending) {
				if told.Add(1); p.Timeout != maxTime {
					t.Errorf("%+v", p)
				}
			})
			time.Sleep(time.Minute)
			if n := told.Load(); !v.OK || n != want {
				t.Errorf("after %v: %+v, told %d times", takes, v, n)
			}
		})
	}
}

// TestTooManyPrompts: answers that no request can hold are refused at once.
func TestTooManyPrompts(t *testing.T) {
	prompts := make([]string, 2*maxStrings)
	if _, err := NewService(fallback, prompts, Options{Helper: "/bin/true", Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(1)}); err == nil {
		t.Error("taken")
	}
}
