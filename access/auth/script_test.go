package auth

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/access/hooks"
)

// script writes a shell script and returns a checker that runs it.
func script(t *testing.T, viaEnv bool, text string) *Script {
	t.Helper()
	return &Script{Program: program(t, "auth-user-pass-verify", text), ViaEnv: viaEnv, TmpDir: t.TempDir()}
}

func program(t *testing.T, directive, text string) *hooks.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "check")
	// A process that another test starts meanwhile would have the file open for writing,
	// and the file could not run.
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	p, err := hooks.NewProgram(directive, []string{path, "first"}, hooks.Options{Slots: hooks.NewSlots(4)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func noPending(t *testing.T) func(Pending) {
	return func(p Pending) { t.Errorf("pending: %+v", p) }
}

// TestScriptWithoutPassword: OpenVPN 2.6 with script-security 2 and via-env runs the program
// with the user name and without the password, and goes by its exit status.
func TestScriptWithoutPassword(t *testing.T) {
	s := script(t, true, `test "$username" = ada && test -z "${password+set}" && test $# = 1`)
	s.NoPassword = true
	env := new(hooks.Env)
	env.Set("username", "ada")
	if v := s.Check(t.Context(), &Request{Env: env, Username: "ada", Password: "x"}, noPending(t)); !v.OK {
		t.Errorf("%+v", v)
	}
}

func TestScriptVerdicts(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "x")
	for _, c := range []struct {
		name, script string
		viaEnv       bool
		want         Verdict
	}{
		{name: "by file", script: `test "$1" = first && test "$(head -1 "$2")" = ada && test "$(tail -1 "$2")" = 'p w"$x' && test -z "$password"`, want: Verdict{OK: true}},
		{name: "file is private", script: `test "$(stat -c %a "$2")" = 600 && test "$(stat -c %a "$(dirname "$2")")" = 700`, want: Verdict{OK: true}},
		{name: "by environment", script: `test "$username" = ada && test "$password" = 'p w"$x' && test $# = 1`, viaEnv: true, want: Verdict{OK: true}},
		{name: "variables", script: `test "$common_name" = cn && test "$custom" = yes && test "$script_type" = user-pass-verify && test -z "$SECRET_OF_THE_SERVER"`, want: Verdict{OK: true}},
		{name: "refused", script: "exit 1"},
		{name: "killed by itself", script: "kill -9 $$", want: Verdict{Err: context.Canceled}},
		{name: "with a reason", script: `printf 'Account\tlocked\nand more' > "$auth_failed_reason_file"; exit 1`, want: Verdict{Reason: "Account_locked_and more"}},
		{name: "challenge", script: `echo CRV1:R,E:state:YWRh:Code > "$auth_failed_reason_file"; exit 1`, want: Verdict{Reason: "CRV1:R,E:state:YWRh:Code"}},
		{name: "deferred, good", script: `(sleep 0.1; echo 1 > "$auth_control_file") & exit 2`, want: Verdict{OK: true}},
		{name: "deferred, bad", script: `(echo no > "$auth_failed_reason_file"; echo 0 > "$auth_control_file") & exit 2`, want: Verdict{Reason: "no"}},
		{name: "method not known to the client", script: `printf '30\nwebauth\nWEB_AUTH::https://x\n' > "$auth_pending_file"; exit 2`,
			want: Verdict{Reason: "this client cannot take the further step of the login (webauth); use a newer one"}},
		{name: "nonsense in the pending file", script: `echo x > "$auth_pending_file"; exit 2`, want: Verdict{Err: context.Canceled}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := script(t, c.viaEnv, c.script)
			env := new(hooks.Env)
			env.Set("custom", "yes")
			env.Set("username", "ada")
			env.Set("common_name", "cn")
			got := s.Check(t.Context(), &Request{Username: "ada", Password: `p w"$x`, Env: env, Methods: []string{"crtext"}}, noPending(t))
			if got.OK != c.want.OK || got.Reason != c.want.Reason || (got.Err != nil) != (c.want.Err != nil) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if left, _ := os.ReadDir(s.TmpDir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestChallengeResponse: a script asks for a code by CR_TEXT, and another one
// takes the answer.
func TestChallengeResponse(t *testing.T) {
	s := script(t, false, `printf '60\ncrtext\nCR_TEXT:R,E:Your code\n' > "$auth_pending_file"; exit 2`)
	s.Answer = program(t, "client-crresponse", `test "$(cat "$2")" = NDcxMQ== && echo 1 > "$auth_control_file" || echo 0 > "$auth_control_file"`)
	for answer, ok := range map[string]bool{"NDcxMQ==": true, "$(id)": false} {
		answers := make(chan string, 1)
		pend := func(p Pending) {
			if p != (Pending{time.Minute, "CR_TEXT:R,E:Your code"}) {
				t.Errorf("%+v", p)
			}
			answers <- answer
		}
		got := s.Check(t.Context(), &Request{Username: "ada", Answers: answers, Methods: []string{"webauth", "crtext"}}, pend)
		if got.OK != ok || got.Err != nil {
			t.Errorf("%q: %+v", answer, got)
		}
	}
}

func TestCheckEndsWithItsClient(t *testing.T) {
	for name, text := range map[string]string{"running": "exec sleep 60", "deferred": "exit 2"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if got := script(t, false, text).Check(ctx, new(Request), noPending(t)); got.OK || got.Err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestHostileUser: what a client says cannot become lines or commands.
func TestHostileUser(t *testing.T) {
	s := script(t, false, `tr '\n' '|' < "$2" > "$auth_failed_reason_file"; exit 1`)
	got := s.Check(t.Context(), &Request{Username: "../../etc\n$(reboot);x", Password: "a\nb\rc\x00d"}, noPending(t))
	if want := "../../etc_$(reboot);x|a_b_c_d|"; got.Reason != want {
		t.Errorf("the program saw %q, want %q", got.Reason, want)
	}
}

func FuzzPending(f *testing.F) {
	f.Add("30\ncrtext\nCR_TEXT:R:x")
	f.Add("30\r\nwebauth\r\nWEB_AUTH::https://x\r\n")
	f.Add("30\ncrtext\n" + strings.Repeat("\x80", maxExtra))
	f.Fuzz(func(t *testing.T, text string) {
		if p, _, err := parsePending(text); err == nil && (p.Timeout <= 0 || strings.ContainsAny(p.Extra, "\n\x00") || len(p.Extra) > maxExtra) {
			t.Errorf("%+v", p)
		}
	})
}
