package registrar

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"culvert/access/audit"
	"culvert/access/users"
	"culvert/operate/orders"
	"culvert/operate/setup"
	"culvert/store"
)

// Registrar carries out orders, in the process that has a server's directory.
type Registrar struct {
	Dir   string // the server's directory
	Store store.Store
	Log   *slog.Logger
	Now   func() time.Time
	// Audit is the audit log: its lines are read, and what orders change is added.
	Audit *audit.File
	// Examine looks what is wrong with the server, within a time of its own.
	Examine func(ctx context.Context) (*Health, error)

	mu    sync.Mutex
	known kept[clientList] // certificates of clients, for a moment
	found kept[Health]
}

// Kinds is what carries out each kind of orders.
func (r *Registrar) Kinds() map[string]orders.Work {
	profiles := &orders.Pace{Burst: profilesAtOnce, Every: profilesEvery}
	return map[string]orders.Work{
		addDevice:    {Lane: SigningLane, Pace: profiles, Do: done(r.addDevice)},
		renewProfile: {Lane: SigningLane, Pace: profiles, Do: done(r.renew)},
		removeDevice: {Lane: SigningLane, Do: done(r.removeDevice)},
		removeUser:   {Lane: SigningLane, Do: done(r.removeUser)},
		revokeNamed:  {Lane: SigningLane, Do: done(r.revoke)},
		certificates: {Lane: "certificates", Do: done(r.certificates)},
		auditLog:     {Lane: "audit", Do: done(r.audit)},
		health:       {Lane: "health", Do: done(r.health)},
	}
}

