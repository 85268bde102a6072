package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/host/hostnet"
	"culvert/role/profile"
	"culvert/session"
)

// callerTrial judges the connection that was tried.
type callerTrial struct{ *caller }

// onTrial is a check of what a connection showed.
func (c callerTrial) onTrial(name, about string, look func(n *notes, t *trial)) inspection {
	return inspection{name: name, about: about, budget: Limit - time.Second, look: func(ctx context.Context, n *notes) {
		t, err := c.tried.get(ctx)
		switch {
		case err != nil:
			n.unknown("%v", err)
		case t.why != "" && !t.tlsOnly:
			n.skip("%s", t.why)
		default:
			look(n, t)
		}
	}}
}

// onTunnel is onTrial for what shows only in a tunnel that is up.
func (c callerTrial) onTunnel(name, about string, look func(n *notes, t *trial)) inspection {
	return c.onTrial(name, about, func(n *notes, t *trial) {
		switch {
		case t.why != "":
			n.skip("%s", t.why)
		case t.up:
			look(n, t)
		case t.err != nil:
			n.skip("the connection failed, see above")
		default:
			n.skip("the tunnel was not up")
		}
	})
}

// newProfile is what to do where the profile does not fit the server.
const newProfile = "ask whoever runs the server for a new profile; on the server: culvert doctor --dir DIR"

// tlsCheck judges the handshake, and the server's certificate as it was shown.
func (c callerTrial) tlsCheck() inspection {
	return c.onTrial("tls", "the handshake, and the server's certificate as it is shown", func(n *notes, t *trial) {
		if t.certificate != nil {
			dated{"the server's certificate", t.certificate, "on the server: culvert renew --dir DIR"}.check(n, c.Now())
		}
		if t.secured.TLS != "" {
			n.saw("%s", t.secured.TLS)
		}
		if t.err == nil || t.refusal() != nil {
			if t.refusal() != nil && t.certificate == nil {
				n.saw("the server took the handshake")
			}
			return
		}
		c.judgeHandshake(n, t)
	})
}

// judgeHandshake says why a handshake failed.
func (c callerTrial) judgeHandshake(n *notes, t *trial) {
	text := t.err.Error()
	seen := ""
	if t.stage != "" {
		seen = t.stage
	}
	var refused *profile.CertificateError
	var handshake *session.HandshakeError
	switch {
	case errors.As(t.err, &refused):
		n.problem("the server's certificate is refused: "+refused.Text, fmt.Sprintf("%v", t.to), c.certificateMend(refused.Err))
	case strings.Contains(text, "cipher") && strings.Contains(text, "negotiat"):
		return // see cipher
	case errors.As(t.err, &handshake):
		n.problem("the handshake with "+t.to.String()+" fails: "+text, seen, c.handshakeMend(text))
	case t.stage != "" && len(t.pushed) == 0 && t.secured.Data == "":
		n.problem("the connection to "+t.to.String()+" fails: "+text, seen, c.handshakeMend(t.stage))
	case len(t.pushed) > 0 || t.secured.Data != "":
		n.problem("the connection to "+t.to.String()+" does not come up: "+text, seen, "culvert connect --userspace "+shell(c.File))
	default:
		n.problem("the connection to "+t.to.String()+" fails: "+text, seen, newProfile)
	}
}

// certificateMend is what to do about a server's certificate that is refused.
func (c callerTrial) certificateMend(err error) string {
	var name *pki.NameError
	var usage *pki.UsageError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("if %q is the right server, write in the profile: verify-x509-name %s name", name.Got, shell(name.Got))
	case errors.As(err, &usage), errors.As(err, new(*pki.PurposeError)), errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "issue the server's certificate for servers (culvert renew --dir DIR; easyrsa build-server-full); remote-cert-tls server keeps clients from posing as the server"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if c.Now().Before(invalid.Cert.NotBefore) {
			return setClock
		}
		return "on the server: culvert renew --dir DIR"
	case errors.As(err, new(*pki.ChainError)), errors.As(err, new(x509.UnknownAuthorityError)):
		return "put the authority of the right server into `ca`; or " + newProfile
	}
	return newProfile
}

