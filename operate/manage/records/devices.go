package records

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"culvert/access/users"
	"culvert/internal/qr"
	"culvert/operate/handover"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
)

// Device is a user's device.
type Device struct {
	CommonName string    `json:"common_name" doc:"of its certificates: NAME.USER"`
	User       string    `json:"user" doc:"whose it is"`
	Name       string    `json:"name" doc:"its name"`
	State      string    `json:"state" enum:"active,disabled,expired" doc:"its own"`
	Created    time.Time `json:"created" doc:"when it was added"`
	Expires    time.Time `json:"expires,omitzero" doc:"when it is shut out; absent: never"`
	IPv4       string    `json:"ipv4,omitempty" doc:"an address of its own"`
	IPv6       string    `json:"ipv6,omitempty" doc:"an address of its own"`
	Limits     *Limits   `json:"limits,omitempty" doc:"its own limits"`
	LastSeen   time.Time `json:"last_seen,omitzero" doc:"as of the last minute; absent: never"`
	BytesIn    uint64    `json:"bytes_in" doc:"what came from it, ever"`
	BytesOut   uint64    `json:"bytes_out" doc:"what went to it, ever"`
}

// devicesOf are devices with what they carried.
func (o *operations) devicesOf(ctx context.Context, all []*users.Device, damaged func(error)) ([]Device, error) {
	usages, err := o.reading().UsagesOf(ctx, all, damaged)
	if err != nil {
		return nil, err
	}
	now, out := o.Now(), make([]Device, 0, len(all))
	for _, d := range all {
		one := Device{CommonName: d.CommonName, User: d.User, Name: d.Name, State: d.State(now), Created: d.Created, Expires: d.Expires,
			IPv4: addressText(d.IPv4), IPv6: addressText(d.IPv6), Limits: limitsOf(d.Limits)}
		if u := usages[d.Key()]; u != nil {
			one.LastSeen, one.BytesIn, one.BytesOut = u.LastSeen, u.BytesIn, u.BytesOut
		}
		out = append(out, one)
	}
	return out, nil
}

// Devices is a page of devices.
type Devices struct {
	Devices []Device `json:"devices" nullable:"false" doc:"by user and name"`
	Next    string   `json:"next,omitempty" doc:"there are more: ask with this as after"`
	Unread
}

// FindDevices says which devices are wanted.
type FindDevices struct {
	After string `query:"after" maxLength:"200" doc:"the last common name of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many"`
	User  string `query:"user" maxLength:"64" doc:"of this user alone"`
}

// OneDevice names a device.
type OneDevice struct {
	CommonName string `path:"common_name" maxLength:"200" doc:"NAME.USER"`
}

// split is the device's user and name: its name has no dot.
func (d OneDevice) split() (user, name string, err error) {
	name, user, ok := strings.Cut(d.CommonName, ".")
	if !ok {
		return "", "", kinds[registrar.UnknownDevice].Error(fmt.Sprintf("there is no device %.80q", d.CommonName), "a device is called by its name and its user's, such as phone.alice")
	}
	return user, name, nil
}

// NewDevice is a device to be added.
type NewDevice struct {
	User    string    `json:"user" maxLength:"64" doc:"whose it is"`
	Name    string    `json:"name" maxLength:"63" doc:"small letters, digits or -, such as phone"`
	Expires time.Time `json:"expires,omitzero" doc:"when it is shut out; absent: never"`
	IPv4    string    `json:"ipv4,omitempty" doc:"an address of its own: an address, auto or none"`
	IPv6    string    `json:"ipv6,omitempty" doc:"an address of its own: an address, auto or none"`
	Link    string    `json:"link,omitempty" doc:"hand the profile over by a link that works once, within this time, such as 24h; absent: profile has it"`
}

// Renew says how to make the next profile.
type Renew struct {
	Link      string `json:"link,omitempty" doc:"as when it was added"`
	RevokeOld bool   `json:"revoke_old,omitempty" doc:"shut the profile before out at once"`
}

// Profile is a profile that was made.
type Profile struct {
	CommonName  string                `json:"common_name" doc:"of its certificate"`
	Expires     time.Time             `json:"expires" doc:"when its certificate ends"`
	IPv4        string                `json:"ipv4,omitempty" doc:"an address of its own"`
	IPv6        string                `json:"ipv6,omitempty" doc:"an address of its own"`
	Profile     string                `json:"profile,omitempty" doc:"the profile, with its private key, which nobody else has; absent with link"`
	Link        string                `json:"link,omitempty" doc:"where the profile can be fetched once"`
	ConnectLink string                `json:"connect_link,omitempty" doc:"the same for OpenVPN Connect"`
	LinkUntil   time.Time             `json:"link_until,omitzero" doc:"until when the link works"`
	QR          string                `json:"qr,omitempty" doc:"link as a picture (SVG)"`
	Revoked     *registrar.Revocation `json:"revoked,omitempty" doc:"of the profiles before"`
}

