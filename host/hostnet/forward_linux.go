package hostnet

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

func (linux) forwardDrops(device string, networks []netip.Prefix) ([]chain, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, meaning(err)
	}
	chains, err := c.ListChains()
	if err != nil {
		return nil, meaningFilter(err)
	}
	w := walk{rules: func(t *nftables.Table, name string) ([]*nftables.Rule, error) {
		return c.GetRules(t, &nftables.Chain{Name: name, Table: t})
	}}
	var drops []chain
	for _, ch := range chains {
		if !filtersForwarded(ch) {
			continue
		}
		stopped, err := w.stops(ch, travellers(ch.Table.Family, device, networks))
		if err != nil {
			return nil, meaning(err)
		}
		if stopped {
			drops = append(drops, chain{Family: familyName(ch.Table.Family), Table: ch.Table.Name, Name: ch.Name})
		}
	}
	return drops, nil
}

// filtersForwarded reports whether a chain decides about forwarded packets, and is nobody's
// of this program. iptables-nft makes such chains, too.
func filtersForwarded(ch *nftables.Chain) bool {
	return ch.Hooknum != nil && *ch.Hooknum == *nftables.ChainHookForward && ch.Type == nftables.ChainTypeFilter &&
		ch.Table.Family != nftables.TableFamilyBridge && !strings.HasPrefix(ch.Table.Name, "culvert-")
}

// traveller is a packet that is forwarded, as far as filters ask about it.
type traveller struct {
	in, out  string       // the devices; "": another one than any rule names
	src, dst netip.Prefix // it is from, or to, anywhere in it; not valid: anywhere
	six      bool
	back     bool // it belongs to a connection whose first packet was let through
}

// travellers are packets from a device to where the default route leads, and back, of the
// families of a table: those of the networks, or where there are none, any.
func travellers(family nftables.TableFamily, device string, networks []netip.Prefix) (list []traveller) {
	if len(networks) == 0 {
		networks = []netip.Prefix{{}}
	}
	for _, six := range []bool{false, true} {
		if family == nftables.TableFamilyIPv4 && six || family == nftables.TableFamilyIPv6 && !six {
			continue
		}
		way, _ := defaultWay(six)
		for _, n := range networks {
			if n.IsValid() && n.Addr().Is6() != six {
				continue
			}
			list = append(list, traveller{in: device, out: way.Device, src: n, six: six}, traveller{in: way.Device, out: device, dst: n, six: six, back: true})
		}
	}
	return list
}

// match says whether a rule is about a packet.
type match int

const (
	noMatch  match = iota
	mayMatch       // it asks for more than is known
	doesMatch
)

// fate is what becomes of a packet in a chain.
type fate int

const (
	goesOn fate = iota
	passes
	stops
)

// walk follows packets through the chains of packet filters.
type walk struct {
	rules func(*nftables.Table, string) ([]*nftables.Rule, error)
	known map[string][]*nftables.Rule
	steps int // rules that the present packet has come to
}

// mostJumps is how deep chains may be in one another, as the kernel has it.
const mostJumps = 16

// mostSteps is how many rules a packet is followed through. Chains that call each other again
// and again have no end; then nothing is said.
const mostSteps = 200_000

// stops reports whether a chain of a hook drops one of some packets for sure.
func (w *walk) stops(ch *nftables.Chain, packets []traveller) (bool, error) {
	for _, p := range packets {
		w.steps = 0
		f, err := w.follow(ch.Table, ch.Name, p, reason{doesMatch, false}, 0)
		if err != nil {
			return false, err
		}
		if f == stops || f == goesOn && ch.Policy != nil && *ch.Policy == nftables.ChainPolicyDrop {
			return true, nil
		}
	}
	return false, nil
}

// reason is why a packet comes to a rule: what the rules before it asked for.
type reason struct {
	match match
	named bool // one of them names its device or network
}

func (r reason) and(m match, named bool) reason { return reason{min(r.match, m), r.named || named} }

