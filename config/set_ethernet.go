package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

func setLLAddr(b *builder, d *call) (err error) {
	b.Adapter.LLAddr, err = d.station(0)
	return err
}

// station is argument i as an adapter's address, six pairs with colons.
func (d *call) station(i int) (string, error) {
	arg := d.args[i]
	pairs := strings.FieldsFunc(strings.ToLower(arg), func(r rune) bool { return r == ':' || r == '-' })
	const example = "an Ethernet address such as 02:00:5e:10:00:01"
	if len(pairs) != 6 {
		return "", d.expected(arg, example)
	}
	for i, pair := range pairs {
		n, err := strconv.ParseUint(pair, 16, 8)
		if err != nil || len(pair) > 2 {
			return "", d.expected(arg, example)
		}
		if i == 0 && n&1 != 0 {
			return "", d.fault(arg, "is a group's address, which no adapter can have", "write another, such as 02:00:5e:10:00:01")
		}
		pairs[i] = fmt.Sprintf("%02x", n)
	}
	address := strings.Join(pairs, ":")
	if address == "00:00:00:00:00:00" {
		return "", d.fault(arg, "is no adapter's address", "write another, such as 02:00:5e:10:00:01")
	}
	return address, nil
}

// setServerBridge is `server-bridge gateway netmask start end`, `nogw`, or
// nothing, for addresses from the DHCP server of the LAN.
func setServerBridge(b *builder, d *call) error {
	switch {
	case len(d.args) == 0:
		b.Server.Push = append(b.Server.Push, "route-gateway dhcp")
	case len(d.args) == 1 && d.args[0] == "nogw":
	case len(d.args) == 4:
		pool, err := bridgePool(d)
		if err != nil {
			return err
		}
		b.Server.Pool = pool
		b.Server.Push = append(b.Server.Push, "route-gateway "+d.args[0])
	default:
		return d.expected(strings.Join(d.args, " "), "gateway, netmask, first and last address; or nogw; or nothing")
	}
	b.Mode, b.TLSServer = ModeServer, true
	return nil
}

// bridgePool reads gateway, netmask and the ends of a range.
func bridgePool(d *call) (*Pool, error) {
	gateway, err := d.addr4(0)
	if err != nil {
		return nil, err
	}
	bits, err := d.mask(1)
	if err != nil {
		return nil, err
	}
	pool, err := d.pool(2)
	if err != nil {
		return nil, err
	}
	network := netip.PrefixFrom(gateway, bits).Masked()
	for i, a := range []netip.Addr{pool.Start, pool.End} {
		if !network.Contains(a) {
			return nil, d.fault(d.args[2+i], "is not in the gateway's network "+network.String(), "write addresses of that network that its DHCP server gives to nobody")
		}
	}
	pool.Bits = bits
	return pool, nil
}

func setProxyLAN(b *builder, d *call) error {
	if !isInterface(d.args[0]) {
		return d.expected(d.args[0], "the name of a network interface, such as eth0")
	}
	lan := &ProxyLAN{Interface: d.args[0]}
	if len(d.args) > 1 {
		switch d.args[1] {
		case "pool":
		case "dhcp":
			lan.DHCP = true
		default:
			return d.expected(d.args[1], "pool or dhcp")
		}
	}
	b.Server.ProxyLAN = lan
	b.Mode, b.TLSServer = ModeServer, true
	return nil
}

// maxVLAN is the largest VLAN identifier; 4095 is reserved (802.1Q).
const maxVLAN = 4094

func setVLANPVID(b *builder, d *call) error {
	id, err := d.int(0, 1, maxVLAN)
	switch {
	case err != nil:
		return err
	case b.perClient != nil:
		b.perClient.VLANPVID = id
	default:
		b.Server.VLANPVID = id
	}
	return nil
}

func setMaxRoutesPerClient(b *builder, d *call) error {
	n, err := d.int(0, 1, 1<<24)
	switch {
	case err != nil:
		return err
	case b.perClient != nil:
		b.perClient.MaxRoutes = n
	default:
		b.Server.MaxRoutesPerClient = n
	}
	return nil
}

