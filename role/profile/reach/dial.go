package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
)

// Dialer opens links to targets.
type Dialer struct {
	// Listen opens a socket for UDP; nil: link.ListenUDP.
	Listen func(link.Options) (link.Link, error)
	// Dial connects over TCP; nil: link.DialTCP.
	Dial func(context.Context, link.Options, netip.AddrPort) (net.Conn, error)
	// Ask asks the user for a proxy's user name and password; nil: nobody can
	// be asked.
	Ask profile.Ask
	// Asker is asked in Ask's place, once a proxy wants a login; nil: Ask is.
	Asker profile.Asker

	logins map[string][2]string // asked for, by proxy
}

// ErrFatal is wrapped by errors that another try would not mend.
var ErrFatal = errors.New("cannot go on")

// Open makes the link to a target: UDP or TCP, directly or through a proxy. It takes
// no longer than connect-timeout allows, or without that limit, than a handshake may
// take; an Asker has as long as ctx lasts.
func (d *Dialer) Open(ctx context.Context, t Target) (link.Link, error) {
	for {
		if err := d.askBefore(ctx, t); err != nil {
			return nil, err
		}
		l, err := d.open(ctx, t)
		again, why := d.askAfter(ctx, t, err)
		if !again {
			return l, cmp.Or(why, err)
		}
	}
}

func (d *Dialer) open(ctx context.Context, t Target) (link.Link, error) {
	cfg := t.Settings
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(cfg.Link.ConnectTimeout, cfg.Timers.HandWindow))
	defer cancel()
	cfg, err := localKnown(ctx, cfg, t.Near().Addr())
	if err != nil {
		return nil, err
	}
	t.Settings = cfg
	if t.Remote.Proto.TCP {
		return d.openTCP(ctx, t)
	}
	l, err := d.listen(linkOptions(cfg, t.Near().Addr()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFatal, err)
	}
	if cfg.Link.SOCKSProxy == nil {
		return l, nil
	}
	proxy, err := d.socks(cfg.Link)
	if err == nil {
		var control net.Conn
		if control, err = d.dial(ctx, proxyOptions(cfg, t.Near().Addr()), t.Near()); err == nil {
			return proxy.UDP(ctx, control, l, t.Addr)
		}
	}
	l.Close()
	return nil, err
}

// localKnown returns c with an address, of the family of remote, instead of a name in
// `local`.
func localKnown(ctx context.Context, c *config.Config, remote netip.Addr) (*config.Config, error) {
	if _, err := netip.ParseAddr(c.Link.Local); err == nil || c.Link.Local == "" {
		return c, nil
	}
	network := "ip4"
	if remote.Is6() {
		network = "ip6"
	}
	a, err := profile.LocalAddr(ctx, network, c.Link.Local)
	known := *c
	known.Link.Local = a.String()
	return &known, err
}

func (d *Dialer) listen(o link.Options) (link.Link, error) {
	if d.Listen != nil {
		return d.Listen(o)
	}
	return link.ListenUDP(o)
}

func (d *Dialer) dial(ctx context.Context, o link.Options, to netip.AddrPort) (net.Conn, error) {
	if d.Dial != nil {
		return d.Dial(ctx, o, to)
	}
	return link.DialTCP(ctx, o, to)
}

func (d *Dialer) openTCP(ctx context.Context, t Target) (link.Link, error) {
	dial := func(ctx context.Context) (net.Conn, error) {
		return d.dial(ctx, linkOptions(t.Settings, t.Addr.Addr()), t.Addr)
	}
	conn, err := d.through(ctx, t, dial)
	if err != nil {
		return nil, err
	}
	return link.NewTCP(conn, link.TCPOptions{QueueLimit: t.Settings.Link.TCPQueueLimit}), nil
}

