package hostnet

import (
	"context"
	"errors"
	"fmt"
)

// outsideDNSChange keeps programs of this host from asking for names but through the
// adapter (`block-outside-dns`). On Windows it ends with the process that made it.
type outsideDNSChange struct {
	Device string
	Mark   uint32 `json:",omitempty"` // of this program's own questions, if not OwnMark; 0: none
}

func (c *outsideDNSChange) String() string { return "block DNS (port 53) except through " + c.Device }

func (c *outsideDNSChange) apply(_ context.Context, k kernel) error {
	if err := k.blockOutsideDNS(c.Device, c.Mark); err != nil {
		return fmt.Errorf("%w; to go without, so that names may be asked outside the tunnel, remove block-outside-dns, "+
			"or if the server pushes it, add: pull-filter ignore block-outside-dns", err)
	}
	return nil
}

func (c *outsideDNSChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	return removed(named("the block of DNS except through "+c.Device), k.unblockOutsideDNS(c.Device))
}

func (c *outsideDNSChange) without(seen *observed) bool {
	was := seen.outsideDNSBlocked
	seen.outsideDNSBlocked = false
	return was
}

func (p *planner) planOutsideDNS() {
	switch why := p.is.limits.outsideDNS; {
	case !p.want.BlockOutsideDNS:
	case why != nil:
		p.fail(Failure{What: "DNS outside the tunnel", Err: why})
	default:
		if !p.want.Fenced {
			p.planProperty(propGroup, fencedGroup)
		}
		if !p.is.outsideDNSBlocked {
			c := &outsideDNSChange{Device: p.want.Device}
			if unusual(p.want.Mark) {
				c.Mark = p.want.Mark
			}
			p.add(c)
		}
	}
}

var errNoOutsideDNS = errors.New("it is blocked on Linux and Windows only; redirect-gateway and the pushed name servers keep names in the tunnel here")

// filterRule is a rule about connections that programs of this host begin. Of the rules
// that match one, that with the greatest weight decides; without any it is permitted.
type filterRule struct {
	name   string
	ipv6   bool // the family it is about
	block  bool
	weight uint64
	when   filterMatch
}

// filterMatch is what a connection must be like: the zero value of a field means any.
type filterMatch struct {
	port     uint16 // the remote one, over TCP or UDP
	adapter  uint64 // the LUID of the adapter that it leaves by
	program  string // as the filter names it
	loopback bool
}

// The weights: what is permitted is stronger than the block.
const (
	weightBlock uint64 = 1 + iota
	weightPermit
)

// outsideDNSRules block port 53 of other hosts except through the adapter. This program
// may use the port, since its server may listen there. Nor is a resolver on this host
// blocked, whose own questions are. What permits comes first, so that the rules may come
// into force one by one.
func outsideDNSRules(adapter uint64, program string) (rules []filterRule) {
	for _, ipv6 := range []bool{false, true} {
		rules = append(rules,
			filterRule{"permit DNS through the tunnel", ipv6, false, weightPermit, filterMatch{port: dnsPort, adapter: adapter}},
			filterRule{"permit the VPN's own connections", ipv6, false, weightPermit, filterMatch{port: dnsPort, program: program}},
			filterRule{"permit DNS on this host", ipv6, false, weightPermit, filterMatch{port: dnsPort, loopback: true}},
			filterRule{"block DNS outside the tunnel", ipv6, true, weightBlock, filterMatch{port: dnsPort}})
	}
	return rules
}
