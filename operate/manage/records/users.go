package records

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"

	"culvert/access/onetime"
	"culvert/access/password"
	"culvert/access/signin"
	"culvert/access/users"
	"culvert/internal/qr"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
)

// User is a user, without secrets.
type User struct {
	Name       string    `json:"name" doc:"the name to sign in with"`
	FullName   string    `json:"full_name,omitempty" doc:"the person's name"`
	Email      string    `json:"email,omitempty" doc:"the person's address"`
	State      string    `json:"state" enum:"active,disabled,expired,gone" doc:"gone: the directory that knows the user says they are out"`
	Created    time.Time `json:"created" doc:"when the user was added"`
	Expires    time.Time `json:"expires,omitzero" doc:"when the user is shut out; absent: never"`
	Groups     []string  `json:"groups" nullable:"false" doc:"groups besides everyone"`
	MaxDevices *int      `json:"max_devices,omitempty" doc:"how many devices the user may have, by their own limit or their groups'"`
	Limits     *Limits   `json:"limits,omitempty" doc:"the user's own limits"`
	SignsIn    string    `json:"signs_in,omitempty" doc:"ways to sign in, of which one is enough, such as certificate+password,browser"`
	Password   bool      `json:"password" doc:"there is a password here"`
	Code       bool      `json:"code" doc:"an app for codes is set up"`
	Source     string    `json:"source,omitempty" doc:"the directory that knows the user; absent: this server"`
	Gone       string    `json:"gone,omitempty" doc:"why the directory says that the user is out"`
	Devices    int       `json:"devices" doc:"how many devices the user has"`
	Owns       []Device  `json:"device_list,omitempty" doc:"the devices, for one user alone"`
}

func userOf(u *users.User, groups []*users.Group, devices int, now time.Time) User {
	limit, _ := users.Limit(u, groups)
	out := User{Name: u.Name, FullName: u.FullName, Email: u.Email, State: u.State(now), Created: u.Created, Expires: u.Expires,
		Groups: slices.Clone(u.Groups), MaxDevices: limit, Limits: limitsOf(u.Limits), SignsIn: users.FormatWays(signin.Ways(u, groups)),
		Password: u.Password != "", Code: u.TOTP != nil && u.TOTP.Confirmed, Source: u.Source, Gone: u.Gone, Devices: devices}
	if out.Groups == nil {
		out.Groups = []string{}
	}
	return out
}

// Users is a page of users.
type Users struct {
	Users []User `json:"users" nullable:"false" doc:"by name"`
	Next  string `json:"next,omitempty" doc:"there are more: ask with this as after"`
	Unread
}

// Find says which users are wanted.
type Find struct {
	After string `query:"after" maxLength:"200" doc:"the last name of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many"`
	Text  string `query:"text" maxLength:"100" doc:"a part of the name, full name or address"`
	Group string `query:"group" maxLength:"64" doc:"members of this group alone"`
	State string `query:"state" enum:"active,disabled,expired,gone" doc:"of this state alone"`
}

// OneUser names a user.
type OneUser struct {
	Name string `path:"name" maxLength:"64" doc:"the user's name"`
}

// NewUser is a user to be added.
type NewUser struct {
	Name string `json:"name" doc:"1 to 64 letters, digits or any of . _ @ -"`
	SetUser
	Password string `json:"password,omitempty" doc:"to sign in with; absent: none"`
}

// SetUser is what can be changed of a user.
type SetUser struct {
	FullName   Patch[string]    `json:"full_name,omitzero" doc:"the person's name"`
	Email      Patch[string]    `json:"email,omitzero" doc:"the person's address"`
	Expires    Patch[time.Time] `json:"expires,omitzero" doc:"when the user is shut out; null: never"`
	Groups     Patch[[]string]  `json:"groups,omitzero" doc:"all groups of the user, besides everyone"`
	MaxDevices Patch[int]       `json:"max_devices,omitzero" doc:"how many devices are allowed; null: what the groups say"`
	Limits     SetLimits        `json:"limits,omitzero" doc:"rates, hours and quota"`
	Source     Patch[string]    `json:"source,omitzero" doc:"the directory that knows the user; null: this server"`
	Disabled   Patch[bool]      `json:"disabled,omitzero" doc:"shuts the user out; the scope operate is enough for this alone"`
}

// only reports whether nothing but disabled is changed.
func (s SetUser) only() bool {
	return !s.FullName.Set && !s.Email.Set && !s.Expires.Set && !s.Groups.Set && !s.MaxDevices.Set && !s.Limits.given() && !s.Source.Set
}

