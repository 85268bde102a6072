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
		return b.Routing.DNS.addDomains(d, d.args[1:])
	case d.args[0] == "server" && len(d.args) > 3:
		return b.Routing.DNS.setServer(d)
	}
	return d.expected(strings.Join(d.args, " "), "search-domains NAME, or server N KEY VALUE")
}

// setServer changes one setting of the server with the number given.
func (dns *DNS) setServer(d *call) error {
	n, err := d.int(1, -128, 127)
	if err != nil {
		return err
	}
	if n < 0 && d.File == pushed {
		return d.expected(d.args[1], span(0, 127))
	}
	s := DNSServer{Priority: n}
	i, found := slices.BinarySearchFunc(dns.Servers, n, func(s DNSServer, n int) int { return cmp.Compare(s.Priority, n) })
	if found {
		s = dns.Servers[i]
	}
	if err := s.set(d); err != nil {
		return err
	}
	if found {
		dns.Servers[i] = s
	} else {
		dns.Servers = slices.Insert(dns.Servers, i, s)
	}
	return nil
}

// set changes one setting of a server. This host's resolver gets addresses and
// domains; how it asks is its own business. Programs are told all.
func (s *DNSServer) set(d *call) error {
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
		s.DNSSEC = values[0]
		return unheeded(d, "this host's resolver decides whether answers are validated", "no", "optional", "yes")
	case "transport":
		s.Transport = values[0]
		return unheeded(d, "queries use plain DNS, inside the tunnel", "plain", "DoH", "DoT")
	case "sni":
		s.SNI = values[0]
		d.remark("sni: ignored, as queries use plain DNS, inside the tunnel")
		return nil
	}
	return d.expected(key, "address, resolve-domains, dnssec, transport or sni")
}

// dns checks that each DNS server has an address.
func (c check) dns() {
	for _, s := range c.Routing.DNS.Servers {
		if len(s.Addrs) == 0 {
			c.problem("dns", fmt.Sprintf("server %d has no address", s.Priority), fmt.Sprintf("add the line: dns server %d address ADDRESS", s.Priority))
		}
	}
}

// dropUnreachable drops, with a note, pushed servers without an address.
func (dns *DNS) dropUnreachable(r *record) {
	dns.Servers = slices.DeleteFunc(dns.Servers, func(s DNSServer) bool {
		if len(s.Addrs) == 0 {
			r.note(Pos{File: pushed}, fmt.Sprintf("dns: ignored: server %d has no address", s.Priority))
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

// unheeded checks that the last argument is one of words, and notes what is done
// instead, unless it is the first of them, which asks for nothing.
func unheeded(d *call, instead string, words ...string) error {
	var value string
	if err := oneOf(d, &value, d.args[3], words...); err != nil {
		return err
	}
	if value != words[0] {
		d.remark(d.args[2] + " " + value + ": ignored; " + instead)
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
