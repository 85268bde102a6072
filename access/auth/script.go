package auth

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/access/hooks"
	"culvert/internal/printable"
)

// Script checks passwords with a program (manual, auth-user-pass-verify). If the
// program defers its decision, Script waits for it in auth_control_file.
type Script struct {
	Program *hooks.Program
	// Answer takes a client's answer to a challenge (client-crresponse);
	// nil: there is none.
	Answer *hooks.Program
	// ViaEnv passes user name and password in the environment, else in a
	// file of two lines.
	ViaEnv bool
	// NoPassword keeps the password from the program, as script-security 2 does with ViaEnv:
	// it decides by the user name and the client's certificate.
	NoPassword bool
	TmpDir     string // "" for the system's
}

// The files of one check, and the variables that name them.
const (
	loginFile   = "login"
	answerFile  = "response"
	controlFile = "auth_control_file"
	pendingFile = "auth_pending_file"
	reasonFile  = "auth_failed_reason_file"
)

// Exit status of a program.
const (
	statusOK       = 0
	statusDeferred = 2
)

// pollInterval is the time between two looks for a deferred decision.
const pollInterval = 100 * time.Millisecond

// Check implements Checker.
func (s *Script) Check(ctx context.Context, r *Request, pend func(Pending)) Verdict {
	scratch, err := hooks.NewScratch(s.TmpDir)
	if err != nil {
		return Verdict{Err: err}
	}
	defer scratch.Remove()
	env := r.Env.Clone()
	env.Set("script_type", hooks.ScriptType("auth-user-pass-verify"))
	if s.ViaEnv {
		env.Set("username", printable.Value(r.Username))
		if !s.NoPassword {
			env.Set("password", printable.Value(r.Password))
		}
	}
	for _, name := range []string{controlFile, pendingFile, reasonFile} {
		if err := scratch.Write(name, ""); err != nil {
			return Verdict{Err: err}
		}
		env.Set(name, scratch.Path(name))
	}
	status, left, err := s.ask(ctx, scratch, r, env)
	env.Unset("password") // of no use to who decides later
	switch {
	case err != nil:
		return Verdict{Err: err}
	case status == statusOK:
		return Verdict{OK: true}
	case status != statusDeferred:
		return Verdict{Reason: reason(scratch)}
	}
	// What the program left running to decide later is ended with ctx.
	defer func() {
		if ctx.Err() != nil {
			left.Kill()
		}
	}()
	if refusal, err := s.pending(scratch, r, pend); refusal != "" || err != nil {
		return Verdict{Reason: refusal, Err: err}
	}
	return s.await(ctx, scratch, r, env)
}

// ask runs the program with the client's user name and password.
func (s *Script) ask(ctx context.Context, scratch hooks.Scratch, r *Request, env *hooks.Env) (status int, left hooks.Group, err error) {
	if s.ViaEnv {
		return s.Program.RunGroup(ctx, r.Source, env)
	}
	if err := scratch.Write(loginFile, printable.Value(r.Username)+"\n"+printable.Value(r.Password)+"\n"); err != nil {
		return -1, 0, err
	}
	defer os.Remove(scratch.Path(loginFile))
	return s.Program.RunGroup(ctx, r.Source, env, scratch.Path(loginFile))
}

// pending reads auth_pending_file, which a program may have filled: seconds,
// method, and what the client is to be told.
func (s *Script) pending(scratch hooks.Scratch, r *Request, pend func(Pending)) (refusal string, err error) {
	text := scratch.Read(pendingFile)
	if text == "" {
		return "", nil
	}
	p, method, err := parsePending(text)
	if err != nil {
		return "", err
	}
	if !slices.Contains(r.Methods, method) {
		return fmt.Sprintf("this client cannot take the further step of the login (%s); use a newer one", method), nil
	}
	pend(p)
	return "", nil
}

// maxExtra keeps INFO_PRE within a control message, bytes.
const maxExtra = 1000

func parsePending(text string) (p Pending, method string, err error) {
	lines := strings.SplitN(strings.ReplaceAll(text, "\r\n", "\n"), "\n", 3)
	if len(lines) < 3 {
		return p, "", fmt.Errorf("%s: expected three lines: seconds, method, and what the client is told; got %d", pendingFile, len(lines))
	}
	seconds, err := strconv.ParseUint(strings.TrimSpace(lines[0]), 10, 20)
	if err != nil || seconds == 0 {
		return p, "", fmt.Errorf("%s: expected the seconds to wait in its first line, got %.20q", pendingFile, lines[0])
	}
	extra, _, _ := strings.Cut(lines[2], "\n")
	extra = printable.Value(extra) // may lengthen it, so it comes before the bound
	if len(extra) > maxExtra {
		return p, "", fmt.Errorf("%s: %d bytes for the client, at most %d fit", pendingFile, len(extra), maxExtra)
	}
	return Pending{Timeout: time.Duration(seconds) * time.Second, Extra: extra}, strings.TrimSpace(lines[1]), nil
}

// await waits for a decision in auth_control_file, and passes answers of the
// client on to the program that takes them.
func (s *Script) await(ctx context.Context, scratch hooks.Scratch, r *Request, env *hooks.Env) Verdict {
	began, tick := time.Now(), time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		switch text := scratch.Read(controlFile); {
		case strings.HasPrefix(text, "1"):
			return Verdict{OK: true}
		case strings.HasPrefix(text, "0"):
			return Verdict{Reason: reason(scratch)}
		}
		select {
		case <-ctx.Done():
			return Verdict{Err: &hooks.OverdueError{What: s.Program.String(), Deferred: controlFile, After: time.Since(began), Err: ctx.Err()}}
		case answer := <-r.Answers:
			if err := s.pass(ctx, scratch, r.Source, env, answer); err != nil {
				return Verdict{Err: err}
			}
		case <-tick.C:
		}
	}
}

func (s *Script) pass(ctx context.Context, scratch hooks.Scratch, source netip.Prefix, env *hooks.Env, answer string) error {
	if s.Answer == nil {
		return nil
	}
	env = env.Clone()
	for _, name := range []string{"ip", "ip6", "port"} { // it has proven its address
		if value := env.Get("untrusted_" + name); value != "" {
			env.Set("trusted_"+name, value)
		}
	}
	if name := env.Get("common_name"); name != "" {
		env.Set("common_name", name)
	}
	if err := scratch.Write(answerFile, answer); err != nil {
		return err
	}
	defer os.Remove(scratch.Path(answerFile))
	_, err := s.Answer.Run(ctx, source, env, scratch.Path(answerFile))
	return err
}

// reason is what a refused client is told, in one line.
func reason(scratch hooks.Scratch) string {
	text := scratch.Read(reasonFile)
	if len(text) > maxExtra {
		text = text[:maxExtra]
	}
	return printable.Value(text)
}
