package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"culvert/internal/domain"
)

// setServer makes this process a server of a network. The lease book works out the
// addresses in it, and what is pushed.
func setServer(b *builder, d *call) error {
	net, err := d.addr4(0)
	if err != nil {
		return err
	}
	bits, err := d.mask(1)
	if err != nil {
		return err
	}
	p := netip.PrefixFrom(net, bits)
	if p.Masked() != p {
		return d.fault(d.args[0], "has bits set beyond the netmask", "write server "+p.Masked().Addr().String()+" "+d.args[1])
	}
	noPool := len(d.args) > 2
	if noPool && d.args[2] != "nopool" {
		return d.expected(d.args[2], "nopool, or nothing")
	}
	b.Server.Network, b.Server.NoPool = p, noPool
	b.Mode, b.TLSServer = ModeServer, true
	return nil
}

// networkIPv6 is the setter of an IPv6 network of a server.
func networkIPv6(field func(*Config) *netip.Prefix) setter {
	return func(b *builder, d *call) error {
		p, err := d.prefix6(0)
		if err != nil {
			return err
		}
		if p.Bits() < 64 || p.Bits() > 124 {
			return d.expected(d.args[0], "a network of length 64 to 124")
		}
		*field(b.Config) = p
		return nil
	}
}

// setServerIPv6 makes this process a server, of IPv6 alone without `server`.
func setServerIPv6(b *builder, d *call) error {
	err := networkIPv6(func(c *Config) *netip.Prefix { return &c.Server.NetworkIPv6 })(b, d)
	if err == nil {
		b.Mode, b.TLSServer = ModeServer, true
	}
	return err
}

func setIfconfigPool(b *builder, d *call) error {
	p, err := d.pool(0)
	if err != nil {
		return err
	}
	if len(d.args) > 2 {
		if p.Bits, err = d.mask(2); err != nil {
			return err
		}
	}
	b.Server.Pool = p
	return nil
}

// pool is arguments i and i+1 as the ends of a range.
func (d *call) pool(i int) (*Pool, error) {
	start, err := d.addr4(i)
	if err != nil {
		return nil, err
	}
	end, err := d.addr4(i + 1)
	if err != nil {
		return nil, err
	}
	if end.Less(start) {
		return nil, d.expected(d.args[i+1], "an address not below "+d.args[i])
	}
	const most = 1 << 16
	if size := poolSize(start, end); size > most {
		return nil, d.fault(d.args[i+1], fmt.Sprintf("%d addresses, more than %d", size, most), "write a smaller range")
	}
	return &Pool{Start: start, End: end}, nil
}

func poolSize(start, end netip.Addr) int {
	s, e := start.As4(), end.As4()
	n := 0
	for i := range s {
		n = n<<8 + int(e[i]) - int(s[i])
	}
	return n + 1
}

func setPoolPersist(b *builder, d *call) error {
	interval := 600
	if len(d.args) > 1 {
		var err error
		if interval, err = d.int(1, 0, maxSeconds); err != nil {
			return err
		}
	}
	b.Server.PoolPersist, b.Server.PoolPersistInterval = d.args[0], time.Duration(interval)*time.Second
	return nil
}

// maxPush is the length of an option, in bytes, that still fits a control message
// that every client can take.
const maxPush = 960

// setPush also takes an option without quotes. One that clients would not take gets
// a note; one that keeps them from connecting is refused.
func setPush(b *builder, d *call) error {
	if len(d.args) > 1 {
		d.remark("read as one option; OpenVPN wants it in quotes")
	}
	option := withoutTabs(d, strings.Join(d.args, " "))
	switch {
	case strings.TrimSpace(option) == "":
		d.remark("has no option, so nothing is pushed")
		return nil
	case strings.Contains(option, ","):
		return d.fault(option, "has a comma, which ends an option on the wire, so no client could connect", "write a line for each option")
	case strings.ContainsFunc(option, isControl):
		return d.fault(option, "has a control character, for which clients drop the whole push, so none could connect", "write it without")
	case len(option) > maxPush:
		return d.fault(option, fmt.Sprintf("is longer than the %d bytes that clients take", maxPush), "push less, or several lines")
	}
	if err := checkPush(b.rows, option); err != nil {
		d.remark("clients will not take " + quote(option) + ": " + err.Error())
	}
	b.Server.Push = append(b.Server.Push, option)
	return nil
}

// isControl reports whether clients of OpenVPN 2.6 drop a message with c in it.
func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// withoutTabs writes blanks in place of tabs, which are control characters.
func withoutTabs(d *call, option string) string {
	if strings.Contains(option, "\t") {
		d.remark("a tab is pushed as a blank, since clients take no control characters")
	}
	return strings.ReplaceAll(option, "\t", " ")
}

// setHashSize checks the sizes as OpenVPN does.
func setHashSize(b *builder, d *call) error {
	for i := range d.args {
		if _, err := d.int(i, 1, maxSeconds); err != nil {
			return err
		}
	}
	return nil
}

func setClientCertNotRequired(b *builder, d *call) error {
	d.remark("read as verify-client-cert none")
	b.Trust.VerifyClientCert = ClientCertNone
	return nil
}

// setConnectFreq reads 0 seconds as no limit.
func setConnectFreq(b *builder, d *call) error {
	if _, err := d.int(0, 0, maxSeconds); err == nil && d.args[1] == "0" {
		b.Server.ConnectFreq = Rate{}
		d.remark("0 seconds means no limit, as without the line")
		return nil
	}
	return rate(func(c *Config) *Rate { return &c.Server.ConnectFreq })(b, d)
}

// setPushConstraint takes the network that addresses of ifconfig-push must be in.
func setPushConstraint(b *builder, d *call) error {
	net, err := d.addr4(0)
	if err != nil {
		return err
	}
	bits, err := d.mask(1)
	if err != nil {
		return err
	}
	b.Server.PushConstraint = netip.PrefixFrom(net, bits).Masked()
	return nil
}

// defaultDomain is the one of `names`.
const defaultDomain = "vpn"

func setNames(b *builder, d *call) error {
	b.Server.Names = defaultDomain
	if len(d.args) == 0 {
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(d.args[0], "."))
	if ascii, err := domain.ASCII(name); err != nil || ascii != name {
		return d.expected(d.args[0], "a domain, such as vpn or vpn.example.org")
	}
	b.Server.Names = name
	return nil
}
