package admission

import (
	"context"
	"errors"
	"strings"

	"culvert/access"
	"culvert/config"
	"culvert/session/negotiate"
)

// Decision is the answer to an Applicant.
type Decision struct {
	Refusal  *access.Refusal // nil: it may come in
	Settings *config.PerClient
	Token    string // that stands for its password from now on; "" for none
	Forget   bool   // it has a token, which it is to forget
}

// Text returns what a refused client is told. If it can, it is told to come back later.
func Text(r *access.Refusal, told negotiate.PeerInfo) string {
	if r.Later && told.Has(negotiate.ProtoAuthTemp) {
		return "TEMP[backoff 30,advance remote]:" + r.Reason
	}
	return r.Reason
}

// refusedHere is what a client is told when its settings keep it out.
const refusedHere = "this client is not admitted here"

// ask asks all deciders about an applicant. lines are lines of a per-client configuration
// that are added in the end.
func (a *Admission) ask(ctx context.Context, who *access.Applicant, lines []string) Decision {
	settings := new(config.PerClient)
	for _, d := range a.deciders {
		err := d.Decide(ctx, who, settings)
		if err == nil {
			continue
		}
		var refusal *access.Refusal
		if !errors.As(err, &refusal) {
			refusal = &access.Refusal{Reason: refusedHere, Cause: err}
		}
		return Decision{Refusal: refusal}
	}
	if len(lines) > 0 {
		before := len(settings.Notes)
		if err := config.AddPerClient(a.cfg, settings, "client-auth", []byte(strings.Join(lines, "\n"))); err != nil {
			return Decision{Refusal: &access.Refusal{Reason: refusedHere, Cause: &SettingsError{"the lines that came with the login have errors", err}}}
		}
		if settings.Disable {
			return Decision{Refusal: &access.Refusal{Reason: refusedHere, Cause: &SettingsError{Text: "the lines that came with the login have `disable`"}}}
		}
		a.remark(settings.Notes[before:], who.Name)
	}
	return Decision{Settings: settings}
}
