// Package bringup brings a virtual adapter up in the state that a tunnel
// wants: as a device of the kernel with addresses and routes of this host
// (Kernel), as a TCP/IP stack in this process (UserSpace), or as nothing
// (Null). A device may be an Ethernet adapter over a tunnel that carries IP
// only (ethernet.go).
package bringup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"culvert/host/hostnet"
	"culvert/nic"
	"culvert/nic/ether"
	"culvert/nic/frame"
	"culvert/nic/tuntap"
	"culvert/nic/userstack"
)

// Adapter is a virtual adapter that is up. It forwards the queues of the adapter
// in it, and with them what each implements, such as buf.BatchSizer.
type Adapter struct {
	nic.NIC
	// Stack is the TCP/IP stack behind it in user space, nil with a device.
	Stack *userstack.Stack
	// FollowMAC calls told with a device's Ethernet address, at once and whenever
	// somebody changes it (tuntap.Device.Follow); nil without a device.
	FollowMAC func(told func(frame.MAC)) error
	// Changes are what was changed on this host, a line each.
	Changes []string
	// Partial is the part of the wanted state that could not be had; nil if there is
	// none.
	Partial *hostnet.PartialError

	queued   sync.Once
	queues   []nic.NIC
	applied  Applied
	want     State          // that programs are told of, and Finish completes
	present  present        // that this host was brought to
	device   *tuntap.Device // nil without one
	ethernet *ether.NIC     // in NIC, for an Ethernet adapter
	hooks    hooked
}

// NewAdapter returns an adapter of its parts, for Openers outside of this package: n, and
// what a state did to this host. Nothing is opened.
func NewAdapter(n nic.NIC, a Applied, want State) *Adapter {
	return &Adapter{NIC: n, applied: a, want: want, present: present{state: want}}
}

// Stats are of the adapter's device; a nil adapter, and one without a device, has none.
func (a *Adapter) Stats() tuntap.Stats {
	if a == nil || a.device == nil {
		return tuntap.Stats{}
	}
	return a.device.Stats()
}

// Waiting is how many packets and super-packets wait in the adapter's queue, and how many may.
func (a *Adapter) Waiting() (packets, room uint64) {
	if a == nil || a.device == nil {
		return 0, 0
	}
	return a.device.Waiting()
}

// Applied is a state that this host was brought to: *hostnet.Applied, or another
// process that holds one.
type Applied interface {
	Update(ctx context.Context, want hostnet.State) error
	Undo(ctx context.Context) error
	Changes() []string
	// Resolvers returns the servers to ask for a name past the tunnel.
	Resolvers(ctx context.Context, name string) (hostnet.Resolvers, error)
}

// State is what a tunnel wants of its adapter, and of this host. Device is the
// name that was asked for, such as "tun"; the adapter's Name is the one it got.
type State struct {
	hostnet.State
	// Ethernet, if not nil, makes the device an Ethernet adapter, on whose
	// segment the host finds this network.
	Ethernet *ether.Network
	// Told is what programs are told; it matters to an Opener of Hooks only.
	Told Told
}

// Opener brings an adapter up in a state.
type Opener func(ctx context.Context, want State) (*Adapter, error)

// Options are what both kinds of adapter take.
type Options struct {
	Log *slog.Logger
	// StateDir is where undo journals are kept; "" for hostnet's default.
	StateDir string
	// Node is the TUN driver's node; "" for tuntap's default.
	Node string
	// Kind is what the adapter carries.
	Kind nic.Kind
	// Queues is how many queues a device has, where it can (nic.Queued); 0 is
	// one.
	Queues int
	// Profile identifies the tunnel on this host. With it, an Ethernet device
	// without LLAddr has the same MAC address each time.
	Profile string
	// Apply brings the host to a state; nil: Here.
	Apply func(ctx context.Context, want hostnet.State) (Applied, error)
}

// Here brings the host to a state in this process, by hostnet.Apply. Applied is
// nil if the error is not a *PartialError.
func (o Options) Here(ctx context.Context, want hostnet.State) (Applied, error) {
	a, err := hostnet.Apply(ctx, want, hostnet.Options{StateDir: o.StateDir, Logger: o.Log})
	if a == nil {
		return nil, err
	}
	return a, err
}

// CheckRights returns an error if a device could not be opened in a state because
// a driver or rights are missing, as far as that shows beforehand.
func (o Options) CheckRights(want State) error { return tuntap.CheckRights(o.device(want)) }