// follow finds out what becomes of a packet in a chain. A rule that accepts counts if it is
// about the packet for sure, or names its device or network: what else it asks for is the
// administrator's business. One that drops has to be about it for sure.
func (w *walk) follow(t *nftables.Table, name string, p traveller, why reason, depth int) (fate, error) {
	rules, err := w.of(t, name)
	if err != nil || depth > mostJumps {
		return goesOn, err
	}
	for _, r := range rules {
		if w.steps++; w.steps > mostSteps {
			return passes, nil
		}
		m, named := p.matches(r.Exprs)
		if m == noMatch {
			continue
		}
		here := why.and(m, named)
		verdict, to := verdictOf(r.Exprs)
		switch verdict {
		case expr.VerdictAccept:
			if here.match == doesMatch || here.named {
				return passes, nil
			}
		case expr.VerdictDrop:
			if here.match == doesMatch {
				return stops, nil
			}
		case expr.VerdictReturn:
			if m == doesMatch {
				return goesOn, nil
			}
		case expr.VerdictJump, expr.VerdictGoto:
			f, err := w.follow(t, to, p, here, depth+1)
			if err != nil || f != goesOn {
				return f, err
			}
			if verdict == expr.VerdictGoto && m == doesMatch {
				return goesOn, nil
			}
		}
	}
	return goesOn, nil
}

// of returns the rules of a chain, which are asked for once.
func (w *walk) of(t *nftables.Table, name string) ([]*nftables.Rule, error) {
	key := familyName(t.Family) + " " + t.Name + " " + name
	if list, ok := w.known[key]; ok {
		return list, nil
	}
	list, err := w.rules(t, name)
	if w.known == nil {
		w.known = map[string][]*nftables.Rule{}
	}
	w.known[key] = list
	return list, err
}

// undecided is the verdict of a rule that has none.
const undecided = expr.VerdictContinue

// verdictOf returns what a rule does with packets, by nftables' words or by iptables' targets,
// and the chain to which it leads.
func verdictOf(exprs []expr.Any) (kind expr.VerdictKind, to string) {
	for _, e := range exprs {
		switch e := e.(type) {
		case *expr.Verdict:
			return e.Kind, e.Chain
		case *expr.Reject:
			return expr.VerdictDrop, ""
		case *expr.Target:
			if e.Name == "REJECT" || e.Name == "DROP" {
				return expr.VerdictDrop, ""
			}
		case *expr.Lookup:
			if e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT {
				return expr.VerdictAccept, "" // a map that has one for this packet, maybe
			}
		}
	}
	return undecided, ""
}

// loaded is what a rule compares next: what of a packet, and which bits of it.
type loaded struct {
	from expr.Any // *expr.Meta, *expr.Payload or *expr.Ct
	mask []byte   // nil: all
}

// matches reports whether a rule is about a packet, and whether it names its device or network.
func (p traveller) matches(exprs []expr.Any) (m match, named bool) {
	regs := map[uint32]loaded{}
	m = doesMatch
	for _, e := range exprs {
		asks, name := doesMatch, false
		switch e := e.(type) {
		case *expr.Meta:
			if !e.SourceRegister {
				regs[e.Register] = loaded{from: e}
			}
		case *expr.Payload:
			regs[e.DestRegister] = loaded{from: e}
		case *expr.Ct:
			regs[e.Register] = loaded{from: e}
		case *expr.Bitwise:
			regs[e.DestRegister] = loaded{regs[e.SourceRegister].from, e.Mask}
		case *expr.Cmp:
			asks, name = p.compares(regs[e.Register], e)
		case *expr.Lookup:
			asks, name = p.looksUp(regs[e.SourceRegister].from)
		case *expr.Match:
			asks = p.extension(e)
		case *expr.Counter, *expr.Log, *expr.Verdict, *expr.Reject, *expr.Target, *expr.Objref, *expr.Immediate:
		default:
			asks = mayMatch
		}
		if asks == noMatch {
			return noMatch, false
		}
		m, named = min(m, asks), named || name
	}
	return m, named
}

