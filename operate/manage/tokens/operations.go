package tokens

import (
	"context"
	"errors"
	"net/http"
	"time"

	"culvert/access/audit"
	"culvert/operate/manage/api"
	"culvert/store"
)

// The paths of the operations.
const (
	Path      = "/v1/tokens"        // GET: All; POST: Make, answered by Made
	NamedPath = "/v1/tokens/{name}" // DELETE
)

// All are the tokens of a server.
type All struct {
	Tokens     []Token  `json:"tokens" nullable:"false" doc:"by name; also those that have ended"`
	Unreadable []string `json:"unreadable,omitempty" doc:"records that cannot be read and are left out"`
}

// Make says which token to make.
type Make struct {
	Name    string     `json:"name" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]{1,64}$" patternDescription:"letters, digits, dots, hyphens and underscores" doc:"its name, by which logs call who asks with it"`
	Scope   api.Scope  `json:"scope" enum:"read,operate,administer" doc:"what may be done with it"`
	Expires *time.Time `json:"expires,omitempty" doc:"when it ends; missing: never"`
}

// Made is a token that was made.
type Made struct {
	Token
	Secret string `json:"token" doc:"what one asks by: Authorization: Bearer TOKEN. It is shown this once"`
}

// Records are where the operations find tokens.
type Records struct {
	Store store.Store
	Audit audit.Sink // takes what callers changed; nil: nothing does
	// AuditFailed is told of changes that were made and could not be recorded.
	AuditFailed func(error)
	Now         func() time.Time
}

// kinds of errors.
var (
	exists = api.Kind{Status: http.StatusConflict, Code: "exists", Doc: "the name is taken", Mend: "take another name, or remove that token first"}
	most   = api.Kind{Status: http.StatusConflict, Code: "too-many-tokens", Doc: "there are as many as are kept", Mend: "remove those that are not needed"}
)

// store is the store whose changes are recorded as those of the caller.
func (o Records) store(ctx context.Context, call string) (_ store.Store, by string) {
	c, _ := api.CallerOf(ctx)
	by = c.String()
	if o.Audit == nil {
		return o.Store, by
	}
	return &audit.Store{Store: o.Store, Sink: o.Audit, By: by, Command: call, Failed: o.AuditFailed}, by
}

// AddOperations adds the operations of tokens.
func AddOperations(a *api.API, o Records) {
	op := func(method, path, summary string, errs ...api.Kind) api.Op {
		return api.Op{Method: method, Path: path, Group: "tokens", Scope: api.Administer, Summary: summary, Errors: errs, Recorded: method != http.MethodGet}
	}
	api.Add(a, op(http.MethodGet, Path, "The tokens by which programs ask this API"), func(ctx context.Context, _ *api.None) (*All, error) {
		out := new(All)
		var err error
		out.Tokens, err = List(ctx, o.Store, func(err error) {
			if len(out.Unreadable) < 20 {
				out.Unreadable = append(out.Unreadable, err.Error())
			}
		})
		return out, err
	})
	api.Add(a, op(http.MethodPost, Path, "Make a token, which is shown this once", exists, most), func(ctx context.Context, in *struct{ Body Make }) (*Made, error) {
		var expires time.Time
		if in.Body.Expires != nil {
			expires = *in.Body.Expires
		}
		s, by := o.store(ctx, http.MethodPost+" "+Path)
		t, secret, err := Add(ctx, s, o.Now(), in.Body.Name, in.Body.Scope, expires, by)
		switch {
		case errors.Is(err, ErrExists):
			return nil, exists.Error(err.Error(), "")
		case errors.Is(err, ErrTooMany):
			return nil, most.Error(err.Error(), "")
		case errors.Is(err, ErrName), errors.Is(err, ErrOver):
			return nil, api.BadRequest.Error(err.Error(), "")
		case err != nil:
			return nil, err
		}
		return &Made{t, secret}, nil
	})
	api.Add(a, op(http.MethodDelete, NamedPath, "Remove a token: who asks by it is refused from now on", api.NotFound), func(ctx context.Context, in *struct {
		Name string `path:"name" maxLength:"64" doc:"its name"`
	}) (*api.None, error) {
		s, _ := o.store(ctx, http.MethodDelete+" "+Path+"/"+in.Name)
		err := Remove(ctx, s, in.Name)
		if errors.Is(err, ErrNone) {
			return nil, api.NotFound.Error("there is no token of this name", "GET "+Path+" has those there are")
		}
		return nil, err
	})
}
