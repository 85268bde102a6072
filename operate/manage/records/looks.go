package records

import (
	"context"
	"net/http"
	"sync"
	"time"

	"culvert/access/policy"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
	"culvert/operate/policing"
)

// Policy is the policy that the server's configuration names.
type Policy struct {
	File  string `json:"file" doc:"its name"`
	Text  string `json:"text" doc:"as the server read it with its configuration"`
	Rules int    `json:"rules" doc:"how many rules it has"`
	Tests int    `json:"tests" doc:"how many tests it has"`
}

// Ask is what a policy is asked.
type Ask struct {
	Questions []string `json:"questions" nullable:"false" maxItems:"100" doc:"such as: can alice reach 10.1.2.3:443?"`
	Text      string   `json:"text,omitempty" doc:"a policy to try, in place of the server's"`
}

// Answers are those of a policy.
type Answers struct {
	Faults  []string `json:"faults" nullable:"false" doc:"what is wrong with the policy: faults, tests that fail, names that nobody has"`
	Answers []Answer `json:"answers" nullable:"false" doc:"of each question, in order"`
}

// Answer is that of a question.
type Answer struct {
	Question string `json:"question" doc:"as it was asked"`
	Yes      bool   `json:"yes" doc:"the policy allows it"`
	Why      string `json:"why,omitempty" doc:"the line that decides"`
	Fault    string `json:"fault,omitempty" doc:"why there is no answer"`
}

// FindCertificates says which clients' certificates are wanted.
type FindCertificates struct {
	After string `query:"after" maxLength:"200" doc:"the last client's name of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"how many clients"`
	Name  string `query:"name" maxLength:"200" doc:"this client alone"`
	State string `query:"state" enum:"valid,expiring,expired,revoked,untrusted" doc:"clients of this state alone"`
}

// FindAudit says which lines of the audit log are wanted.
type FindAudit struct {
	After string    `query:"after" maxLength:"64" doc:"next of the page before"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"how many"`
	What  string    `query:"what" enum:"let-in,refused,shut-out,left,fetched,changed,signed-in,signed-out" doc:"of this kind alone"`
	Name  string    `query:"name" maxLength:"200" doc:"about this user or client, or by this one"`
	Since time.Time `query:"since" doc:"none before"`
}

// healthAge is for how long what was found is not asked for again.
const healthAge = 10 * time.Second

// briefly is something that is asked for once at a time, and kept for a while.
type briefly[T any] struct {
	turn  sync.Mutex
	at    time.Time
	value *T
}

func (b *briefly[T]) get(now func() time.Time, age time.Duration, ask func() (*T, error)) (*T, error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	if b.value != nil && now().Sub(b.at).Abs() < age {
		return b.value, nil
	}
	value, err := ask()
	if err == nil {
		b.value, b.at = value, now()
	}
	return value, err
}

func (o *operations) addLooks(a *api.API) {
	none, directory := []api.Kind{api.Unsupported}, of(noRegistrar)
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/policy", Group: "policy", Scope: api.Read, Summary: "The policy: who may reach what", Errors: none}, o.policy)
	api.Add(a, api.Op{Method: http.MethodPost, Path: "/v1/policy/check", Group: "policy", Scope: api.Read, Summary: "Ask the policy, or another text, who may reach what", Errors: none, Quiet: true}, o.checkPolicy)
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/certificates", Group: "store", Scope: api.Read, Summary: "What ends: authorities, the server's certificate, the revocation list, clients", Errors: directory},
		func(ctx context.Context, in *FindCertificates) (*registrar.Certificates, error) {
			q := registrar.CertificatesQuery{After: in.After, Limit: in.Limit, State: in.State}
			if in.Name != "" {
				q.Names = []string{in.Name}
			}
			c, err := o.desk.Certificates(ctx, q)
			return c, fault(err)
		})
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/audit", Group: "store", Scope: api.Read, Summary: "The audit log, the newest lines first", Errors: directory},
		func(ctx context.Context, in *FindAudit) (*registrar.Audit, error) {
			page, err := o.desk.Audit(ctx, registrar.AuditQuery{After: in.After, Limit: in.Limit, What: in.What, Name: in.Name, Since: in.Since})
			return page, fault(err)
		})
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/health", Group: "store", Scope: api.Read, Summary: "What the doctor finds, at most 40 seconds old", Errors: directory},
		func(ctx context.Context, _ *api.None) (*registrar.Health, error) {
			h, err := o.health.get(o.Now, healthAge, func() (*registrar.Health, error) { return o.desk.Health(ctx) })
			return h, fault(err)
		})
}

// text is the policy's that the configuration names.
func (o *operations) text() (name string, text []byte, err error) {
	c := o.Config()
	if c.Server.Policy == nil {
		return "", nil, api.Unsupported.Error("the server has no policy", "add the line policy FILE to server.conf")
	}
	return policing.Name(c), c.Server.Policy.Text, nil
}

func (o *operations) policy(_ context.Context, _ *api.None) (*Policy, error) {
	name, text, err := o.text()
	if err != nil {
		return nil, err
	}
	f, err := policy.Parse(name, text)
	if err != nil {
		return nil, err
	}
	return &Policy{name, string(text), f.Rules(), f.Tests()}, nil
}

func (o *operations) checkPolicy(ctx context.Context, in *struct{ Body Ask }) (*Answers, error) {
	name, text := "the text", []byte(in.Body.Text)
	if len(text) == 0 {
		var err error
		if name, text, err = o.text(); err != nil {
			return nil, err
		}
	}
	out := &Answers{Faults: []string{}, Answers: []Answer{}}
	f, err := policy.Parse(name, text)
	if err != nil {
		out.Faults = append(out.Faults, err.Error())
		return out, nil
	}
	look := o.reading().Lookup(ctx, func(error) {})
	known := policy.Records(look)
	p, faults := policy.Check(f, policing.Place(o.Config()), known)
	for _, fault := range faults {
		out.Faults = append(out.Faults, fault.Error())
	}
	for _, text := range in.Body.Questions {
		one := Answer{Question: text}
		answer, err := p.AskText(text, known)
		one.Yes, one.Why = answer.Yes, answer.Why
		if err != nil {
			one.Fault = err.Error()
		}
		out.Answers = append(out.Answers, one)
	}
	return out, fault(look.Err())
}
