package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// PerClient is a file of client-config-dir: the settings of one client.
type PerClient struct {
	Disable      bool
	Ifconfig     *Ifconfig     // ifconfig-push
	IfconfigIPv6 *IfconfigIPv6 // ifconfig-ipv6-push
	IRoutes      []netip.Prefix
	Push         []string
	PushReset    bool     // leave out all that is pushed in general
	PushRemove   []string // leave out what holds one of these
	VLANPVID     int      // 0: the server's
	MaxRoutes    int      // max-routes-per-client; 0: the server's
	Notes        []Note   // about the file, for its author
	OwnMACOnly   bool     // own-mac-only; or the server's
	OwnMACs      []string // the client's, which nobody else may use
	// SessionTimeout is session-timeout; nil: the server's.
	SessionTimeout *time.Duration
	// Timers are the server's, changed by ping, ping-restart, ping-exit and inactive;
	// nil: the server's.
	Timers   *Timers
	Ciphers  []string // data-ciphers; nil: the server's
	Fallback string   // data-ciphers-fallback or cipher; "": the server's
	// OverrideUsername is the name of the client's user from now on; "": what it gave.
	OverrideUsername string
}

// ParsePerClient parses a file of client-config-dir for a server. Its error joins an
// *Error for each fault: half of such a file could allow a client more than its
// author meant.
func ParsePerClient(server *Config, name string, text []byte) (*PerClient, error) {
	var c PerClient
	if err := AddPerClient(server, &c, name, text); err != nil {
		return nil, err
	}
	return &c, nil
}

// AddPerClient adds lines to a client's settings, such as those of its client-connect
// program to those of its file, as if they stood behind it. If it fails, as
// ParsePerClient does, c is as it was.
func AddPerClient(server *Config, c *PerClient, name string, text []byte) error {
	b := newBuilder(server.reads)
	b.place = InCCD
	b.Adapter.Topology, b.Server.MaxRoutesPerClient, b.netmask = server.Adapter.Topology, server.Server.MaxRoutesPerClient, server.netmask()
	own := *c
	own.IRoutes, own.PushRemove, own.OwnMACs = slices.Clip(own.IRoutes), slices.Clip(own.PushRemove), slices.Clip(own.OwnMACs)
	b.perClient, b.Server.Push, b.notes = &own, slices.Clip(own.Push), slices.Clip(own.Notes)
	b.Timers, b.Data.AllowInsecureNone = server.Timers, server.Data.AllowInsecureNone
	if own.Timers != nil {
		b.Timers = *own.Timers
	}
	b.text(name, text)
	b.settle()
	ownCheck{&own, b.record}.whole(&server.Server)
	b.add(b.ciphers.forOne(&own))
	if len(b.errs) > 0 {
		return joinErrors(b.errs)
	}
	if slices.ContainsFunc([]string{"ping", "ping-restart", "ping-exit", "ping-timer-rem", "inactive"}, b.has) {
		own.Timers = &b.Timers
	}
	own.Push, own.Notes = b.Server.Push, b.notes
	*c = own
	return nil
}

// idleForOne are the directives that OpenVPN takes for one client too, and that change
// nothing there, each with the reason.
var idleForOne = map[string]string{
	"auth-token":         `ignored; to give the client a token, write push "auth-token TOKEN"`,
	"auth-token-user":    `ignored; to give the client a user name, write push "auth-token-user NAME"`,
	"bind-dev":           "ignored; all clients share the server's sockets",
	"socket-flags":       "ignored; all clients share the server's sockets",
	"comp-lzo":           "ignored; the client's own configuration says how it frames packets",
	"compress":           "ignored; the client's own configuration says how it frames packets",
	"comp-noadapt":       "ignored; nothing is compressed",
	"compat-mode":        "ignored; it is about the whole server",
	"disable-dco":        "ignored; it is about the whole server",
	"echo":               `ignored; to have the client log it, write push "echo ..."`,
	"parameter":          `ignored; to tell the client, write push "parameter ..."`,
	"max-routes":         "ignored; there is no limit",
	"msg-channel":        "ignored; it is for Windows",
	"prng":               "ignored; the system's random numbers are used",
	"providers":          "ignored; there is no OpenSSL here",
	"route-ipv6-gateway": `ignored; to tell the client, write push "route-ipv6-gateway ADDRESS"`,
	"tun-ipv6":           "ignored; IPv6 is always on",
}

// passOver returns why a directive changes nothing in the settings of one client: OpenVPN
// starts a client's session in spite of it. It is "" for those that do, and for those that
// decide who may connect.
func passOver(row *Directive) string {
	why, idle := idleForOne[row.Name]
	switch {
	case row.Where&InCCD != 0:
		return ""
	case idle:
		return why
	case row.Guards || row.Part == PartTrust || row.Part == PartLogin:
		return ""
	}
	return "ignored; it may not stand " + InCCD.phrase() + ", only " + row.Where.phrase()
}

// ownCheck finds settings of one client that make no sense with the server's.
type ownCheck struct {
	*PerClient
	*record
}