// handshakeMend is what to do about a handshake that the server refused, or that
// stopped.
func (c callerTrial) handshakeMend(text string) string {
	switch {
	case strings.Contains(text, "expired"):
		return "on the server: culvert client renew NAME --dir DIR -o NEW.ovpn"
	case strings.Contains(text, "revoked"):
		return "this profile was shut out; on the server: culvert client add NEWNAME --dir DIR -o NEW.ovpn"
	case strings.Contains(text, "version") || strings.Contains(text, "protocol"):
		return "write in the profile: tls-version-min 1.2; or update the server"
	case strings.Contains(text, "peer's large packets"):
		return "write on the server: max-packet-size 600"
	case strings.Contains(text, "large packets"):
		return "write in the profile: max-packet-size 600"
	}
	return "the server's log says why; " + newProfile
}

// loginCheck judges the user name and password of the profile.
func (c callerTrial) loginCheck() inspection {
	return c.onTrial("login", "whether the server takes the profile's certificate and login", func(n *notes, t *trial) {
		refused := t.refusal()
		switch {
		case t.tlsOnly:
			n.skip("%s: the handshake went as far as the server's certificate", t.why)
		case refused != nil && strings.Contains(refused.Reason, "cipher"):
			n.skip("the server refuses for another reason, see cipher")
		case refused != nil:
			where, mend := "the server refuses this client", "ask whoever runs the server: its log says why"
			if f := c.cfg.Login.UserPass; f != nil {
				where, mend = "the server refuses the user name and password of the profile", "correct the two lines of "+shell(c.cfg.Path(f.Name))
				if f.Inline {
					mend = "correct the two lines of <auth-user-pass> in " + shell(c.File)
				}
			}
			n.problem(where, refused.Error(), mend)
		case t.asked:
			n.note("the server asks the user for something more", "", "culvert connect "+shell(c.File))
		case t.up:
			n.saw("taken")
		default:
			n.skip("the connection did not come so far")
		}
	})
}

// cipherCheck judges the ciphers and the framing that the two ends agreed on.
func (c callerTrial) cipherCheck() inspection {
	return c.onTrial("cipher", "cipher and framing of the data channel", func(n *notes, t *trial) {
		refused, text := t.refusal(), ""
		if t.err != nil {
			text = t.err.Error()
		}
		switch {
		case t.tlsOnly:
			n.skip("%s", t.why)
		case refused != nil && strings.Contains(refused.Reason, "cipher"), t.err != nil && strings.Contains(text, "cipher"):
			n.problem("the two ends have no cipher for the data channel in common", text, "write in the profile, and on the server: data-ciphers AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305:AES-256-CBC")
		case t.up:
			n.saw("%s", t.secured.Data)
			for _, remark := range t.remarks {
				if strings.Contains(remark, "framing") {
					n.warning("framing: "+remark, "", "take comp-lzo and compress out of the server's configuration; or write in the profile: comp-lzo no")
				}
			}
			if t.measured.lost != nil && t.measured.gateway.IsValid() {
				c.judgeSilence(n, t)
			}
		default:
			n.skip("the connection did not come so far")
		}
	})
}

// judgeSilence says what may be wrong where nothing comes back through a tunnel that is
// up.
func (c callerTrial) judgeSilence(n *notes, t *trial) {
	for _, d := range t.measured.dns {
		if d.err == nil {
			return // packets come back
		}
	}
	text := "nothing comes back through the tunnel: the server's packet filter drops it, or the two ends frame packets differently (compress, comp-lzo, fragment)"
	n.warning(text, fmt.Sprintf("ping %v inside the tunnel: %v", t.measured.gateway, t.measured.lost), "compare with the server's configuration: grep -E 'comp-lzo|compress|fragment' "+shell(c.File)+"; on the server: culvert doctor --dir DIR")
}