func (s SetUser) apply(u *users.User, now time.Time) error {
	u.FullName, u.Email, u.Expires = s.FullName.or(u.FullName), s.Email.or(u.Email), s.Expires.or(u.Expires)
	u.Groups, u.MaxDevices, u.Disabled = s.Groups.or(u.Groups), s.MaxDevices.pointer(u.MaxDevices), s.Disabled.or(u.Disabled)
	if s.Source.Set {
		if err := u.SetSource(s.Source.or(""), now); err != nil {
			return err
		}
	}
	return s.Limits.apply(&u.Limits)
}

func (o *operations) addUsers(a *api.API) {
	const group = "store"
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/users", Group: group, Scope: api.Read, Summary: "Users, by name"}, o.listUsers)
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/users/{name}", Group: group, Scope: api.Read, Summary: "A user and their devices", Errors: of(registrar.UnknownUser, registrar.Unreadable)}, o.user)
	api.Add(a, api.Op{Method: http.MethodPost, Path: "/v1/users", Group: group, Recorded: true, Scope: api.Administer, Summary: "Add a user", Errors: of(registrar.Invalid, registrar.Exists, registrar.NameAlike, registrar.UnknownGroup, registrar.Unreadable)}, o.addUser)
	api.Add(a, api.Op{Method: http.MethodPatch, Path: "/v1/users/{name}", Group: group, Recorded: true, Scope: api.Operate, Summary: "Change a user", Doc: "Absent fields stay, null clears. What is more than disabled needs the scope administer.",
		Errors: of(registrar.Invalid, registrar.UnknownUser, registrar.UnknownGroup, registrar.Unreadable)}, o.setUser)
	api.Add(a, api.Op{Method: http.MethodDelete, Path: "/v1/users/{name}", Group: group, Recorded: true, Scope: api.Administer, Summary: "Remove a user with all devices, whose certificates are revoked", Errors: of(registrar.UnknownUser, registrar.NoKey, noRegistrar)},
		func(ctx context.Context, in *OneUser) (*registrar.Revocation, error) {
			done, err := o.desk.RemoveUser(ctx, caller(ctx, "DELETE /v1/users/"+in.Name), in.Name)
			return done, fault(err)
		})
	api.Add(a, api.Op{Method: http.MethodPut, Path: "/v1/users/{name}/password", Group: group, Recorded: true, Scope: api.Administer, Summary: "Set a user's password, or take it away", Errors: of(registrar.Invalid, registrar.UnknownUser, registrar.Unreadable)}, o.setPassword)
	api.Add(a, api.Op{Method: http.MethodPost, Path: "/v1/users/{name}/totp", Group: group, Recorded: true, Scope: api.Administer, Summary: "Give a user an app for codes, or take it away", Errors: of(registrar.Invalid, registrar.UnknownUser, registrar.Unreadable)}, o.totp)
}

func (o *operations) listUsers(ctx context.Context, in *Find) (*Users, error) {
	out := &Users{Users: []User{}}
	b, now := o.reading(), o.Now()
	text := strings.ToLower(in.Text)
	match := func(u *users.User) bool {
		has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
		return (text == "" || has(u.Name) || has(u.FullName) || has(u.Email)) &&
			(in.Group == "" || in.Group == users.Everyone || slices.Contains(u.Groups, in.Group)) &&
			(in.State == "" || u.State(now) == in.State)
	}
	all, more, err := b.UsersPage(ctx, users.Page{After: in.After, Limit: in.Limit, Damaged: out.note}, match)
	if err != nil {
		return nil, fault(err)
	}
	groups, err := b.Roll(ctx, out.note, users.Groups)
	if err != nil {
		return nil, fault(err)
	}
	names := make([]string, len(all))
	for i, u := range all {
		names[i] = u.Name
	}
	counts, err := b.DeviceCounts(ctx, names)
	if err != nil {
		return nil, fault(err)
	}
	for _, u := range all {
		out.Users = append(out.Users, userOf(u, groups.GroupsOf(u), counts[u.Name], now))
	}
	if more {
		out.Next = names[len(names)-1]
	}
	return out, nil
}

func (o *operations) user(ctx context.Context, in *OneUser) (*User, error) {
	b := o.reading()
	v, err := b.ViewOf(ctx, in.Name, func(error) {})
	if err != nil {
		return nil, fault(err)
	}
	u, devices := v.User(in.Name), v.DevicesOf(in.Name)
	out := userOf(u, v.GroupsOf(u), len(devices), o.Now())
	out.Owns, err = o.devicesOf(ctx, devices, func(error) {})
	return &out, fault(err)
}

