package splitdns

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// How long what was learned counts: as long as the answer does, and a little more, since
// who has asked uses an address some time later; a day at most.
const (
	slack      = 10 * time.Minute
	maxTTL     = 24*time.Hour - slack
	maxLearned = 1024 // addresses in one answer
	maxAliases = 64   // names in one answer that its name leads to
)

// found is what an answer leads to.
type found struct {
	addrs    []netip.Addr
	aliases  []string // canonical names that the name leads to, some of which will be asked for next
	lifetime time.Duration
}

// errCut: an answer had no room in its datagram, and ends where nothing can be read.
var errCut = errors.New("the answer is cut")

var errTooMany = fmt.Errorf("the answer has more than %d addresses or %d names", maxLearned, maxAliases)

// record is one of an answer, as far as it leads anywhere.
type record struct {
	owner  string
	direct bool // an address among the answers, not beside them
	ttl    time.Duration
	addrs  []netip.Addr
	leads  string // canonical; "": nowhere
}

// learn reads what an answer for a name leads to: the addresses of the name itself and of
// those that it leads to, by CNAME, HTTPS, SVCB and SRV. All addresses among the answers
// count, whatever their names, since there are resolvers that take them all (musl).
func learn(msg []byte, name string) (f found, err error) {
	records, err := readRecords(msg)
	if err != nil {
		return found{}, err
	}
	byOwner := map[string][]record{}
	ttl := maxTTL
	seen, have := map[string]bool{name: true}, map[netip.Addr]bool{}
	take := func(r record) {
		ttl = min(ttl, r.ttl)
		for _, a := range r.addrs {
			if !have[a] && routable(a) {
				have[a] = true
				f.addrs = append(f.addrs, a)
			}
		}
	}
	for _, r := range records {
		byOwner[r.owner] = append(byOwner[r.owner], r)
	}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		for _, r := range byOwner[queue[0]] {
			take(r)
			if r.leads != "" && !seen[r.leads] {
				seen[r.leads] = true
				queue = append(queue, r.leads)
				f.aliases = append(f.aliases, r.leads)
			}
		}
		if len(f.addrs) > maxLearned || len(f.aliases) > maxAliases {
			return found{}, errTooMany
		}
	}
	for _, r := range records {
		if r.direct {
			take(r)
		}
	}
	if len(f.addrs) > maxLearned {
		return found{}, errTooMany
	}
	f.lifetime = ttl + slack
	return f, nil
}

// routable reports whether packets to an address could be led anywhere else. An answer can
// say what it likes.
func routable(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// readRecords reads the answers and the additional records of a message.
func readRecords(msg []byte) (list []record, err error) {
	var p dnsmessage.Parser
	if _, err := p.Start(msg); err != nil {
		return nil, err
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, err
	}
	if list, err = readSection(nil, p.AnswerHeader, p.SkipAnswer, &p); err != nil {
		return nil, err
	}
	if err := p.SkipAllAuthorities(); err != nil {
		return nil, err
	}
	answers := len(list)
	if list, err = readSection(list, p.AdditionalHeader, p.SkipAdditional, &p); err != nil {
		return nil, err
	}
	for i := range list[answers:] {
		list[answers+i].direct = false
	}
	return list, nil
}

func readSection(list []record, next func() (dnsmessage.ResourceHeader, error), skip func() error, p *dnsmessage.Parser) ([]record, error) {
	for {
		h, err := next()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		r := record{owner: canonical(h.Name.String()), ttl: ttlOf(h.TTL)}
		known, err := r.read(h, p)
		if err == nil && !known {
			err = skip()
		}
		if err != nil {
			return nil, err
		}
		if known {
			list = append(list, r)
		}
	}
}

// ttlOf takes no more than maxTTL, and a value with the highest bit for none (RFC 2181).
func ttlOf(seconds uint32) time.Duration {
	if seconds>>31 != 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxTTL)
}

// read reads the record that h is the header of. known is false for one that leads nowhere,
// which is not read.
func (r *record) read(h dnsmessage.ResourceHeader, p *dnsmessage.Parser) (known bool, err error) {
	if h.Class != dnsmessage.ClassINET {
		return false, nil
	}
	switch h.Type {
	case dnsmessage.TypeA:
		a, err := p.AResource()
		r.addrs, r.direct = []netip.Addr{netip.AddrFrom4(a.A)}, true
		return true, err
	case dnsmessage.TypeAAAA:
		a, err := p.AAAAResource()
		r.addrs, r.direct = []netip.Addr{netip.AddrFrom16(a.AAAA).Unmap()}, true
		return true, err
	case dnsmessage.TypeCNAME:
		c, err := p.CNAMEResource()
		r.leads = canonical(c.CNAME.String())
		return true, err
	case dnsmessage.TypeSRV:
		s, err := p.SRVResource()
		r.leads = canonical(s.Target.String())
		return true, err
	case dnsmessage.TypeSVCB:
		s, err := p.SVCBResource()
		r.service(s)
		return true, err
	case dnsmessage.TypeHTTPS:
		s, err := p.HTTPSResource()
		r.service(s.SVCBResource)
		return true, err
	}
	return false, nil
}

// service takes what RFC 9460 calls target and hints.
func (r *record) service(s dnsmessage.SVCBResource) {
	r.leads = canonical(s.Target.String()) // "": the owner itself
	for _, p := range s.Params {
		size := map[dnsmessage.SVCParamKey]int{dnsmessage.SVCParamIPv4Hint: 4, dnsmessage.SVCParamIPv6Hint: 16}[p.Key]
		for b := p.Value; size > 0 && len(b) >= size; b = b[size:] {
			a, _ := netip.AddrFromSlice(b[:size])
			r.addrs = append(r.addrs, a.Unmap())
		}
	}
}
