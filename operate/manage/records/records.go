// Package records has the operations of a server's store: users, devices and groups, their
// passwords, apps for codes and profiles, the policy, certificates, the audit log and
// health. What needs the server's directory it has a registrar do.
package records

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"culvert/access/audit"
	"culvert/access/signin"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
	"culvert/operate/orders"
	"culvert/store"
)

// Options are the server whose store it is.
type Options struct {
	Store store.Store
	Audit audit.Sink // takes what callers changed; nil: nothing does
	// AuditFailed is told of changes that were made and could not be recorded.
	AuditFailed func(error)
	// Config returns the configuration that the server goes by.
	Config func() *config.Config
	Asker  *orders.Asker
	Now    func() time.Time
}

// operations are those of a server's store.
type operations struct {
	Options
	desk   registrar.Desk
	health briefly[registrar.Health]
}

// Add adds the operations.
func Add(a *api.API, o Options) {
	all := &operations{Options: o, desk: registrar.Desk{Asker: o.Asker}}
	all.addUsers(a)
	keyrings{all}.add(a)
	all.addDevices(a)
	all.addGroups(a)
	all.addLooks(a)
}

// Codes of what the registrar does not say itself.
const (
	noRegistrar = "no-registrar"
	tooMany     = "too-many"
)

// The kinds of errors, of the registrar's codes.
var kinds = map[string]api.Kind{
	registrar.UnknownUser:   {Status: http.StatusNotFound, Code: registrar.UnknownUser, Doc: "no user has the name", Mend: "take one of the list of users (GET /v1/users)"},
	registrar.UnknownDevice: {Status: http.StatusNotFound, Code: registrar.UnknownDevice, Doc: "no device has the name", Mend: "take one of the list of devices (GET /v1/devices)"},
	registrar.UnknownGroup:  {Status: http.StatusNotFound, Code: registrar.UnknownGroup, Doc: "no group has the name", Mend: "take one of the list of groups (GET /v1/groups)"},
	registrar.UnknownName:   {Status: http.StatusNotFound, Code: registrar.UnknownName, Doc: "no client, device or user has the name", Mend: "take one of the lists of users and devices (GET /v1/users, GET /v1/devices)"},
	registrar.Exists:        {Status: http.StatusConflict, Code: registrar.Exists, Doc: "the name is taken", Mend: "take another name, or change what has it"},
	registrar.NameAlike:     {Status: http.StatusConflict, Code: registrar.NameAlike, Doc: "a user's name differs in capital letters alone", Mend: "use the name as it is written, or another"},
	registrar.TooManyOwned:  {Status: http.StatusConflict, Code: registrar.TooManyOwned, Doc: "the user has as many devices as allowed", Mend: "revoke one of them, or allow more"},
	registrar.AddressTaken:  {Status: http.StatusConflict, Code: registrar.AddressTaken, Doc: "another device has the address", Mend: "give another address, or take it from that device first"},
	registrar.Unreadable:    {Status: http.StatusConflict, Code: registrar.Unreadable, Doc: "a record is damaged, or of a newer version", Mend: "remove it and add it anew, or use the version that wrote it"},
	registrar.Barred:        {Status: http.StatusConflict, Code: registrar.Barred, Doc: "the user or device is shut out", Mend: "let the user or device in again first"},
	registrar.Ambiguous:     {Status: http.StatusConflict, Code: registrar.Ambiguous, Doc: "a client and a user have the name", Mend: "revoke the client by culvert client revoke, or disable the user"},
	registrar.WasRevoked:    {Status: http.StatusConflict, Code: registrar.WasRevoked, Doc: "its certificates were revoked", Mend: "add it under another name"},
	registrar.NothingThere:  {Status: http.StatusConflict, Code: registrar.NothingThere, Doc: "there are no certificates", Mend: "see the list of devices for what has certificates (GET /v1/devices)"},
	registrar.NoKey:         {Status: http.StatusServiceUnavailable, Code: registrar.NoKey, Doc: "the authority's key is not there for the server; mend has the command to run where it is", Mend: "run the command where the key is"},
	registrar.Invalid:       {Status: http.StatusUnprocessableEntity, Code: registrar.Invalid, Doc: "a name or a value cannot be so, or not as things are", Mend: "change what the message names, and ask again"},
	noRegistrar:             {Status: http.StatusServiceUnavailable, Code: noRegistrar, Doc: "the process that has the server's directory does not answer", Mend: "start the server by culvert serve --dir, or ask again when it is up"},
	tooMany:                 api.TooMany,
}

// of are kinds of errors by their codes.
func of(codes ...string) (all []api.Kind) {
	for _, code := range codes {
		all = append(all, kinds[code])
	}
	return all
}

// fault is any error as the API has it.
func fault(err error) error {
	if err == nil {
		return nil
	}
	if e := new(api.Error); errors.As(err, &e) {
		return e
	}
	switch {
	case errors.Is(err, orders.ErrNobody), errors.Is(err, orders.ErrLate), errors.Is(err, orders.ErrBusy):
		return kinds[noRegistrar].Error(err.Error(), "see the server's log, or run the command on the server's host")
	}
	f := registrar.FaultOf(err, "")
	k, known := kinds[f.Code]
	if !known {
		k = api.Failed
	}
	return k.Error(f.Message, f.Mend)
}

// caller is who asks for a call, for the audit log.
func caller(ctx context.Context, call string) orders.Caller {
	c, _ := api.CallerOf(ctx)
	return orders.Caller{By: cut(c.String()), Command: cut(call)}
}

// cut keeps a word of an order within its bounds.
func cut(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	b := []rune(s)
	for i, r := range b {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			b[i] = '?'
		}
	}
	return string(b)
}

// changing is the store, whose changes are recorded as those of the caller.
func changing(ctx context.Context, o *Options, call string) store.Store {
	if o.Audit == nil {
		return o.Store
	}
	by := caller(ctx, call)
	return &audit.Store{Store: o.Store, Sink: o.Audit, By: by.By, Command: by.Command, Failed: o.AuditFailed}
}

// book is changing as users, devices and groups.
func (o *operations) book(ctx context.Context, call string) *users.Book {
	return users.NewBook(changing(ctx, &o.Options, call), o.Now)
}

// reading is the book of calls that change nothing.
func (o *operations) reading() *users.Book { return users.NewBook(o.Store, o.Now) }

func (o *operations) enrolment(ctx context.Context, call string) signin.Enrolment {
	return signin.Enrolment{Records: o.book(ctx, call), Rand: rand.Reader, Now: o.Now}
}

// needs fails where the caller's scope does not allow what it asks for besides.
func needs(ctx context.Context, s api.Scope, what string) error {
	if c, _ := api.CallerOf(ctx); !c.Scope.Allows(s) {
		return api.Forbidden.Error(what+" needs the scope "+string(s), "ask with a token of that scope, or as an administrator")
	}
	return nil
}

// Unread are records that a list passed over.
type Unread struct {
	Unreadable []string `json:"unreadable,omitempty" doc:"records that cannot be read and are left out, at most 20"`
}

func (u *Unread) note(err error) {
	if len(u.Unreadable) < 20 {
		u.Unreadable = append(u.Unreadable, err.Error())
	}
}
