package policy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ports reads a word such as tcp, tcp/443, udp/8000-8999, icmp or proto/47. is is false if
// it is nothing of the kind; err says what it had to be.
func ports(text string) (list []Ports, is bool, err error) {
	name, rest, more := strings.Cut(text, "/")
	var p Ports
	switch name {
	case "tcp":
		p.proto = tcp
	case "udp":
		p.proto = udp
	case "icmp":
		if more {
			return nil, true, errors.New("icmp alone")
		}
		return []Ports{{icmp, 0, 65535}}, true, nil
	case "proto":
		n, err := strconv.ParseUint(rest, 10, 8)
		if err != nil {
			return nil, true, errors.New("the number of a protocol, such as proto/47 for GRE")
		}
		return protoPorts(uint8(n)), true, nil
	default:
		return nil, false, nil
	}
	if !more {
		return []Ports{{p.proto, 0, 65535}}, true, nil
	}
	first, last, isRange := strings.Cut(rest, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || from > to {
		return nil, true, errors.New("a port from 0 to 65535, or two with - between them, such as " + name + "/443 or " + name + "/8000-8999")
	}
	p.From, p.To = uint16(from), uint16(to)
	return []Ports{p}, true, nil
}

// String writes p as in a file.
func (p Ports) String() string {
	if p.proto == other {
		return fmt.Sprintf("proto/%d", p.From)
	}
	name := [...]string{tcp: "tcp", udp: "udp", icmp: "icmp"}[p.proto]
	switch {
	case p.From == 0 && p.To == 65535:
		return name
	case p.From == p.To:
		return fmt.Sprintf("%s/%d", name, p.From)
	}
	return fmt.Sprintf("%s/%d-%d", name, p.From, p.To)
}

// protoPorts are all packets of a protocol by its number.
func protoPorts(number uint8) []Ports {
	switch number {
	case protoTCP:
		return []Ports{{tcp, 0, 65535}}
	case protoUDP:
		return []Ports{{udp, 0, 65535}}
	case protoICMP, protoICMPv6:
		return []Ports{{icmp, 0, 65535}}
	}
	return []Ports{{other, uint16(number), uint16(number)}}
}

// none is the place of a rule where there is none: behind all.
const none = int32(1<<31 - 1)

// portTable finds the first rule for a port. It is never changed.
type portTable [protocols][]segment

// segment are the ports from start to where the next one begins.
type segment struct {
	start uint16
	rule  int32
}

// newPortTable makes the table of rules, which come in their order.
func newPortTable(rules []rule, list []int32) *portTable {
	t := new(portTable)
	for proto := range protocols {
		t[proto] = segments(rules, list, proto)
	}
	return t
}

// segments paints the ports of a protocol, each with the first rule that has it.
func segments(rules []rule, list []int32, proto protocol) (all []segment) {
	starts := []uint32{0}
	for _, i := range list {
		for _, p := range rules[i].ports {
			if p.proto == proto {
				starts = append(starts, uint32(p.From), uint32(p.To)+1)
			}
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	first := make([]int32, len(starts))
	for i := range first {
		first[i] = none
	}
	for _, i := range list {
		for _, p := range rules[i].ports {
			if p.proto != proto {
				continue
			}
			at, _ := slices.BinarySearch(starts, uint32(p.From))
			for ; at < len(starts) && starts[at] <= uint32(p.To); at++ {
				first[at] = min(first[at], i)
			}
		}
	}
	for i, start := range starts {
		if start <= 65535 && (len(all) == 0 || all[len(all)-1].rule != first[i]) {
			all = append(all, segment{uint16(start), first[i]})
		}
	}
	return all
}

// first returns the first rule for a port, or none.
func (t *portTable) first(proto protocol, port uint16) int32 {
	if t == nil {
		return none
	}
	all := t[proto]
	low, high := 0, len(all)-1 // all[low].start <= port, since the first starts at 0
	for low < high {
		middle := int(uint(low+high+1) >> 1)
		if all[middle].start <= port {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return all[low].rule
}
