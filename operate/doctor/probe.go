package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net/netip"
	"time"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/wrap"
)

// resend is after how long without an answer another reset is sent, and then ever more
// seldom.
const resend = 700 * time.Millisecond

// greet sends a reset with an armour over an open link, until it is answered or ctx ends.
func greet(ctx context.Context, l link.Link, to netip.AddrPort, w wrap.Wrapper) reach.First {
	return reach.Greet(ctx, l, to, greeting(w), reach.Greeting{Again: resend / 2, Heed: true})
}

// greetOnce is greet with one packet.
func greetOnce(ctx context.Context, l link.Link, to netip.AddrPort, w wrap.Wrapper) reach.First {
	return reach.Greet(ctx, l, to, greeting(w), reach.Greeting{Heed: true})
}

// greetOwn is greet of a server on this host, which may answer from another of its
// addresses.
func greetOwn(ctx context.Context, l link.Link, to netip.AddrPort, w wrap.Wrapper) reach.First {
	return reach.Greet(ctx, l, to, greeting(w), reach.Greeting{Again: resend / 2, Heed: true, Anywhere: true})
}

// greeting is a session that gets no further than the answer; its ctx ends it.
func greeting(w wrap.Wrapper) session.Config {
	return session.Config{Wrapper: w, TLS: &tls.Config{InsecureSkipVerify: true}, HandWindow: time.Hour, TLSTimeout: resend}
}

// visitor returns the armour of a client of a server's configuration.
func visitor(c *config.Config, now time.Time) (wrap.Wrapper, error) {
	a, err := profile.Armour(c)
	switch {
	case err != nil:
		return nil, err
	case a.V2 != nil:
		key, err := wrap.GenerateClientKeyV2(rand.Reader, a.V2, wrap.TimestampMetadata(now))
		if err != nil {
			return nil, err
		}
		return wrap.NewTLSCryptV2Client(key), nil
	case a.TLSCrypt != nil:
		return wrap.NewTLSCrypt(a.TLSCrypt, false), nil
	case a.TLSAuth != nil:
		return wrap.NewTLSAuth(a.TLSAuth.Key, a.TLSAuth.Direction.Peer(), a.TLSAuth.Digest), nil
	}
	return wrap.None{}, nil
}

// knock opens a link of its own and greets. Over TCP an error of connecting is the
// first's.
func knock(ctx context.Context, tcp bool, to netip.AddrPort, w wrap.Wrapper) reach.First {
	if tcp {
		conn, err := link.DialTCP(ctx, link.Options{}, to)
		if err != nil {
			return reach.First{Err: err}
		}
		l := link.NewTCP(conn, link.TCPOptions{})
		defer l.Close()
		return greetOwn(ctx, l, to, w)
	}
	o := link.Options{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), 0), Refusals: true}
	if to.Addr().Is6() {
		o.Addr = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	l, err := link.ListenUDP(o)
	if err != nil {
		return reach.First{Err: err}
	}
	defer l.Close()
	return greetOwn(ctx, l, to, w)
}