// done is what reads an order and carries it out by f.
func done[In, Out any](f func(ctx context.Context, o *orders.Order, in In) (*Out, error)) func(context.Context, *orders.Order) (any, error) {
	return func(ctx context.Context, o *orders.Order) (any, error) {
		var in In
		if err := o.Read(&in); err != nil {
			return nil, err
		}
		out, err := f(ctx, o, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// devices are the server's, as an order changes them: the audit log says who gave it.
func (r *Registrar) devices(o *orders.Order) setup.Devices {
	recorded := &audit.Store{Store: r.Store, Sink: r.Audit, By: o.By, Command: o.Command, Failed: func(err error) {
		r.Log.Warn("a change was made, and the audit log does not have it", "error", err)
	}}
	return setup.Devices{Dir: r.Dir, Book: users.NewBook(recorded, r.Now), Now: r.Now(), Rand: rand.Reader}
}

// note adds a line to the audit log about a client.
func (r *Registrar) note(o *orders.Order, client, reason string) {
	line, err := audit.Entry{At: r.Now().UTC(), What: audit.Changed, Client: client, By: o.By, Command: o.Command, Reason: reason}.Line()
	if err == nil {
		err = r.Audit.Append(line)
	}
	if err != nil {
		r.Log.Warn("a change was made, and the audit log does not have it", "client", client, "error", err)
	}
}

// admitted fails if a device's user is not in the store, or is shut out, or the device is.
func admitted(ctx context.Context, b *users.Book, user, device string, now time.Time) error {
	v, err := b.ViewOf(ctx, user, func(error) {})
	if err != nil {
		return err
	}
	who := v.Standing("", user)
	who.Device = v.Device(user, device)
	return who.ShutOut(now)
}

func (r *Registrar) addDevice(ctx context.Context, o *orders.Order, n NewDevice) (*Made, error) {
	command := fmt.Sprintf("culvert device add %s --user %s --dir . -o %[1]s.ovpn", n.Name, n.User)
	fail := func(err error) (*Made, error) { return nil, FaultOf(err, command) }
	if err := users.CheckName(n.User); err != nil {
		return fail(err)
	}
	if err := users.CheckLabel(n.Name); err != nil {
		return fail(err)
	}
	d := r.devices(o)
	if err := admitted(ctx, d.Book, n.User, n.Name, d.Now); err != nil {
		return fail(err)
	}
	added, err := d.Add(ctx, setup.NewDevice{Device: users.Device{User: n.User, Name: n.Name, Expires: n.Expires}, IPv4: n.IPv4, IPv6: n.IPv6})
	if err != nil {
		return fail(err)
	}
	r.forget()
	made := &Made{CommonName: added.CommonName, Profile: string(added.Profile), IPv4: added.Device.IPv4, IPv6: added.Device.IPv6}
	c, _, err := setup.Client(r.Dir, added.CommonName, d.Now)
	if err != nil {
		return fail(err)
	}
	made.Expires = c.Expires
	r.note(o, made.CommonName, "it was given a profile, valid until "+made.Expires.UTC().Format(time.DateOnly))
	return made, nil
}

// renew makes a client or a device its next profile. One that was revoked stays so: what
// lets it in again is left to a command.
func (r *Registrar) renew(ctx context.Context, o *orders.Order, n Renew) (*Made, error) {
	c, there, err := setup.Client(r.Dir, n.Name, r.Now())
	device, user, _ := strings.Cut(n.Name, ".") // a device's name has no dot
	isDevice := c.IsDevice()
	switch {
	case there || err != nil:
	case user == "":
		err = &users.UnknownError{Kind: "client", Name: n.Name}
	default:
		_, err = users.NewBook(r.Store, r.Now).Device(ctx, user, device)
		isDevice = true
	}
	command := setup.RenewCommand(".", n.Name, isDevice)
	fail := func(err error) (*Made, error) { return nil, FaultOf(err, command) }
	if err != nil {
		return fail(err)
	}
	if c.State == setup.Revoked {
		return nil, &orders.Fault{Code: WasRevoked, Message: n.Name + " was revoked, and a new profile would let it in again",
			Mend: "if you want that, run this on the server's host, in its directory: " + command + " --let-in-again; if not, remove the device and add another"}
	}
	d := r.devices(o)
	var done *setup.Renewal
	if isDevice {
		if err := admitted(ctx, d.Book, user, device, d.Now); err != nil {
			return fail(err)
		}
		done, err = d.Renew(ctx, setup.RenewDevice{User: user, Name: device, RevokeOld: n.RevokeOld})
	} else {
		done, err = setup.RenewClient(setup.RenewClientOptions{ClientOptions: setup.ClientOptions{Dir: r.Dir, Name: n.Name, Now: d.Now, Rand: rand.Reader}, RevokeOld: n.RevokeOld})
	}
	if err != nil {
		return fail(err)
	}
	r.forget()
	r.note(o, n.Name, "it was given its next profile, valid until "+done.Expires.UTC().Format(time.DateOnly))
	made := &Made{CommonName: n.Name, Profile: string(done.Profile), Expires: done.Expires}
	if done.Revocation != nil {
		r.note(o, n.Name, "its certificates before were revoked")
		made.Revoked = revoked(n.Name, done.Revocation)
	}
	return made, nil
}

func (r *Registrar) removeDevice(ctx context.Context, o *orders.Order, n named) (*Revocation, error) {
	done, err := r.devices(o).Remove(ctx, n.User, n.Name)
	if err != nil {
		return nil, FaultOf(err, fmt.Sprintf("culvert device remove %s --user %s --dir .", n.Name, n.User))
	}
	r.forget()
	return revoked(n.Name+"."+n.User, done), nil
}

func (r *Registrar) removeUser(ctx context.Context, o *orders.Order, n named) (*Revocation, error) {
	done, devices, err := r.devices(o).RemoveUser(ctx, n.User)
	if err != nil {
		return nil, FaultOf(err, fmt.Sprintf("culvert user remove %s --dir .", n.User))
	}
	r.forget()
	return revoked(fmt.Sprintf("%s, devices: %d", n.User, devices), done), nil
}

func (r *Registrar) revoke(ctx context.Context, o *orders.Order, n named) (*Revocation, error) {
	what, done, err := r.devices(o).RevokeNamed(ctx, n.Name)
	if err != nil {
		return nil, FaultOf(err, fmt.Sprintf("culvert revoke %s --dir .", n.Name))
	}
	r.forget()
	if !done.Already {
		r.note(o, n.Name, "its certificates were revoked")
	}
	return revoked(what, done), nil
}

// revoked is a revocation for a caller; nil: there was nothing to revoke.
func revoked(what string, done *setup.Revocation) *Revocation {
	if done == nil {
		return &Revocation{What: what, Serials: []string{}}
	}
	r := &Revocation{What: what, Already: done.Already, Serials: done.Serials, Problem: done.Problem}
	if done.LineAdded {
		r.Problem = "server.conf named no revocation list and was given the line: have the server read its configuration again (POST /v1/reload)"
	}
	return r
}
