// Package lease is a server's book of addresses: how its network is divided, which
// client has which addresses and gets them back, the file that remembers that, and,
// with `proxy-lan`, the LAN that the clients are on.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/host/hostnet"
)

// ErrNoLease reports that every address is in use.
var ErrNoLease = errors.New("no address is free")

// Holder is a client in the book, from before it has an address until it no longer
// has one. Its owner sets the exported fields first; except for Lost and Lease, they
// do not change.
type Holder struct {
	// Name is the client's, and Number its own.
	Name   string
	Number uint64
	// Unique: no other client has the name at the same time, so that the client
	// gets its addresses back by it.
	Unique bool
	// IPv4 and IPv6 are addresses of its own, from client-config-dir or its device's
	// record, and what it is told about them; nil: they come from the book. Where they
	// have an address alone (Local.Addr()), it is told what the network has.
	IPv4 *config.Ifconfig
	IPv6 *config.IfconfigIPv6
	// Lost is called when somebody else uses one of its addresses: the client has
	// to connect again. It is called on any goroutine, and must not block.
	Lost func()

	// Lease is the addresses that it has, set by Book.Lease; nil: none.
	Lease *Lease

	guest *guest      // of the LAN's DHCP server; nil: it is not one
	shun  atomic.Bool // somebody else uses its address, too
}

// memory returns the name by which the pool remembers a client; "": it does not.
func (h *Holder) memory() string {
	if h.Unique {
		return h.Name
	}
	return ""
}

// host returns a client's name on the LAN. If several may have its name, it gets one of
// its own.
func (h *Holder) host() string {
	if h.Unique {
		return h.Name
	}
	return fmt.Sprintf("%s #%d", h.Name, h.Number)
}

// Own returns the addresses of its own.
func (h *Holder) Own() (list []netip.Addr) {
	v4, v6 := h.own()
	return (&Lease{IPv4: v4, IPv6: v6}).Addrs()
}

// own returns the addresses of its own; not valid: none.
func (h *Holder) own() (v4, v6 netip.Addr) {
	if h.IPv4 != nil {
		v4 = h.IPv4.Local
	}
	if h.IPv6 != nil {
		v6 = h.IPv6.Local.Addr()
	}
	return v4, v6
}

// lessor leases addresses to clients: the pool, or the LAN's DHCP server.
type lessor interface {
	// ask starts looking for an address, and returns a channel that is closed when
	// that is done; nil if it takes no time.
	ask(h *Holder) (answered <-chan struct{})
	// take leases a holder its addresses, after ask was answered.
	take(h *Holder) (*Lease, error)
	// giveBack ends what a holder has. It may be called more than once.
	giveBack(h *Holder)
	// push returns what the lessor wants a client to be told besides its address.
	push(h *Holder) []string
}

// Book is a server's book of addresses. It is safe for concurrent use.
type Book struct {
	layout *Layout
	lessor lessor
	pool   *pool
	proxy  *proxy // nil: no proxy-lan
	file   file
	log    *slog.Logger
}

// New makes the book of a configuration. It opens nothing; Load and Open do.
func New(c *config.Config, log *slog.Logger) (b *Book, err error) {
	b = &Book{log: log}
	if c.Server.PoolPersist != "" && !c.Server.DuplicateCN {
		b.file = file{name: c.Server.PoolPersist, readOnly: c.Server.PoolPersistInterval == 0, log: log}
	}
	if c.Server.ProxyLAN != nil {
		if b.proxy, err = newProxy(c.Server.ProxyLAN.Interface, log); err != nil {
			return nil, err
		}
		b.layout, err = b.proxy.layout(c.Server.Pool)
	} else {
		b.layout, err = newLayout(c)
	}
	if err != nil {
		return nil, err
	}
	b.pool = newPool(b.layout)
	b.lessor = b.pool
	if c.Server.ProxyLAN != nil && c.Server.ProxyLAN.DHCP {
		b.lessor = newGuests(b.proxy)
	}
	return b, nil
}

// Keep has the pool lease no address to others that is kept for one client. Call it before
// the first Lease.
func (b *Book) Keep(kept Kept) { b.pool.kept = kept }

// Layout is how the network is divided.
func (b *Book) Layout() *Layout { return b.layout }

// Load reads who had which addresses, and opens the file for writing while this
// process still may.
func (b *Book) Load() { b.file.load(b.pool) }

// Save writes who has which addresses to the file, if that changed. Call it on one
// goroutine at a time.
func (b *Book) Save() { b.file.save(b.pool) }

// Open starts answering on the LAN.
func (b *Book) Open() error {
	if b.proxy == nil {
		return nil
	}
	return b.proxy.open()
}

// Close saves the book, gives back what the LAN's DHCP server leased, and stops
// answering on the LAN.
func (b *Book) Close() {
	b.Save()
	b.file.close()
	if b.proxy == nil {
		return
	}
	if g, ok := b.lessor.(*guests); ok {
		g.end()
	}
	b.proxy.close()
}

// Ask starts looking for an address for a holder, if that takes time. Call Lease when
// the channel is closed, or at once if it is nil.
func (b *Book) Ask(h *Holder) (answered <-chan struct{}) { return b.lessor.ask(h) }

// leaseTries is how many addresses of a pool are tried on the LAN for one client.
const leaseTries = 8

// shunned is how long the pool does not lease an address that another host of the LAN
// has.
const shunned = 10 * time.Minute

