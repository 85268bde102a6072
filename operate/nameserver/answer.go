package nameserver

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// lifetime is how long others may keep an answer, in seconds: clients come and go.
const lifetime = 30

// answer returns the zone's answer to a question, nil if it is not about the zone.
func (z *Zone) answer(q *dns.Msg) *dns.Msg {
	one := q.Question[0]
	name := dns.CanonicalName(one.Name)
	if one.Qclass != dns.ClassINET {
		return nil
	}
	a, isReverse := reversed(name)
	switch {
	case z.within(name):
		return z.byName(q, name)
	case isReverse && z.inside(a):
		return z.byAddress(q, a)
	}
	return nil
}

func (z *Zone) byName(q *dns.Msg, name string) *dns.Msg {
	one, m := q.Question[0], reply(q)
	addresses, there := z.addresses(name)
	if !there {
		m.Rcode = dns.RcodeNameError
	}
	header := func(kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: one.Name, Rrtype: kind, Class: dns.ClassINET, Ttl: lifetime}
	}
	for _, a := range addresses {
		switch {
		case one.Qtype == dns.TypeA && a.Is4():
			m.Answer = append(m.Answer, &dns.A{Hdr: header(dns.TypeA), A: a.AsSlice()})
		case one.Qtype == dns.TypeAAAA && a.Is6():
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	if name == z.domain && one.Qtype == dns.TypeSOA {
		m.Answer = append(m.Answer, z.soa(one.Name))
	}
	if len(m.Answer) == 0 {
		m.Ns = append(m.Ns, z.soa(z.domain))
	}
	return m
}

func (z *Zone) byAddress(q *dns.Msg, a netip.Addr) *dns.Msg {
	one, m := q.Question[0], reply(q)
	name := z.name(a)
	switch {
	case name == "":
		m.Rcode = dns.RcodeNameError
	case one.Qtype == dns.TypePTR:
		m.Answer = append(m.Answer, &dns.PTR{Hdr: dns.RR_Header{Name: one.Name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: lifetime}, Ptr: name})
	}
	if len(m.Answer) == 0 {
		m.Ns = append(m.Ns, z.soa(z.domain))
	}
	return m
}

// soa is the record that says how long others may keep that something is not there
// (RFC 2308).
func (z *Zone) soa(name string) dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: lifetime},
		Ns:  serverLabel + "." + z.domain, Mbox: "hostmaster." + z.domain, Serial: z.counts(), Refresh: 3600, Retry: 600, Expire: 86400, Minttl: lifetime,
	}
}

func reply(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	return m
}

// reversed returns the address that a canonical name of in-addr.arpa or ip6.arpa is of.
func reversed(name string) (netip.Addr, bool) {
	if text, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		parts := strings.Split(text, ".")
		if len(parts) != 4 {
			return netip.Addr{}, false
		}
		a, err := netip.ParseAddr(parts[3] + "." + parts[2] + "." + parts[1] + "." + parts[0])
		return a, err == nil
	}
	text, ok := strings.CutSuffix(name, ".ip6.arpa.")
	digits := strings.Split(text, ".")
	if !ok || len(digits) != 32 {
		return netip.Addr{}, false
	}
	var b strings.Builder
	for i := len(digits) - 1; i >= 0; i-- {
		if len(digits[i]) != 1 {
			return netip.Addr{}, false
		}
		b.WriteString(digits[i])
		if i%4 == 0 && i > 0 {
			b.WriteByte(':')
		}
	}
	a, err := netip.ParseAddr(b.String())
	return a, err == nil && a.Is6()
}
