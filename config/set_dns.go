package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// setDNS is `dns search-domains NAME...` and `dns server N KEY VALUE...`.
func setDNS(b *builder, d *call) error {
	switch {
	case d.args[0] == "search-domains" && len(d.args) > 1:
		return b.addDomains(d, d.args[1:])
	case d.args[0] == "server" && len(d.args) > 3:
		return b.dnsServer(d)
	}
	return d.expected(strings.Join(d.args, " "), "search-domains NAME, or server N KEY VALUE")
}

// dnsServer changes one setting of the server with the number given.
func (b *builder) dnsServer(d *call) error {
	n, err := b.int(d, 1, -128, 127)
	if err != nil {
		return err
	}
	if n < 0 && d.File == pushed {
		return d.expected(d.args[1], span(0, 127))
	}
	s := DNSServer{Priority: n}
	i, found := slices.BinarySearchFunc(b.Routing.DNS.Servers, n, func(s DNSServer, n int) int { return cmp.Compare(s.Priority, n) })
	if found {
		s = b.Routing.DNS.Servers[i]
	}
	if err := b.setDNSServer(&s, d); err != nil {
		return err
	}
	if found {
		b.Routing.DNS.Servers[i] = s
	} else {
		b.Routing.DNS.Servers = slices.Insert(b.Routing.DNS.Servers, i, s)
	}
	return nil
}

// setDNSServer changes one setting of a server. This host's resolvers are given
// addresses and domains; how they ask is their own business.
func (b *builder) setDNSServer(s *DNSServer, d *call) error {
	key, values := d.args[2], d.args[3:]
	if key != "address" && key != "resolve-domains" && len(values) > 1 {
		return d.expected(strings.Join(values, " "), "one value after "+key)
	}
	switch key {
	case "address":
		return s.setAddrs(d, values)
	case "resolve-domains":
		if err := checkDomains(d, values); err != nil {
			return err
		}
		if len(s.ResolveDomains)+len(values) > maxNames {
			return d.fault("", fmt.Sprintf("more than %d domains for one server", maxNames), "")
		}
		s.ResolveDomains = append(slices.Clip(s.ResolveDomains), values...)
		return nil
	case "dnssec":
		return b.unheeded(d, "whether answers are validated is up to this host's resolver", "no", "optional", "yes")
	case "transport":
		return b.unheeded(d, "queries go by plain DNS, inside the tunnel", "plain", "DoH", "DoT")
	case "sni":
		b.remark(d, "sni: ignored, as queries go by plain DNS, inside the tunnel")
		return nil
	}
	return d.expected(key, "address, resolve-domains, dnssec, transport or sni")
}

// checkDNS wants an address of each server.
func (b *builder) checkDNS() {
	for _, s := range b.Routing.DNS.Servers {
		if len(s.Addrs) == 0 {
			b.problem("dns", fmt.Sprintf("server %d has no address", s.Priority), fmt.Sprintf("add the line: dns server %d address ADDRESS", s.Priority))
		}
	}
}

// dropUnreachable leaves out, with a note, pushed servers without an address.
func (b *builder) dropUnreachable() {
	b.Routing.DNS.Servers = slices.DeleteFunc(b.Routing.DNS.Servers, func(s DNSServer) bool {
		if len(s.Addrs) == 0 {
			b.note(Pos{File: pushed}, fmt.Sprintf("dns: ignored: server %d has no address", s.Priority))
		}
		return len(s.Addrs) == 0
	})
}

// setAddrs takes up to eight addresses, each alone or with a port.
func (s *DNSServer) setAddrs(d *call, values []string) error {
	const most = 8
	if len(s.Addrs)+len(values) > most {
		return d.fault("", fmt.Sprintf("more than %d addresses for one server", most), "")
	}
	addrs := slices.Clone(s.Addrs)
	for _, v := range values {
		ap, err := netip.ParseAddrPort(v)
		if err != nil {
			a, bare := netip.ParseAddr(strings.Trim(v, "[]"))
			ap, err = netip.AddrPortFrom(a, 0), bare
		}
		if err != nil {
			return d.expected(v, "an address such as 10.8.0.1, 10.8.0.1:53 or [fd00::1]:53")
		}
		addrs = append(addrs, ap)
	}
	s.Addrs = addrs
	return nil
}

// unheeded takes the last argument, one of words, and says what is done
// instead, unless it is the first of them, which asks for nothing.
func (b *builder) unheeded(d *call, instead string, words ...string) error {
	var value string
	if err := oneOf(d, &value, d.args[3], words...); err != nil {
		return err
	}
	if value != words[0] {
		b.remark(d, d.args[2]+" "+value+": ignored; "+instead)
	}
	return nil
}

func oneOf(d *call, field *string, value string, words ...string) error {
	if !slices.Contains(words, value) {
		return d.expected(value, strings.Join(words, " or "))
	}
	*field = value
	return nil
}
