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
	b := newBuilder(nil)
	b.Adapter.Topology, b.Server.MaxRoutesPerClient, b.netmask = server.Adapter.Topology, server.Server.MaxRoutesPerClient, server.netmask()
	own := *c
	own.IRoutes, own.PushRemove, own.OwnMACs = slices.Clip(own.IRoutes), slices.Clip(own.PushRemove), slices.Clip(own.OwnMACs)
	b.perClient, b.Server.Push, b.notes = &own, slices.Clip(own.Push), slices.Clip(own.Notes)
	calls, notes, errs := lex(name, text, 1)
	b.notes = append(b.notes, notes...)
	b.errs = append(b.errs, errs...)
	for i := range calls {
		b.apply(&calls[i], InCCD)
	}
	b.settle()
	b.checkIRoutes()
	if len(b.errs) > 0 {
		return joinErrors(b.errs)
	}
	own.Push, own.Notes = b.Server.Push, b.notes
	*c = own
	return nil
}

// checkIRoutes limits the networks behind one client (max-routes-per-client).
func (b *builder) checkIRoutes() {
	n, name := len(b.perClient.IRoutes), "iroute"
	most := cmp.Or(b.perClient.MaxRoutes, b.Server.MaxRoutesPerClient)
	if n <= most {
		return
	}
	if !b.has(name) {
		name = "iroute-ipv6"
	}
	b.problem(name, fmt.Sprintf("%d networks behind one client are more than the %d of max-routes-per-client", n, most),
		fmt.Sprintf("add the line: max-routes-per-client %d, or merge neighbouring networks", n))
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
