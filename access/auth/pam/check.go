package pam

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"culvert/access/auth"
	"culvert/internal/printable"
)

// Checker is an auth.Checker that asks PAM.
type Checker struct {
	Asker Asker
	// Service is the PAM service's name.
	Service string
	// Prompts reports whether questions are answered from a list.
	Prompts bool
	// Log is told why PAM refuses somebody.
	Log *slog.Logger
}

// patience is how long a client is left without a word: most modules answer at once, and
// those that wait for somebody take longer than a client waits for an answer.
const patience = 5 * time.Second

// Check implements auth.Checker.
func (c *Checker) Check(ctx context.Context, r *auth.Request, pend func(auth.Pending)) auth.Verdict {
	if r.Username == "" {
		return auth.Verdict{Err: errSilent}
	}
	l := Login{Username: r.Username, Password: r.Password, CommonName: r.Env.Get("common_name"), Remote: r.Env.Get("untrusted_ip")}
	if l.Remote == "" {
		l.Remote = r.Env.Get("untrusted_ip6")
	}
	if pend != nil {
		defer time.AfterFunc(patience, func() { pend(auth.Pending{Timeout: maxTime}) }).Stop()
	}
	answer, err := c.Asker.Ask(ctx, r.Source, l)
	switch {
	case err != nil:
		return auth.Verdict{Err: err}
	case answer.OK:
		return auth.Verdict{OK: true}
	}
	c.Log.Warn("PAM refuses a user", "user", printable.Name(r.Username), "service", c.Service, "because", c.why(answer))
	return auth.Verdict{}
}

// why says why PAM refused, and what to do about a question that nothing answered.
func (c *Checker) why(a Answer) string {
	switch question := printable.Line(a.Unanswered); {
	case question == "":
		return printable.Line(a.Why)
	case c.Prompts:
		return fmt.Sprintf("a module asks %q, and no word of the plugin's line is how that begins, or the client did not send what answers it; write the word and USERNAME, PASSWORD, COMMONNAME or OTP behind the service %s", question, c.Service)
	default:
		return fmt.Sprintf("a module asks %q", question)
	}
}
