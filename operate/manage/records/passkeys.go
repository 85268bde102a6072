package records

import (
	"context"
	"net/http"
	"time"

	"culvert/access/passkeys"
	"culvert/access/users"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
)

// Passkey is a passkey of a user.
type Passkey struct {
	ID      string    `json:"id" doc:"what it is called by"`
	Name    string    `json:"name" doc:"as the user named it"`
	Created time.Time `json:"created" doc:"when it was enrolled"`
	Used    time.Time `json:"used,omitzero" doc:"when it last signed in; absent: never"`
}

// Passkeys are those of a user.
type Passkeys struct {
	Passkeys []Passkey `json:"passkeys" nullable:"false" doc:"the first that was enrolled first"`
}

var unknownPasskey = api.Kind{Status: http.StatusNotFound, Code: "unknown-passkey", Doc: "the user has no such passkey", Mend: "take one of the user's list of passkeys (GET /v1/users/{name}/passkeys)"}

// keyrings are the operations of users' passkeys.
type keyrings struct{ *operations }

func (k keyrings) add(a *api.API) {
	const group = "store"
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/users/{name}/passkeys", Group: group, Scope: api.Read, Summary: "A user's passkeys for the dashboard", Errors: of(registrar.UnknownUser, registrar.Unreadable)}, k.list)
	api.Add(a, api.Op{Method: http.MethodDelete, Path: "/v1/users/{name}/passkeys/{id}", Group: group, Recorded: true, Scope: api.Administer, Summary: "Remove a user's passkey, and sign the user out",
		Doc: "Sessions of the dashboard end, and a password or a code that was remembered is asked for again.", Errors: append(of(registrar.UnknownUser, registrar.Unreadable), unknownPasskey)}, k.remove)
}

func (k keyrings) list(ctx context.Context, in *OneUser) (*Passkeys, error) {
	u, _, err := k.reading().User(ctx, in.Name)
	if err != nil {
		return nil, fault(err)
	}
	own, err := passkeys.Of(ctx, k.Store, u.Name, u.Created)
	if err != nil {
		return nil, fault(err)
	}
	out := &Passkeys{Passkeys: []Passkey{}}
	for _, p := range own {
		out.Passkeys = append(out.Passkeys, Passkey{passkeys.Digest(p.ID), p.Name, p.Created, p.Used})
	}
	return out, nil
}

func (k keyrings) remove(ctx context.Context, in *struct {
	OneUser
	ID string `path:"id" maxLength:"64" doc:"the passkey's id"`
}) (*api.None, error) {
	u, _, err := k.reading().User(ctx, in.Name)
	if err != nil {
		return nil, fault(err)
	}
	call := "DELETE /v1/users/" + in.Name + "/passkeys/" + in.ID
	_, ok, err := passkeys.Drop(ctx, changing(ctx, &k.Options, call), u.Name, u.Created, in.ID)
	if err != nil {
		return nil, fault(err)
	}
	if !ok {
		return nil, unknownPasskey.Error(u.Name+" has no such passkey", "")
	}
	return nil, fault(k.book(ctx, call).ChangeUser(ctx, u.Name, func(u *users.User) error {
		u.SignedOut = k.Now().UTC()
		return nil
	}))
}