// Kernel opens a device of the kernel and changes this host's network. Close
// undoes the changes.
func Kernel(o Options) Opener {
	o.Apply = o.dividing()
	return func(ctx context.Context, want State) (*Adapter, error) {
		device, err := tuntap.Open(o.device(want))
		if err != nil {
			return nil, err
		}
		return o.bringUp(ctx, device, want)
	}
}

// bringUp brings the host to a state with a device that is open, and closes that
// with an error.
func (o Options) bringUp(ctx context.Context, device *tuntap.Device, want State) (a *Adapter, err error) {
	want.Device = device.Name()
	a = &Adapter{NIC: device, device: device, FollowMAC: device.Follow, want: want, present: present{state: want}}
	a.applied, err = o.Apply(ctx, want.State)
	if err = a.partial(err); err != nil {
		device.Close()
		return nil, err
	}
	a.Changes, a.present.partial = a.applied.Changes(), a.Partial
	device.RegainMAC()
	if want.Ethernet != nil {
		err = a.addEthernet(*want.Ethernet, o.Log)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

var _ nic.Queued = (*Adapter)(nil)

// Queues are those of the device. See nic.Queued.
func (a *Adapter) Queues() []nic.NIC {
	a.queued.Do(func() { a.queues = nic.Queues(a.NIC) })
	return a.queues
}

// Null opens an adapter with nothing behind it. This host stays as it is.
func Null(_ context.Context, want State) (*Adapter, error) {
	return &Adapter{NIC: nic.NewNull(want.Device, nic.IP, want.MTU)}, nil
}

// partial keeps what failed of a state that stands otherwise, and returns any
// other error.
func (a *Adapter) partial(err error) error {
	a.Partial = nil
	if errors.As(err, &a.Partial) {
		return nil
	}
	return err
}

// Update brings a device's host to another state, as after a reconnect that
// pushed other routes. In user space only routes and names could differ, and
// nothing is done.
func (a *Adapter) Update(ctx context.Context, want State) error {
	want.Device = a.Name()
	if a.hooks.Programs != nil {
		return a.replace(ctx, want)
	}
	a.want = want
	return a.apply(ctx, want)
}

// apply is Update without programs.
func (a *Adapter) apply(ctx context.Context, want State) error {
	if a.applied == nil {
		a.present.note(want)
		return nil
	}
	changed := a.updateEthernet(want.Ethernet)
	err := a.partial(a.present.bring(ctx, a.applied, want))
	a.Partial = a.present.own(a.Partial)
	a.Changes = a.applied.Changes()
	if changed {
		a.ethernet.Replug()
	}
	return err
}

// Close undoes the changes to this host and closes the adapter.
func (a *Adapter) Close() error {
	undone, failed := a.close()
	return errors.Join(undone, failed)
}

// close is Close. failed is the failure of a program.
func (a *Adapter) close() (undone, failed error) {
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	failed = atEnd(a.stop)
	if a.hooks.DownPre && a.hooks.started {
		undone = a.apply(context.Background(), withoutRoutes(a.want))
		failed = errors.Join(failed, atEnd(a.down))
	}
	if a.applied != nil {
		undone = errors.Join(undone, a.present.leave(a.applied))
	}
	undone = errors.Join(undone, a.NIC.Close())
	return undone, errors.Join(failed, atEnd(a.down))
}

// TakeDown is Close, and logs what could not be undone. Its error is the failure of a
// program that ends the process.
func (a *Adapter) TakeDown(log *slog.Logger) error {
	if a.ethernet != nil {
		log.Debug("frames of the Ethernet adapter that went no further", "counts", a.ethernet.Counters().Snapshot())
	}
	undone, failed := a.close()
	if undone != nil {
		log.Error("not every change to this host could be undone; run `culvert cleanup` to try again", "error", undone)
	}
	return failed
}

// ErrNotConnected says that there is no tunnel to connect through.
var ErrNotConnected = errors.New("the tunnel is not up")

// DialContext connects through the tunnel, as net.Dialer does on a host, where
// the adapter is in user space.
func (a *Adapter) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if a.Stack == nil {
		return nil, fmt.Errorf("the adapter %s belongs to the operating system: dial with package net", a.Name())
	}
	return a.Stack.DialContext(ctx, network, address)
}
