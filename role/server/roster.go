package server

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/access/hooks"
	"culvert/access/policy"
	"culvert/config"
	"culvert/role/server/admission"
	"culvert/role/server/lease"
	"culvert/session"
)

// roster knows who is here: in the table, on the Ethernet if there is one, and in the
// book of addresses.
type roster struct {
	table      *table
	ether      *ether // nil: not Ethernet
	book       *lease.Book
	guard      *policy.Guard // nil: none
	duplicates atomic.Bool   // duplicate-cn
	report     func(Event)
	twins      twins
}

// seek waits for an address for a client, if that takes time, and then calls next on
// the client's control goroutine.
func (r *roster) seek(c *client, now time.Time, next func(now time.Time)) {
	c.holder = &lease.Holder{Name: c.name, Number: c.number, Unique: r.unique(c), IPv4: c.own.Ifconfig, IPv6: c.own.IfconfigIPv6,
		Lost: func() { c.Do(func(now time.Time) { c.Session.Dismiss(now, "RESTART") }) }}
	answered := r.book.Ask(c.holder)
	if answered == nil {
		next(now)
		return
	}
	c.visit.Await(answered, next)
}

// accommodate gives a client a peer-id and addresses, after seek, or says why it
// cannot come in. Another client of its name has to leave, and so has one that uses an
// address that client-config-dir gives to this client.
func (r *roster) accommodate(c *client) *access.Refusal {
	if r.unique(c) {
		r.replaceNamesake(c)
	}
	id, ok := r.table.takeID()
	if !ok {
		return &access.Refusal{Reason: "the server is full (max-clients)", Later: true, By: access.ByRoom}
	}
	if err := r.lease(c); err != nil {
		r.table.giveBackID(id)
		return noLease(err, r.book.OnLAN())
	}
	c.id, c.lease = id, c.holder.Lease
	return nil
}

// placeOf returns a client's place, after accommodate, for the programs that run while
// it comes.
func (r *roster) placeOf(c *client) admission.Place {
	var own []string
	for _, a := range c.lease.Addrs() {
		own = append(own, a.String())
	}
	return admission.Place{Unique: r.unique(c), Addresses: own, Since: c.since, Tell: func(env *hooks.Env) { r.book.Tell(c.holder, env) }}
}

// settle gives a client the settings that it has in the end, and other addresses if
// they say so. Then it finds out what may lead to the client (learn-address), and calls
// next on the client's control goroutine, with the reason if there is no place for it.
func (r *roster) settle(c *client, now time.Time, own *config.PerClient, next func(now time.Time, refusal *access.Refusal)) {
	moves := own.Ifconfig != c.own.Ifconfig || own.IfconfigIPv6 != c.own.IfconfigIPv6
	c.own = own
	if !moves {
		r.learn(c, now, next)
		return
	}
	r.book.Return(c.holder)
	r.seek(c, now, func(now time.Time) {
		if err := r.lease(c); err != nil {
			next(now, noLease(err, r.book.OnLAN()))
			return
		}
		c.lease = c.holder.Lease
		r.learn(c, now, next)
	})
}

// learnt is an address or network that leads to a client.
type learnt struct {
	prefix netip.Prefix
	change AddressChange
}

// learn asks learn-address what may lead to a client. On an Ethernet that are stations,
// which show themselves later.
func (r *roster) learn(c *client, now time.Time, next func(now time.Time, refusal *access.Refusal)) {
	if r.ether != nil {
		if r.ether.cfg.ClientConnect != nil { // OpenVPN tells the addresses again after it, which changes their order
			c.visit.Scripts().Place(r.placeOf(c))
		}
		next(now, nil)
		return
	}
	var addresses []string
	leads := make(map[string]learnt)
	for _, p := range prefixesOf(c) {
		l := learnt{prefix: p}
		if before := r.table.owner(p); before != nil && before != c {
			l.change = AddressUpdated
		}
		text := addressText(p)
		addresses, leads[text] = append(addresses, text), l
	}
	known := func(address string) bool { return leads[address].change == AddressUpdated }
	c.visit.Scripts().Learn(now, r.placeOf(c), addresses, known, func(now time.Time, refused map[string]error) {
		for _, address := range addresses {
			if err := refused[address]; err != nil {
				r.report(Learned{About: c.about(now), Address: address, Change: leads[address].change, Refused: err})
				continue
			}
			c.learnt = append(c.learnt, leads[address])
		}
		next(now, nil)
	})
}