// addressCheck looks for this host's networks that are the tunnel's, too.
func (c callerTrial) addressCheck() inspection {
	return c.onTunnel("address", "whether the tunnel's network is this host's already", func(n *notes, t *trial) {
		near, err := nearby("")
		if err != nil {
			n.unknown("%v", err)
			return
		}
		for _, a := range t.state.Addresses {
			p := a.Prefix
			if a.Peer.IsValid() {
				p = netip.PrefixFrom(a.Peer, a.Peer.BitLen())
			}
			clash := false
			for dev, list := range near {
				for _, q := range list {
					if p.Overlaps(q) {
						clash = true
						if tunnels(dev) {
							n.warning(fmt.Sprintf("the tunnel's network %v is that of the tunnel %s too (%v), which is up", p.Masked(), dev, q), "the address the server gives is "+a.String(), "end that tunnel before this one is used, or leave this one out, if both are the same server's")
							continue
						}
						n.problem(fmt.Sprintf("the tunnel's network %v is that of %s too (%v): packets for one go to the other", p.Masked(), dev, q), "the address the server gives is "+a.String(),
							"on the server, choose another network in `server`, such as: server 10.73.0.0 255.255.255.0; here, until then: ip addr del "+addressIn(dev, q)+" dev "+dev+", if it is not needed")
					}
				}
			}
			if !clash {
				n.saw("%v", a)
			}
		}
	})
}

// routeCheck looks for routes of the tunnel that are this host's already.
func (c callerTrial) routeCheck() inspection {
	return c.onTunnel("routes", "whether routes of the tunnel clash with this host's, and with which", func(n *notes, t *trial) {
		near, err := nearby("")
		if err != nil {
			n.unknown("%v", err)
			return
		}
		for _, r := range t.state.Routes {
			if r.Bypass || r.Dst.Bits() <= 1 {
				continue
			}
			for dev, list := range near {
				if i := slices.IndexFunc(list, r.Dst.Overlaps); i >= 0 {
					c.judgeRoute(n, r, dev, list[i])
				}
			}
		}
		known, _ := hostnet.Networks()
		for _, r := range t.state.Routes {
			if !r.Bypass && slices.Contains(known, r.Dst.Masked()) && !onLink(near, r.Dst) {
				n.warning(fmt.Sprintf("this host has a route to %v already, which the tunnel's cannot be added beside, or hides", r.Dst), "", fmt.Sprintf("ip route show %v; then: ip route del %[1]v, or leave the tunnel's out: pull-filter ignore \"route %s\"", r.Dst, r.Dst.Addr()))
			}
		}
		n.well("%d routes", len(t.state.Routes))
	})
}

func onLink(near map[string][]netip.Prefix, dst netip.Prefix) bool {
	for _, list := range near {
		if slices.ContainsFunc(list, dst.Overlaps) {
			return true
		}
	}
	return false
}

func (c callerTrial) judgeRoute(n *notes, r hostnet.Route, dev string, q netip.Prefix) {
	if tunnels(dev) {
		n.warning(fmt.Sprintf("the route to %v goes into the tunnel %s too (%v), which is up", r.Dst, dev, q), "", "end that tunnel before this one is used, or leave this one out, if both are the same server's")
		return
	}
	leave := fmt.Sprintf("to leave the route out, write in the profile: pull-filter ignore \"route %s\"", r.Dst.Addr())
	switch {
	case q.Bits() > r.Dst.Bits():
		n.note(fmt.Sprintf("of %v, which goes into the tunnel, this host keeps %v on %s", r.Dst, q, dev), "", leave)
	default:
		n.problem(fmt.Sprintf("the route to %v through the tunnel clashes with this host's own network %v on %s: one of the two is out of reach", r.Dst, q, dev), "", leave+"; or move this host to another network")
	}
}

// dnsCheck says whether the pushed name servers answer through the tunnel.
func (c callerTrial) dnsCheck() inspection {
	return c.onTunnel("dns", "whether the pushed name servers answer through the tunnel", func(n *notes, t *trial) {
		if len(t.measured.dns) == 0 {
			if r := t.cfg.Routing.RedirectGateway; r != nil && !r.Private {
				n.warning("all traffic goes into the tunnel and the server names no name server: questions for names go to this host's own, which may be out of reach then, or sees every name", "", "on the server: push \"dhcp-option DNS 9.9.9.9\"; here: dhcp-option DNS 9.9.9.9")
				return
			}
			n.skip("the server names none")
			return
		}
		for _, d := range t.measured.dns {
			if d.err != nil {
				n.problem(fmt.Sprintf("the name server %v, which the server names, does not answer through the tunnel", d.server), d.err.Error(),
					fmt.Sprintf("on the server: dig @%v example.org; name another: push \"dhcp-option DNS 9.9.9.9\"; here, until then: pull-filter ignore \"dhcp-option DNS\"", d.server.Addr()))
				continue
			}
			n.saw("%v answers in %v", d.server, d.took.Round(100*time.Microsecond))
		}
	})
}