// SetDevice is what can be changed of a device.
type SetDevice struct {
	Expires  Patch[time.Time] `json:"expires,omitzero" doc:"when it is shut out; null: never"`
	Limits   SetLimits        `json:"limits,omitzero" doc:"rates, hours and quota"`
	Disabled Patch[bool]      `json:"disabled,omitzero" doc:"shuts it out; the scope operate is enough for this alone"`
}

// Revoke names whose certificates are to be revoked.
type Revoke struct {
	Name string `json:"name" maxLength:"200" doc:"of a client, a device (phone.alice) or a user"`
}

func (o *operations) addDevices(a *api.API) {
	const group = "store"
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/devices", Group: group, Scope: api.Read, Summary: "Devices, by user and name"}, o.listDevices)
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/devices/{common_name}", Group: group, Scope: api.Read, Summary: "A device", Errors: of(registrar.UnknownDevice, registrar.UnknownUser, registrar.Unreadable)}, o.device)
	api.Add(a, api.Op{Method: http.MethodPost, Path: "/v1/devices", Group: group, Recorded: true, Scope: api.Administer, Summary: "Add a device to a user, and make its profile",
		Errors: of(registrar.Invalid, registrar.UnknownUser, registrar.Exists, registrar.TooManyOwned, registrar.AddressTaken, registrar.Barred, registrar.Unreadable, registrar.NoKey, noRegistrar, tooMany)}, o.addDevice)
	api.Add(a, api.Op{Method: http.MethodPatch, Path: "/v1/devices/{common_name}", Group: group, Recorded: true, Scope: api.Operate, Summary: "Change a device", Doc: "Absent fields stay, null clears. What is more than disabled needs the scope administer.",
		Errors: of(registrar.Invalid, registrar.UnknownDevice, registrar.UnknownUser, registrar.Unreadable)}, o.setDevice)
	api.Add(a, api.Op{Method: http.MethodPost, Path: "/v1/devices/{common_name}/renew", Group: group, Recorded: true, Scope: api.Administer, Summary: "Make the next profile of a device, or of a client without a user",
		Errors: of(registrar.Invalid, registrar.UnknownDevice, registrar.UnknownUser, registrar.Barred, registrar.WasRevoked, registrar.Unreadable, registrar.NoKey, noRegistrar, tooMany)}, o.renew)
	api.Add(a, api.Op{Method: http.MethodDelete, Path: "/v1/devices/{common_name}", Group: group, Recorded: true, Scope: api.Administer, Summary: "Remove a device, whose certificates are revoked", Errors: of(registrar.UnknownDevice, registrar.UnknownUser, registrar.NoKey, noRegistrar)},
		func(ctx context.Context, in *OneDevice) (*registrar.Revocation, error) {
			user, name, err := in.split()
			if err != nil {
				return nil, err
			}
			done, err := o.desk.RemoveDevice(ctx, caller(ctx, "DELETE /v1/devices/"+in.CommonName), user, name)
			return done, fault(err)
		})
	api.Add(a, api.Op{Method: http.MethodPost, Path: "/v1/revoke", Group: group, Recorded: true, Scope: api.Administer, Summary: "Revoke the certificates of a client, a device, or all devices of a user",
		Errors: of(registrar.UnknownName, registrar.Ambiguous, registrar.NothingThere, registrar.NoKey, noRegistrar)},
		func(ctx context.Context, in *struct{ Body Revoke }) (*registrar.Revocation, error) {
			done, err := o.desk.Revoke(ctx, caller(ctx, "POST /v1/revoke"), in.Body.Name)
			return done, fault(err)
		})
}

func (o *operations) listDevices(ctx context.Context, in *FindDevices) (*Devices, error) {
	out := &Devices{Devices: []Device{}}
	p := users.Page{Limit: in.Limit, Damaged: out.note}
	if in.After != "" {
		name, user, _ := strings.Cut(in.After, ".")
		p.After = user + "/" + name
	}
	all, more, err := o.reading().DevicesPage(ctx, p, in.User, nil)
	if err != nil {
		return nil, fault(err)
	}
	if out.Devices, err = o.devicesOf(ctx, all, out.note); err != nil {
		return nil, fault(err)
	}
	if more {
		out.Next = all[len(all)-1].CommonName
	}
	return out, nil
}