// prefixesOf returns what is to lead to a client: its addresses, and the networks behind
// it (iroute).
func prefixesOf(c *client) (all []netip.Prefix) {
	for _, a := range []netip.Addr{c.lease.IPv4, c.lease.IPv6} {
		if a.IsValid() {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return append(all, c.own.IRoutes...)
}

// addressText writes an address, or a network with its length.
func addressText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// lease leases a client its addresses. Whoever uses one that is its own has to leave.
func (r *roster) lease(c *client) error {
	if err := r.book.Lease(c.visit.Context(), c.holder); err != nil {
		return err
	}
	for _, a := range c.holder.Own() {
		if before := r.table.route(a); before != nil && before != c {
			r.report(before.cut(AddressClaimed{About: before.about(time.Now()), Address: a, Owner: c.name}))
			before.evict()
		}
	}
	return nil
}

// enter lets a client's packets pass from now on. It is the only way into the network,
// however a client came to its session. The client has a name, settings, a peer-id, a
// lease and a session with keys. tls and data describe the two channels in words, and h is
// how it got the keys.
func (r *roster) enter(c *client, now time.Time, tls, data string, h Handshake) {
	c.up = true
	r.take(c)
	if r.ether != nil {
		r.ether.connect(c)
	}
	for _, before := range r.table.establish(c, r.unique(c)) {
		before.evict()
	}
	for _, l := range c.learnt {
		r.report(Learned{About: c.about(now), Address: addressText(l.prefix), Change: l.change})
	}
	r.report(Up{About: c.about(now), PeerID: c.id, IPv4: c.lease.IPv4, IPv6: c.lease.IPv6, Cipher: c.cipher, TLS: tls, Data: data, Handshake: h})
}

// forget gives back everything that a client had.
func (r *roster) forget(c *client) {
	if c.holder != nil {
		r.book.Return(c.holder)
	}
	r.table.remove(c)
	if r.ether != nil {
		r.ether.disconnect(c)
	}
	r.giveUp(c)
}

// unique reports whether no other client may have this one's name: it has one, and
// duplicate-cn is not set.
func (r *roster) unique(c *client) bool { return !r.duplicates.Load() && c.name != access.Nameless }

// replaceNamesake ends the session of another client of the same name: either the same
// device has come back, or two devices have one profile. It frees the peer-id and
// lease at once, so that the new client gets in even if they were the last ones.
func (r *roster) replaceNamesake(c *client) {
	if coming := r.table.comes(c); coming != nil {
		coming.giveWay()
	}
	before := r.table.named(c.name)
	if before == nil {
		return
	}
	now := time.Now()
	silent := now.Sub(before.Data.LastReceived())
	r.report(before.cut(Replaced{About: before.about(now), By: c.Path().Remote, Silent: silent, Again: silent < backAfter && r.twins.again(c.name, now)}))
	r.book.Yield(before.holder)
	r.table.remove(before)
	before.giveWay()
}

// numbered returns the client with a number, nil if there is none.
func (r *roster) numbered(number uint64) *client {
	all := r.table.all()
	if i := slices.IndexFunc(all, func(c *client) bool { return c.number == number }); i >= 0 {
		return all[i]
	}
	return nil
}

// echo returns the addresses between which a client can be asked by pings, if it has one.
func (r *roster) echo(c *client) session.Echo {
	own4, own6 := r.book.Layout().Server()
	switch {
	case c.lease == nil || r.ether != nil:
		return session.Echo{}
	case own4.IsValid() && c.lease.IPv4.IsValid():
		return session.Echo{From: own4, To: c.lease.IPv4}
	}
	return session.Echo{From: own6, To: c.lease.IPv6}
}
