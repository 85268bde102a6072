// Package registrar does for a server what needs its directory: it adds devices and makes
// their profiles, revokes, and reads certificates, the audit log and the doctor's findings.
// A server that gave up its rights asks by orders (package orders), which the process that
// keeps them carries out. One process may be both.
//
// It trusts orders as little as it can: it signs for users of the store alone, who are not
// shut out, and for clients that the directory has; it lets nobody in again who was
// revoked; and it signs a bounded number in a time. The audit log has a line of each.
package registrar

import (
	"context"
	"time"

	"culvert/operate/orders"
)

// The kinds of orders.
const (
	addDevice    = "device-add"
	renewProfile = "profile-renew"
	removeDevice = "device-remove"
	removeUser   = "user-remove"
	revokeNamed  = "revoke"
	certificates = "certificates"
	auditLog     = "audit"
	health       = "health"
)

// SigningLane is the lane of orders that the authority signs for, one after the other.
const SigningLane = "sign"

// How many profiles are made: as many at once, and one each so often.
const (
	profilesAtOnce = 100
	profilesEvery  = 10 * time.Second
)

// Desk asks a Registrar, which may be in another process. What it was refused for is an
// *orders.Fault.
type Desk struct{ Asker *orders.Asker }

// AddDevice adds a device to a user, and makes its profile.
func (d Desk) AddDevice(ctx context.Context, by orders.Caller, n NewDevice) (*Made, error) {
	return ask[Made](ctx, d, addDevice, by, n)
}

// Renew makes a client or a device its next profile.
func (d Desk) Renew(ctx context.Context, by orders.Caller, n Renew) (*Made, error) {
	return ask[Made](ctx, d, renewProfile, by, n)
}

// RemoveDevice removes a device, whose certificates are revoked.
func (d Desk) RemoveDevice(ctx context.Context, by orders.Caller, user, name string) (*Revocation, error) {
	return ask[Revocation](ctx, d, removeDevice, by, named{User: user, Name: name})
}

// RemoveUser removes a user with all devices, whose certificates are revoked.
func (d Desk) RemoveUser(ctx context.Context, by orders.Caller, user string) (*Revocation, error) {
	return ask[Revocation](ctx, d, removeUser, by, named{User: user})
}

// Revoke revokes what a name means: a client, a device or all devices of a user.
func (d Desk) Revoke(ctx context.Context, by orders.Caller, name string) (*Revocation, error) {
	return ask[Revocation](ctx, d, revokeNamed, by, named{Name: name})
}

// Certificates returns what ends.
func (d Desk) Certificates(ctx context.Context, q CertificatesQuery) (*Certificates, error) {
	return ask[Certificates](ctx, d, certificates, orders.Caller{}, q)
}

// Audit returns lines of the audit log, the newest first.
func (d Desk) Audit(ctx context.Context, q AuditQuery) (*Audit, error) {
	return ask[Audit](ctx, d, auditLog, orders.Caller{}, q)
}

// Health returns what the doctor found.
func (d Desk) Health(ctx context.Context) (*Health, error) {
	return ask[Health](ctx, d, health, orders.Caller{}, struct{}{})
}

func ask[Out any](ctx context.Context, d Desk, kind string, by orders.Caller, body any) (*Out, error) {
	out := new(Out)
	if err := d.Asker.Ask(ctx, kind, by, body, out); err != nil {
		return nil, err
	}
	return out, nil
}