func (o *operations) device(ctx context.Context, in *OneDevice) (*Device, error) {
	user, name, err := in.split()
	if err != nil {
		return nil, err
	}
	d, err := o.reading().Device(ctx, user, name)
	if err != nil {
		return nil, fault(err)
	}
	all, err := o.devicesOf(ctx, []*users.Device{d}, func(error) {})
	if err != nil {
		return nil, fault(err)
	}
	return &all[0], nil
}

func (o *operations) setDevice(ctx context.Context, in *struct {
	OneDevice
	Body SetDevice
}) (*Device, error) {
	if in.Body.Expires.Set || in.Body.Limits.given() {
		if err := needs(ctx, api.Administer, "to change more than disabled"); err != nil {
			return nil, err
		}
	}
	user, name, err := in.split()
	if err != nil {
		return nil, err
	}
	_, err = o.book(ctx, "PATCH /v1/devices/"+in.CommonName).ChangeDevice(ctx, user, name, users.Addresses{}, func(d *users.Device) error {
		d.Expires, d.Disabled = in.Body.Expires.or(d.Expires), in.Body.Disabled.or(d.Disabled)
		return in.Body.Limits.apply(&d.Limits)
	})
	if err != nil {
		return nil, fault(err)
	}
	return o.device(ctx, &in.OneDevice)
}

func (o *operations) addDevice(ctx context.Context, in *struct{ Body NewDevice }) (*Profile, error) {
	n := in.Body
	if !n.Expires.IsZero() && !n.Expires.After(o.Now()) {
		return nil, kinds[registrar.Invalid].Error("expires: "+n.Expires.UTC().Format(time.RFC3339)+" is past", "name a later time, or leave it out for none")
	}
	life, err := o.linkLife(n.Link)
	if err != nil {
		return nil, fault(err)
	}
	made, err := o.desk.AddDevice(ctx, caller(ctx, "POST /v1/devices"), registrar.NewDevice{User: n.User, Name: n.Name, Expires: n.Expires, IPv4: n.IPv4, IPv6: n.IPv6})
	if err != nil {
		return nil, fault(err)
	}
	return o.handOver(ctx, made, life)
}

func (o *operations) renew(ctx context.Context, in *struct {
	OneDevice
	Body Renew
}) (*Profile, error) {
	life, err := o.linkLife(in.Body.Link)
	if err != nil {
		return nil, fault(err)
	}
	made, err := o.desk.Renew(ctx, caller(ctx, "POST /v1/devices/"+in.CommonName+"/renew"), registrar.Renew{Name: in.CommonName, RevokeOld: in.Body.RevokeOld})
	if err != nil {
		return nil, fault(err)
	}
	return o.handOver(ctx, made, life)
}

// linkLife is how long a link is to work; 0: there is to be none. It fails before anything is
// made where the server could not answer for one.
func (o *operations) linkLife(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	now := o.Now()
	end, err := users.ParseExpiry(text, now)
	if err != nil || end.IsZero() {
		return 0, kinds[registrar.Invalid].Error("link: expected how long it works, such as 12h or 7d", "")
	}
	life := end.Sub(now).Round(time.Second)
	if err := handover.CheckLife(life); err != nil {
		return 0, err
	}
	if !o.Config().Server.Web.Yes() {
		return 0, kinds[registrar.Invalid].Error("the server has no web pages, where the link would lead", "give server.conf the lines setenv opt web-listen *:8443 and setenv opt web-url https://NAME:8443, with the server's public name, and restart it")
	}
	return life, nil
}

// handOver answers with a profile, or with a link to it.
func (o *operations) handOver(ctx context.Context, made *registrar.Made, life time.Duration) (*Profile, error) {
	p := &Profile{CommonName: made.CommonName, Expires: made.Expires, IPv4: addressText(made.IPv4), IPv6: addressText(made.IPv6), Revoked: made.Revoked}
	if life == 0 {
		p.Profile = made.Profile
		return p, nil
	}
	now, url := o.Now(), o.Config().Server.Web.URL
	token, err := handover.Make(ctx, o.Store, now, made.CommonName, []byte(made.Profile), life)
	if err != nil {
		return nil, fault(err)
	}
	p.Link, p.ConnectLink, p.LinkUntil = handover.Link(url, token), handover.ConnectLink(url, token), now.Add(life).UTC()
	if p.QR, err = qr.SVG(p.Link); err != nil {
		return nil, fault(err)
	}
	return p, nil
}