func (o *operations) addUser(ctx context.Context, in *struct{ Body NewUser }) (*User, error) {
	u := users.User{Name: in.Body.Name}
	if err := users.CheckName(u.Name); err != nil {
		return nil, fault(err)
	}
	if err := in.Body.apply(&u, o.Now()); err != nil {
		return nil, fault(err)
	}
	if in.Body.Password != "" {
		hash, err := hashOf(&u, in.Body.Password)
		if err != nil {
			return nil, fault(err)
		}
		u.SetPassword(hash, o.Now())
	}
	if err := o.book(ctx, "POST /v1/users").AddUser(ctx, u); err != nil {
		return nil, fault(err)
	}
	return o.user(ctx, &OneUser{u.Name})
}

// hashOf is the hash of a password that a user may have here.
func hashOf(u *users.User, text string) (string, error) {
	if u.Source != "" {
		return "", kinds[registrar.Invalid].Error("the password of "+u.Name+" is that of "+u.Source, "to keep one here instead, set source to null first")
	}
	if err := password.Check(text); err != nil {
		return "", err
	}
	h, err := password.Hash(rand.Reader, text, password.Default)
	return h.String(), err
}

func (o *operations) setUser(ctx context.Context, in *struct {
	OneUser
	Body SetUser
}) (*User, error) {
	if !in.Body.only() {
		if err := needs(ctx, api.Administer, "to change more than disabled"); err != nil {
			return nil, err
		}
	}
	err := o.book(ctx, "PATCH /v1/users/"+in.Name).ChangeUser(ctx, in.Name, func(u *users.User) error { return in.Body.apply(u, o.Now()) })
	if err != nil {
		return nil, fault(err)
	}
	return o.user(ctx, &in.OneUser)
}

// NewPassword is a user's next password.
type NewPassword struct {
	Password Patch[string] `json:"password" required:"true" doc:"the new one; null: none"`
}

func (o *operations) setPassword(ctx context.Context, in *struct {
	OneUser
	Body NewPassword
}) (*api.None, error) {
	u, _, err := o.reading().User(ctx, in.Name)
	if err != nil {
		return nil, fault(err)
	}
	hash := ""
	if in.Body.Password.Value != nil {
		if hash, err = hashOf(u, *in.Body.Password.Value); err != nil {
			return nil, fault(err)
		}
	}
	return nil, fault(o.book(ctx, "PUT /v1/users/"+in.Name+"/password").ChangeUser(ctx, in.Name, func(u *users.User) error {
		u.SetPassword(hash, o.Now())
		return nil
	}))
}

// Enrolment is what came of a step.
type Enrolment struct {
	Key      string   `json:"key,omitempty" doc:"after begin: the key for the app. Whoever sees it can make the codes"`
	URL      string   `json:"url,omitempty" doc:"after begin: the key as apps read it"`
	QR       string   `json:"qr,omitempty" doc:"after begin: url as a picture (SVG)"`
	Recovery []string `json:"recovery,omitempty" doc:"after confirm and recovery: codes that stand for one code each, not shown again"`
}

// EnrolmentStep is a step towards an app for codes.
type EnrolmentStep struct {
	Step  string `json:"step" enum:"begin,confirm,recovery,remove" doc:"begin gives a key, confirm has codes count from then on, recovery makes new recovery codes, remove takes the app away"`
	Code  string `json:"code,omitempty" maxLength:"32" doc:"with confirm: what the app shows"`
	Again bool   `json:"again,omitempty" doc:"with begin: also in place of an app that was confirmed"`
}

func (o *operations) totp(ctx context.Context, in *struct {
	OneUser
	Body EnrolmentStep
}) (*Enrolment, error) {
	e := o.enrolment(ctx, "POST /v1/users/"+in.Name+"/totp "+in.Body.Step)
	out := new(Enrolment)
	var err error
	switch in.Body.Step {
	case "confirm":
		out.Recovery, err = e.Confirm(ctx, in.Name, in.Body.Code)
	case "recovery":
		out.Recovery, err = e.Recovery(ctx, in.Name)
	case "remove":
		err = e.Remove(ctx, in.Name)
	default:
		var secret []byte
		if secret, err = e.Begin(ctx, in.Name, in.Body.Again); err != nil {
			break
		}
		out.Key = onetime.Text(secret)
		if out.URL, err = onetime.URL(signin.Issuer(), in.Name, secret); err == nil {
			out.QR, err = qr.SVG(out.URL)
		}
	}
	if err != nil {
		return nil, fault(err)
	}
	return out, nil
}
