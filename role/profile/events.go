package profile

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/netip"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/role/event"
	"culvert/session"
)

// Reported turns what a session reports into an event of a role with one peer, which
// is at remote. It is nil for what the role has to act on, or nobody else needs to
// know.
func Reported(e session.Event, remote event.Remote) event.Event {
	switch e := e.(type) {
	case session.Answered:
		return event.Answered{Remote: remote}
	case session.Asking:
		return event.Asking{}
	case session.Delayed:
		return event.Delayed{Remote: remote, Stage: e.Stage, Clock: e.Clock}
	case session.Established:
		return event.Secured{Remote: remote, TLS: Describe(e.TLS), Certificate: shown(e.TLS),
			Data: e.Params.Describe(), Cipher: e.Params.Cipher, PeerID: e.Params.PeerID, Course: e.Course}
	case session.Rekeyed:
		return event.Renewed{Key: e.Key, TLS: Describe(e.TLS), Certificate: shown(e.TLS), Course: e.Course}
	case session.RekeyFailed:
		return event.RenewalFailed{Err: e.Err, Course: e.Course}
	case session.Remark:
		return event.Remark{Text: e.Text}
	case session.Info:
		return event.Message{Text: e.Text}
	}
	return nil
}

// shown returns the peer's own certificate, nil if it showed none.
func shown(state tls.ConnectionState) *x509.Certificate {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	return state.PeerCertificates[0]
}

// Configuring returns the event that comes before a state is applied.
func Configuring(want hostnet.State) event.Configuring {
	e := event.Configuring{MTU: want.MTU}
	for _, a := range want.Addresses {
		e.Addresses = append(e.Addresses, a.Prefix)
		if a.Peer.IsValid() {
			e.Peers = append(e.Peers, a.Peer)
		}
	}
	for _, r := range want.Routes {
		e.Routes = append(e.Routes, event.Route{Dst: r.Dst, Via: r.Via, Past: r.Bypass || r.NetGateway})
	}
	if want.DNS != nil {
		for _, server := range want.DNS.Servers {
			e.DNS = append(e.DNS, server.Addr())
		}
	}
	return e
}

// Configured returns the event for an adapter that is up: what was changed on this
// host, and what could not be (nil: all was).
func Configured(adapter string, changes []string, partial *hostnet.PartialError) event.Configured {
	e := event.Configured{Adapter: adapter, Changes: changes}
	if partial != nil {
		e.Partial = partial
	}
	return e
}

// Inner returns this end's addresses inside the tunnel; not valid: it has none.
func Inner(c config.Adapter) (ipv4, ipv6 netip.Addr) {
	if c.Ifconfig != nil {
		ipv4 = c.Ifconfig.Local
	}
	if c.IfconfigIPv6 != nil {
		ipv6 = c.IfconfigIPv6.Local.Addr()
	}
	return ipv4, ipv6
}

// ReportNames returns a resolver that reports each name before it asks.
func ReportNames(resolve Resolver, emit func(event.Event)) Resolver {
	return func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if _, err := netip.ParseAddr(host); err != nil {
			emit(event.Resolving{Host: host})
		}
		return resolve(ctx, network, host)
	}
}