// through dials a TCP target, which is the proxy where there is one.
func (d *Dialer) through(ctx context.Context, t Target, dial link.Dial) (net.Conn, error) {
	cfg := t.Settings
	switch {
	case cfg.Link.HTTPProxy != nil:
		proxy, err := d.httpProxy(cfg.Link)
		if err != nil {
			return nil, err
		}
		return proxy.Connect(ctx, dial, net.JoinHostPort(t.host, strconv.Itoa(int(t.port))))
	case cfg.Link.SOCKSProxy != nil:
		proxy, err := d.socks(cfg.Link)
		if err != nil {
			return nil, err
		}
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		if err := proxy.Connect(ctx, conn, t.host, t.port); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
	return dial(ctx)
}

// linkOptions returns the options of the tunnel's socket, from `local`, `lport`,
// `nobind` and the like.
func linkOptions(c *config.Config, remote netip.Addr) link.Options {
	o := proxyOptions(c, remote)
	port := uint16(c.Link.LocalPort)
	if c.Link.NoBind {
		port = 0
	}
	o.Addr = netip.AddrPortFrom(o.Addr.Addr(), port)
	return o
}

// proxyOptions returns the options of another socket than the tunnel's own, which has
// the port.
func proxyOptions(c *config.Config, remote netip.Addr) link.Options {
	o := profile.LinkOptions(c)
	o.Refusals = true
	local := netip.IPv4Unspecified()
	if remote.Is6() {
		local = netip.IPv6Unspecified()
	}
	if a, err := netip.ParseAddr(c.Link.Local); err == nil && a.Is4() == remote.Is4() {
		local = a
		if a.IsLinkLocalUnicast() && a.Zone() == "" {
			local = a.WithZone(remote.Zone())
		}
	}
	o.Addr = netip.AddrPortFrom(local, 0)
	return o
}

// proxyMethods maps the configuration's login methods to package link's.
var proxyMethods = map[config.ProxyAuth]link.ProxyAuth{
	config.ProxyNone: link.AuthNone, config.ProxyBasic: link.AuthBasic, config.ProxyDigest: link.AuthDigest,
	config.ProxyNTLM: link.AuthNTLM, config.ProxyAuto: link.AuthAuto, config.ProxyNoClear: link.AuthNoClear,
}

// httpProxy returns the proxy of `http-proxy`. If no login method is given, it uses
// the best that the proxy offers.
func (d *Dialer) httpProxy(c config.Link) (*link.HTTPProxy, error) {
	p := c.HTTPProxy
	h := &link.HTTPProxy{Auth: proxyMethods[p.Auth], Version: p.Version, Agent: p.Agent}
	for _, header := range p.Headers {
		h.Headers = append(h.Headers, link.Header(header))
	}
	if p.Auth == config.ProxyNone && c.HTTPProxyUserPass != nil {
		h.Auth = link.AuthAuto
	}
	if h.Auth == link.AuthNone {
		return h, nil
	}
	var err error
	h.Username, h.Password, err = d.proxyLogin(c.HTTPProxyUserPass, p.Ask, ofHTTP(p))
	return h, err
}

func (d *Dialer) socks(c config.Link) (*link.SOCKSProxy, error) {
	p := c.SOCKSProxy
	s := new(link.SOCKSProxy)
	if p.UserPass == nil && !p.Ask {
		return s, nil
	}
	var err error
	s.Username, s.Password, err = d.proxyLogin(p.UserPass, p.Ask, ofSOCKS(p))
	return s, err
}

// proxyLogin returns the user name and password for a proxy, from a file or from the
// user, who is asked once for each proxy.
func (d *Dialer) proxyLogin(f *config.File, ask bool, what string) (username, password string, err error) {
	if f != nil {
		username, password = f.TwoLines()
		if username == "" {
			return "", "", fmt.Errorf("%w: %v: %s: expected a user name and a password on two lines", ErrFatal, f.Pos, what)
		}
		return username, password, nil
	}
	if !ask {
		return "", "", nil
	}
	if known, ok := d.logins[what]; ok {
		return known[0], known[1], nil
	}
	if d.Asker != nil {
		return "", "", nil // see askAfter
	}
	if d.Ask == nil {
		return "", "", fmt.Errorf("%w: %s: it needs a user name and password, and there is nobody to ask: use http-proxy-user-pass, or name a file", ErrFatal, what)
	}
	var answers [2]string
	answers[0], err = d.Ask("User name for "+what, true)
	if err == nil {
		answers[1], err = d.Ask("Password for "+what, false)
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: %s: %w", ErrFatal, what, err)
	}
	d.keep(what, answers)
	return answers[0], answers[1], nil
}

func (d *Dialer) keep(what string, login [2]string) {
	if d.logins == nil {
		d.logins = make(map[string][2]string)
	}
	d.logins[what] = login
}