// maxOwnMACs limits the addresses of one client's adapters.
const maxOwnMACs = 64

// setOwnMACOnly takes addresses in one client's file only, where they belong to that
// client.
func setOwnMACOnly(b *builder, d *call) error {
	if b.perClient == nil {
		if len(d.args) > 0 {
			return d.fault(d.args[0], "is one client's address, and this line is for all of them", "write it into that client's file of client-config-dir, and here own-mac-only alone")
		}
		b.Server.OwnMACOnly = true
		return nil
	}
	if len(d.args) > maxOwnMACs {
		return d.fault(d.args[maxOwnMACs], fmt.Sprintf("is one more than the %d addresses that a client may have here", maxOwnMACs), "leave own-mac-only out for a client that has a network behind it")
	}
	own := make([]string, len(d.args))
	for i := range d.args {
		var err error
		if own[i], err = d.station(i); err != nil {
			return err
		}
	}
	b.perClient.OwnMACOnly, b.perClient.OwnMACs = true, own
	return nil
}

// ethernet refuses directives for tap adapters where there is none.
func (c check) ethernet() {
	c.proxyLAN()
	if c.Adapter.DevType == DevTap {
		c.bridge()
		return
	}
	for _, name := range []string{"server-bridge", "vlan-tagging", "own-mac-only"} {
		if c.has(name) {
			c.problem(name, "needs an Ethernet adapter", "write dev tap, on both sides")
		}
	}
	if c.has("lladdr") && c.Adapter.Look == AdapterIP {
		c.problem("lladdr", "only an Ethernet adapter has a MAC address", "remove the line, or write dev tap on both sides; or, over a tunnel that carries IP, adapter ethernet")
	}
}

// proxyLAN refuses what contradicts proxy-lan about clients' addresses.
func (c check) proxyLAN() {
	lan := c.Server.ProxyLAN
	if lan == nil {
		return
	}
	if c.Adapter.DevType != DevTun {
		c.problem("proxy-lan", "is for tun adapters, whose clients have no Ethernet", "write dev tun; with dev tap, use server-bridge and put the tap on a bridge")
	}
	if c.has("topology") && c.Adapter.Topology != TopologySubnet {
		c.problem("topology", "with proxy-lan, clients are in one network", "write topology subnet")
	}
	for _, name := range []string{"server", "server-ipv6", "ifconfig-ipv6-pool"} {
		if c.has(name) {
			c.problem("proxy-lan", name+" is given too, and the network is that of "+lan.Interface, "keep one of the two")
		}
	}
	switch {
	case lan.DHCP && c.Server.Pool != nil:
		c.problem("ifconfig-pool", "with proxy-lan "+lan.Interface+" dhcp, the DHCP server there gives the addresses", "remove it, or write proxy-lan "+lan.Interface+" pool")
	case !lan.DHCP && c.Server.Pool == nil:
		c.problem("proxy-lan", "there is no range of addresses for clients",
			"add the line: ifconfig-pool FIRST LAST, with addresses that nobody else there gets; or write proxy-lan "+lan.Interface+" dhcp")
	}
}

func (c check) bridge() {
	if c.has("server-bridge") {
		for _, name := range []string{"server", "ifconfig-pool"} {
			if c.has(name) {
				c.problem("server-bridge", name+" is given too, and each says where clients get their addresses", "keep one of the two")
			}
		}
	}
	for _, name := range []string{"vlan-accept", "vlan-pvid"} {
		if c.has(name) && !c.Server.VLANTagging {
			c.problem(name, "means something only with vlan-tagging", "add the line: vlan-tagging")
		}
	}
}

// setStaleRoutes takes how old an address may be, and how often to check, which is as
// often if it is not said.
func setStaleRoutes(b *builder, d *call) error {
	for i := range d.args {
		n, err := d.int(i, 1, maxSeconds)
		if err != nil {
			return err
		}
		b.Server.StaleCheck = time.Duration(n) * time.Second
	}
	return positive(func(c *Config) *time.Duration { return &c.Server.StaleRoutes })(b, d)
}