func (c ownCheck) whole(s *Server) {
	c.iroutes(cmp.Or(c.MaxRoutes, s.MaxRoutesPerClient))
	if within := s.PushConstraint; c.Ifconfig != nil && within.IsValid() && !within.Contains(c.Ifconfig.Local) {
		c.problem("ifconfig-push", fmt.Sprintf("%v is outside of %v, which ifconfig-push-constraint allows", c.Ifconfig.Local, within), "write an address of that network")
	}
}

// iroutes limits the networks behind one client (max-routes-per-client).
func (c ownCheck) iroutes(most int) {
	n, name := len(c.IRoutes), "iroute"
	if n <= most {
		return
	}
	if !c.has(name) {
		name = "iroute-ipv6"
	}
	c.problem(name, fmt.Sprintf("%d networks behind one client are more than the %d of max-routes-per-client", n, most),
		fmt.Sprintf("add the line: max-routes-per-client %d, or merge neighbouring networks", n))
}

func setOverrideUsername(b *builder, d *call) error {
	if d.args[0] == "" || strings.ContainsFunc(d.args[0], isControl) {
		return d.expected(d.args[0], "a user name")
	}
	b.perClient.OverrideUsername = d.args[0]
	return nil
}

// setIfconfigPush reads the second value as the server's topology says: a netmask
// in subnet, else the address at the other end.
func setIfconfigPush(b *builder, d *call) error {
	local, err := d.addr4(0)
	if err != nil {
		return err
	}
	second, err := d.addr4(1)
	if err != nil {
		return d.expected(d.args[1], "the peer's IPv4 address, or a netmask")
	}
	i := &Ifconfig{Local: local, Remote: second}
	if b.Adapter.Topology == TopologySubnet {
		bits, err := pushedBits(d, local, second, b.netmask)
		if err != nil {
			return err
		}
		i = &Ifconfig{Local: local, Bits: bits}
	}
	b.perClient.Ifconfig = i
	return nil
}

// pushedBits reads a netmask, or takes the server's for a pair of addresses in
// topology net30.
func pushedBits(d *call, local, second netip.Addr, netmask int) (int, error) {
	bits, ok := parseMask(d.args[1])
	if ok && bits > 0 {
		return bits, nil
	}
	pair := netip.PrefixFrom(local, 30).Masked()
	if netmask > 0 && pair.Contains(second) {
		d.remark(fmt.Sprintf("%s is the other end of a pair, as in topology net30, and the topology is subnet: the server's netmask is pushed; write ifconfig-push %v %s",
			d.args[1], local, maskText(netmask)))
		return netmask, nil
	}
	return 0, d.fault(d.args[1], "expected a netmask, since the server's topology is subnet",
		"write a netmask such as 255.255.255.0, or topology net30 in the server's configuration")
}

// netmask is the prefix length of a server's network, 0 if it has none.
func (c *Config) netmask() int {
	switch {
	case c.Server.Network.IsValid():
		return c.Server.Network.Bits()
	case c.Server.Pool != nil && c.Server.Pool.Bits > 0:
		return c.Server.Pool.Bits
	case c.Adapter.Ifconfig != nil:
		return c.Adapter.Ifconfig.Bits
	}
	return 0
}

func setIfconfigIPv6Push(b *builder, d *call) error {
	local, err := d.prefix6(0)
	if err != nil {
		return err
	}
	i := &IfconfigIPv6{Local: local}
	if len(d.args) > 1 {
		if i.Remote, err = d.addr6(1); err != nil {
			return err
		}
	}
	b.perClient.IfconfigIPv6 = i
	return nil
}

// setIRoute reads a network without a mask as a single host.
func setIRoute(b *builder, d *call) error {
	net, err := d.addr4(0)
	if err != nil {
		return err
	}
	bits := 32
	if len(d.args) > 1 {
		if bits, err = d.mask(1); err != nil {
			return err
		}
	}
	return b.perClient.addIRoute(d, netip.PrefixFrom(net, bits))
}

func setIRouteIPv6(b *builder, d *call) error {
	p, err := d.prefix6(0)
	if err != nil {
		return err
	}
	return b.perClient.addIRoute(d, p)
}

func (c *PerClient) addIRoute(d *call, p netip.Prefix) error {
	if p.Masked() != p {
		return d.fault(strings.Join(d.args, " "), "has bits set beyond its length", "write "+p.Masked().String())
	}
	c.IRoutes = append(c.IRoutes, p)
	return nil
}

func setPushReset(b *builder, _ *call) error {
	b.perClient.PushReset = true
	return nil
}

func setPushRemove(b *builder, d *call) error {
	if d.args[0] == "" {
		return d.expected("", "the option to leave out, or a part of it")
	}
	b.perClient.PushRemove = append(b.perClient.PushRemove, d.args[0])
	return nil
}

func setDisable(b *builder, _ *call) error {
	b.perClient.Disable = true
	return nil
}

// maskText is a prefix length in dotted form.
func maskText(bits int) string {
	m := ^uint32(0) << (32 - bits)
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
}