// Lease leases a holder its own addresses, or others. On a LAN it first makes sure
// that nobody else has them, which takes a moment, at most until ctx ends. It fails
// with ErrNoLease if there are none.
func (b *Book) Lease(ctx context.Context, h *Holder) error {
	for try := 1; ; try++ {
		lease, err := b.take(h)
		if err == nil && b.proxy != nil {
			err = b.proxy.hold(ctx, h, lease)
		} else if err != nil {
			return err
		}
		if err == nil {
			h.Lease = lease
			return nil
		}
		b.log.Warn("an address of the pool is not usable for a client", "client", h.Name, "error", err)
		b.pool.shun(lease, shunned)
		if try == leaseTries || h.IPv4 != nil || h.guest != nil {
			return err
		}
	}
}

// take takes a lease from the lessor, and puts a holder's own addresses in place of
// the lessor's.
func (b *Book) take(h *Holder) (*Lease, error) {
	lease, err := b.lessor.take(h)
	if err != nil {
		return nil, err
	}
	if b.proxy != nil {
		lease.IPv6 = b.proxy.ipv6(h.host(), b.layout.Network6)
	}
	v4, v6 := h.own()
	if v4.IsValid() {
		lease.IPv4 = v4
	}
	if v6.IsValid() {
		lease.IPv6 = v6
	}
	return lease, nil
}

// Yield frees the addresses of a holder in the pool, for the client that takes its
// place. On the LAN it keeps them until Return.
func (b *Book) Yield(h *Holder) { b.pool.release(h.Lease) }

// Return ends all that a holder has. A second time it does nothing.
func (b *Book) Return(h *Holder) {
	if h.shun.Load() {
		b.pool.shun(h.Lease, shunned)
	}
	b.pool.release(h.Lease)
	if b.proxy != nil {
		b.proxy.leave(h)
	}
	b.lessor.giveBack(h)
}

// Leased returns how many addresses of the pool are in use.
func (b *Book) Leased() int { return b.pool.leased() }

// Pools returns how many leases there are for each family; 0: none.
func (b *Book) Pools() (ipv4, ipv6 int) { return b.layout.pool.count, b.layout.pool6.count }

// OnLAN reports whether the clients are on a LAN, so that they need Routes.
func (b *Book) OnLAN() bool { return b.proxy != nil }

// Routes returns the host's routes to the clients that are on a LAN.
func (b *Book) Routes() []hostnet.Route {
	if b.proxy == nil {
		return nil
	}
	return b.proxy.routes()
}

// Changed receives a value when Routes have changed; nil: they never do.
func (b *Book) Changed() <-chan struct{} {
	if b.proxy == nil {
		return nil
	}
	return b.proxy.changed
}

// Push returns what a client is told about the network, besides the options that the
// configuration pushes, before its own addresses. together says whether clients reach one
// another (client-to-client).
func (b *Book) Push(h *Holder, together bool, configured []string) (options []string) {
	if !slices.ContainsFunc(configured, saysNames) {
		options = b.lessor.push(h)
	}
	return append(options, b.layout.pushBeside(together, configured)...)
}

// saysNames reports whether an option is about DNS.
func saysNames(option string) bool {
	return strings.HasPrefix(option, "dhcp-option DNS") || strings.HasPrefix(option, "dhcp-option DOMAIN") || strings.HasPrefix(option, "dns ")
}

// Ifconfig returns what a client is told about its addresses.
func (b *Book) Ifconfig(h *Holder) []string {
	options := b.layout.ifconfig(h.Lease)
	if i := h.IPv4; i != nil && (i.Bits > 0 || i.Remote.IsValid()) {
		second := mask(i.Bits)
		if i.Remote.IsValid() {
			second = i.Remote.String()
		}
		options = replaceOption(options, fmt.Sprintf("ifconfig %v %s", i.Local, second))
	}
	if i := h.IPv6; i != nil && i.Local.IsValid() {
		remote := i.Remote
		if !remote.IsValid() {
			remote = b.layout.server6
		}
		option := fmt.Sprintf("ifconfig-ipv6 %v", i.Local)
		if remote.IsValid() {
			option += " " + remote.String()
		}
		options = replaceOption(options, option)
	}
	return options
}

// Tell sets the variables about the addresses that a holder has (manual, "Environmental
// Variables": ifconfig_pool_*).
func (b *Book) Tell(h *Holder, env *hooks.Env) {
	for _, option := range b.Ifconfig(h) {
		words := append(strings.Fields(option), "")
		switch {
		case words[0] == "ifconfig":
			env.Set("ifconfig_pool_remote_ip", words[1])
			if b.layout.topology == config.TopologySubnet {
				env.Set("ifconfig_pool_netmask", words[2])
			} else {
				env.Set("ifconfig_pool_local_ip", words[2])
			}
		case words[0] == "ifconfig-ipv6":
			address, bits, _ := strings.Cut(words[1], "/")
			env.Set("ifconfig_pool_remote_ip6", address)
			if words[2] != "" {
				env.Set("ifconfig_pool_local_ip6", words[2])
			}
			env.Set("ifconfig_pool_ip6_netbits", bits)
		}
	}
}

func replaceOption(options []string, option string) []string {
	name, _, _ := strings.Cut(option, " ")
	options = slices.DeleteFunc(options, func(o string) bool { return strings.HasPrefix(o, name+" ") })
	return append(options, option)
}