// compares answers one comparison.
func (p traveller) compares(l loaded, c *expr.Cmp) (m match, named bool) {
	var equal bool
	switch from := l.from.(type) {
	case *expr.Meta:
		is, known := p.isMeta(from.Key, c.Data)
		if !known {
			return mayMatch, false
		}
		equal = is
		named = from.Key != expr.MetaKeyNFPROTO
	case *expr.Payload:
		of, known := p.network(from)
		if !known {
			return mayMatch, false
		}
		equal, named = covers(c.Data, l.mask, of), true
	case *expr.Ct:
		if from.Key != expr.CtKeySTATE || len(l.mask) != 4 || slices.ContainsFunc(c.Data, func(b byte) bool { return b != 0 }) {
			return mayMatch, false
		}
		equal = !p.inState(binary.NativeEndian.Uint32(l.mask))
	default:
		return mayMatch, false
	}
	if c.Op != expr.CmpOpEq && c.Op != expr.CmpOpNeq {
		return mayMatch, false
	}
	if equal != (c.Op == expr.CmpOpEq) {
		return noMatch, false
	}
	return doesMatch, named && equal
}

// isMeta reports whether a property of a packet is a value, if that is known.
func (p traveller) isMeta(key expr.MetaKey, value []byte) (is, known bool) {
	switch key {
	case expr.MetaKeyIIFNAME:
		return len(value) > 0 && p.in != "" && bytes.HasPrefix(interfaceName(p.in), value), true
	case expr.MetaKeyOIFNAME:
		return len(value) > 0 && p.out != "" && bytes.HasPrefix(interfaceName(p.out), value), true
	case expr.MetaKeyIIF:
		return isIndex(p.in, value), true
	case expr.MetaKeyOIF:
		return isIndex(p.out, value), true
	case expr.MetaKeyNFPROTO:
		want := byte(unix.NFPROTO_IPV4)
		if p.six {
			want = unix.NFPROTO_IPV6
		}
		return bytes.Equal(value, []byte{want}), true
	}
	return false, false
}

// isIndex reports whether a device has a number.
func isIndex(device string, number []byte) bool {
	i, err := net.InterfaceByName(device)
	return err == nil && bytes.Equal(number, native(uint32(i.Index)))
}

// network is the source or destination of a packet, if a rule looks at that.
func (p traveller) network(at *expr.Payload) (of netip.Prefix, known bool) {
	source, length := uint32(12), uint32(4) // RFC 791, RFC 8200
	if p.six {
		source, length = 8, 16
	}
	switch {
	case at.Base != expr.PayloadBaseNetworkHeader:
	case at.Offset == source:
		return p.src, p.src.IsValid()
	case at.Offset == source+length:
		return p.dst, p.dst.IsValid()
	}
	return of, false
}

// inState reports whether a packet's connection is in one of some states.
func (p traveller) inState(bits uint32) bool {
	if p.back {
		return bits&expr.CtStateBitESTABLISHED != 0
	}
	return bits&expr.CtStateBitNEW != 0
}

// looksUp answers whether a set may have what it is asked for. Sets are not looked into.
func (p traveller) looksUp(key expr.Any) (m match, named bool) {
	switch key := key.(type) {
	case *expr.Meta:
		named = slices.Contains([]expr.MetaKey{expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME, expr.MetaKeyIIF, expr.MetaKeyOIF}, key.Key)
	case *expr.Payload:
		_, named = p.network(key)
	case *expr.Ct:
		named = key.Key == expr.CtKeySTATE && p.back
	}
	return mayMatch, named
}

// extension answers a match of iptables.
func (p traveller) extension(e *expr.Match) match {
	switch info := e.Info.(type) {
	case *xt.ConntrackMtinfo3:
		return p.tracked(uint32(info.StateMask), info.InvertFlags, info.MatchFlags)
	case *xt.ConntrackMtinfo2:
		return p.tracked(uint32(info.StateMask), info.InvertFlags, info.MatchFlags)
	}
	if e.Name == "comment" {
		return doesMatch
	}
	return mayMatch
}

// onlyState is when iptables' conntrack asks for nothing but the state of a connection
// (linux/netfilter/xt_conntrack.h, XT_CONNTRACK_STATE).
const onlyState = 1

func (p traveller) tracked(states uint32, invert, asks uint16) match {
	switch {
	case asks&onlyState == 0:
		return mayMatch
	case p.inState(states) == (invert&onlyState != 0):
		return noMatch
	case asks != onlyState:
		return mayMatch
	}
	return doesMatch
}
