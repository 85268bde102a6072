package admission

import (
	"context"
	"errors"

	"culvert/access"
	"culvert/config"
	"culvert/session/negotiate"
)

// Decision is the answer to an Applicant.
type Decision struct {
	Refusal  *access.Refusal // nil: it may come in
	Settings *config.PerClient
	Token    string // that stands for its password from now on; "" for none
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

// ask asks all deciders about an applicant.
func (a *Admission) ask(ctx context.Context, who *access.Applicant) Decision {
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
	return Decision{Settings: settings}
}
