package records

import (
	"context"
	"net/http"
	"net/url"

	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
)

// Client asks a server that runs about its store, and changes it. Refusals are *api.Error.
type Client struct{ Doer api.Doer }

// at is the path of something by its name.
func at(of, name string) string { return "/v1/" + of + "/" + url.PathEscape(name) }

// Users asks for a page of users.
func (c Client) Users(ctx context.Context, f Find) (*Users, error) {
	return api.Get[Users](ctx, c.Doer, "/v1/users", f)
}

// User asks for a user with their devices.
func (c Client) User(ctx context.Context, name string) (*User, error) {
	return api.Get[User](ctx, c.Doer, at("users", name), nil)
}

// AddUser adds a user.
func (c Client) AddUser(ctx context.Context, u NewUser) (*User, error) {
	return api.Ask[User](ctx, c.Doer, http.MethodPost, "/v1/users", u)
}

// SetUser changes a user.
func (c Client) SetUser(ctx context.Context, name string, s SetUser) (*User, error) {
	return api.Ask[User](ctx, c.Doer, http.MethodPatch, at("users", name), s)
}

// RemoveUser removes a user with all devices, whose certificates are revoked.
func (c Client) RemoveUser(ctx context.Context, name string) (*registrar.Revocation, error) {
	return api.Ask[registrar.Revocation](ctx, c.Doer, http.MethodDelete, at("users", name), nil)
}

// SetPassword sets a user's password; "": there is none any more.
func (c Client) SetPassword(ctx context.Context, name, text string) error {
	p := NewPassword{Password: Patch[string]{Set: true}}
	if text != "" {
		p.Password = To(text)
	}
	_, err := api.Ask[api.None](ctx, c.Doer, http.MethodPut, at("users", name)+"/password", p)
	return err
}

// Enrol takes a step towards an app for a user's codes.
func (c Client) Enrol(ctx context.Context, name string, s EnrolmentStep) (*Enrolment, error) {
	return api.Ask[Enrolment](ctx, c.Doer, http.MethodPost, at("users", name)+"/totp", s)
}

// Keyring asks about the passkeys of a user.
func (c Client) Keyring(user string) Keyring { return Keyring{c.Doer, user} }

// Keyring asks a server about the passkeys of one user for its dashboard.
type Keyring struct {
	doer api.Doer
	user string
}

// List asks for the passkeys.
func (k Keyring) List(ctx context.Context) (*Passkeys, error) {
	return api.Get[Passkeys](ctx, k.doer, at("users", k.user)+"/passkeys", nil)
}

// Remove removes a passkey by its id, and signs the user out.
func (k Keyring) Remove(ctx context.Context, id string) error {
	_, err := api.Ask[api.None](ctx, k.doer, http.MethodDelete, at("users", k.user)+"/passkeys/"+url.PathEscape(id), nil)
	return err
}

// Devices asks for a page of devices.
func (c Client) Devices(ctx context.Context, f FindDevices) (*Devices, error) {
	return api.Get[Devices](ctx, c.Doer, "/v1/devices", f)
}

// Device asks for a device by its common name, NAME.USER.
func (c Client) Device(ctx context.Context, commonName string) (*Device, error) {
	return api.Get[Device](ctx, c.Doer, at("devices", commonName), nil)
}

// AddDevice adds a device to a user, and returns its profile or a link to it.
func (c Client) AddDevice(ctx context.Context, d NewDevice) (*Profile, error) {
	return api.Ask[Profile](ctx, c.Doer, http.MethodPost, "/v1/devices", d)
}

// SetDevice changes a device.
func (c Client) SetDevice(ctx context.Context, commonName string, s SetDevice) (*Device, error) {
	return api.Ask[Device](ctx, c.Doer, http.MethodPatch, at("devices", commonName), s)
}

// RenewDevice makes the next profile of a device, or of a client without a user.
func (c Client) RenewDevice(ctx context.Context, commonName string, r Renew) (*Profile, error) {
	return api.Ask[Profile](ctx, c.Doer, http.MethodPost, at("devices", commonName)+"/renew", r)
}

// RemoveDevice removes a device, whose certificates are revoked.
func (c Client) RemoveDevice(ctx context.Context, commonName string) (*registrar.Revocation, error) {
	return api.Ask[registrar.Revocation](ctx, c.Doer, http.MethodDelete, at("devices", commonName), nil)
}

// Revoke revokes the certificates of a client, a device, or all devices of a user.
func (c Client) Revoke(ctx context.Context, name string) (*registrar.Revocation, error) {
	return api.Ask[registrar.Revocation](ctx, c.Doer, http.MethodPost, "/v1/revoke", Revoke{name})
}

// Groups asks for all groups.
func (c Client) Groups(ctx context.Context) (*Groups, error) {
	return api.Get[Groups](ctx, c.Doer, "/v1/groups", nil)
}

// Group asks for a group.
func (c Client) Group(ctx context.Context, name string) (*Group, error) {
	return api.Get[Group](ctx, c.Doer, at("groups", name), nil)
}

// AddGroup adds a group.
func (c Client) AddGroup(ctx context.Context, g NewGroup) (*Group, error) {
	return api.Ask[Group](ctx, c.Doer, http.MethodPost, "/v1/groups", g)
}

// SetGroup changes a group, and who is in it.
func (c Client) SetGroup(ctx context.Context, name string, s ChangeGroup) (*Group, error) {
	return api.Ask[Group](ctx, c.Doer, http.MethodPatch, at("groups", name), s)
}

// RemoveGroup removes a group, and takes its members out of it.
func (c Client) RemoveGroup(ctx context.Context, name string) error {
	_, err := api.Ask[api.None](ctx, c.Doer, http.MethodDelete, at("groups", name), nil)
	return err
}

// Policy asks for the policy.
func (c Client) Policy(ctx context.Context) (*Policy, error) {
	return api.Get[Policy](ctx, c.Doer, "/v1/policy", nil)
}

// CheckPolicy asks the policy, or another text, who may reach what.
func (c Client) CheckPolicy(ctx context.Context, a Ask) (*Answers, error) {
	return api.Ask[Answers](ctx, c.Doer, http.MethodPost, "/v1/policy/check", a)
}

// Certificates asks for what ends, with a page of clients.
func (c Client) Certificates(ctx context.Context, f FindCertificates) (*registrar.Certificates, error) {
	return api.Get[registrar.Certificates](ctx, c.Doer, "/v1/certificates", f)
}

// Audit asks for a page of the audit log, the newest lines first.
func (c Client) Audit(ctx context.Context, f FindAudit) (*registrar.Audit, error) {
	return api.Get[registrar.Audit](ctx, c.Doer, "/v1/audit", f)
}

// Health asks for what the doctor finds.
func (c Client) Health(ctx context.Context) (*registrar.Health, error) {
	return api.Get[registrar.Health](ctx, c.Doer, "/v1/health", nil)
}