// ipv6Check says whether IPv6 goes past a tunnel that is to take everything.
func (c callerTrial) ipv6Check() inspection {
	return c.onTunnel("ipv6", "whether IPv6 goes past a tunnel that takes everything else", func(n *notes, t *trial) {
		redirect := t.cfg.Routing.RedirectGateway
		_, has := hostnet.Network{}.Default(true)
		inside := t.cfg.Adapter.IfconfigIPv6 != nil
		switch {
		case redirect == nil || redirect.Private || redirect.NoIPv4:
			n.skip("not all traffic goes into the tunnel")
		case !has:
			n.saw("this host has no way out by IPv6")
		case inside && redirect.IPv6:
			n.saw("it goes into the tunnel")
		case t.cfg.Routing.BlockIPv6:
			n.saw("it is refused (block-ipv6)")
		case !inside:
			n.warning("IPv6 goes past the tunnel: the server has none, and this host does", "redirect-gateway without ipv6, no ifconfig-ipv6", "write in the profile: block-ipv6; or on the server: server-ipv6 NETWORK/64 and push \"redirect-gateway def1 ipv6\"")
		default:
			n.warning("IPv6 goes past the tunnel: the server has it, and redirects IPv4 alone", "redirect-gateway without ipv6", "write in the profile: redirect-gateway ipv6; or on the server: push \"redirect-gateway def1 ipv6\"")
		}
	})
}

// mtuCheck says which packets pass the tunnel.
func (c callerTrial) mtuCheck() inspection {
	return c.onTunnel("mtu", "the largest packet that passes the tunnel both ways", func(n *notes, t *trial) {
		m := t.measured
		switch {
		case m.lost != nil:
			n.skip("the server does not answer pings inside the tunnel: %v", m.lost)
		case m.largest == 0:
			n.problem("no packet of a useful size passes the tunnel: connections begin, and then hang", fmt.Sprintf("small pings of %v come back, those of %v bytes do not", m.gateway, m.tried), "write in the profile: mssfix 1200")
		case m.largest < m.tried[0]:
			n.warning(fmt.Sprintf("packets above %d bytes are lost in the tunnel, whose adapter takes %d: what is not TCP hangs", m.largest, t.cfg.Adapter.MTU), fmt.Sprintf("pings of %v of %v bytes: the largest that comes back has %d", m.gateway, m.tried, m.largest),
				fmt.Sprintf("write in the profile: tun-mtu %d", m.largest))
		default:
			n.saw("%d bytes come back", m.largest)
		}
	})
}

// speedCheck says what a short test carried. It judges nothing: what is slow depends on
// the lines.
func (c callerTrial) speedCheck() inspection {
	return c.onTunnel("throughput", "what comes back in a second, in echoes of the server's address inside the tunnel", func(n *notes, t *trial) {
		m := t.measured
		if m.lost != nil {
			n.skip("the server does not answer pings inside the tunnel: %v", m.lost)
			return
		}
		lost := m.sent - m.echoes
		n.saw("up in %v; round trip %v; %s both ways at once (pings of %d bytes to %v, %d at a time for %v; user space on this side, %d of %d lost)",
			t.took.Round(time.Millisecond), m.delay.Round(100*time.Microsecond), rateText(m.rate), m.size, m.gateway, testWindow, testFor, lost, m.sent)
		if m.sent > 0 && lost*20 > m.sent {
			n.warning(fmt.Sprintf("%d %% of the packets are lost", lost*100/m.sent), "", "try another server or network; over TCP losses do not show: proto tcp, if the server has it")
		}
	})
}
