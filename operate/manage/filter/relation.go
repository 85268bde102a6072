package filter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"culvert/nic/frame"
)

// number is an arithmetic expression: 32 bits that wrap, as in BPF. Bytes past
// the packet's end, and a division by zero, call the match off; those of a
// header that the packet does not have make the comparison false.
type number func(v *view) uint32

// constants are the names of offsets and values that pcap-filter(7) has.
var constants = map[string]uint32{
	"icmptype": 0, "icmpcode": 1, "icmp6type": 0, "icmp6code": 1, "tcpflags": 13,
	"icmp-echoreply": 0, "icmp-unreach": 3, "icmp-redirect": 5, "icmp-echo": 8, "icmp-timxceed": 11,
	"icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-routersolicit": 133, "icmp6-routeradvert": 134,
	"icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136,
	"tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8, "tcp-ack": 16, "tcp-urg": 32,
}

var relations = map[string]func(a, b uint32) bool{
	"=": func(a, b uint32) bool { return a == b }, "==": func(a, b uint32) bool { return a == b },
	"!=": func(a, b uint32) bool { return a != b },
	"<":  func(a, b uint32) bool { return a < b }, "<=": func(a, b uint32) bool { return a <= b },
	">": func(a, b uint32) bool { return a > b }, ">=": func(a, b uint32) bool { return a >= b },
}

// operators by how tightly they bind, the loosest first.
var operators = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}}

// errNoNumber is what is no arithmetic expression after all.
var errNoNumber = errors.New("filter: expected a number")

// relation reads a comparison of numbers; nil if here is none. What it read
// for that is given back.
func (p *parser) relation(depth int) (test, error) {
	before := p.lexer
	a, err := p.arithmetic(0, depth)
	compare, ok := relations[p.token]
	if errors.Is(err, errNoNumber) || err == nil && !ok {
		p.lexer = before
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	b, err := p.arithmetic(0, depth)
	if errors.Is(err, errNoNumber) {
		err = p.unexpected("a number")
	}
	return func(v *view) bool {
		v.absent = false
		return compare(a(v), b(v)) && !v.absent
	}, err
}

// arithmetic reads operators of one level and all that bind more tightly.
func (p *parser) arithmetic(level, depth int) (number, error) {
	if level == len(operators) {
		return p.factor(depth)
	}
	a, err := p.arithmetic(level+1, depth)
	for err == nil && slices.Contains(operators[level], p.token) {
		operator := p.token
		if err = p.next(); err != nil {
			break
		}
		var b number
		b, err = p.arithmetic(level+1, depth)
		a = operate(operator, a, b)
	}
	return a, err
}

func operate(operator string, a, b number) number {
	return func(v *view) uint32 {
		x, y := a(v), b(v)
		switch operator {
		case "|":
			return x | y
		case "^":
			return x ^ y
		case "&":
			return x & y
		case "<<":
			return x << y
		case ">>":
			return x >> y
		case "+":
			return x + y
		case "-":
			return x - y
		case "*":
			return x * y
		}
		if y == 0 {
			v.short = true
			return 0
		}
		if operator == "/" {
			return x / y
		}
		return x % y
	}
}

// factor is a number, len, bytes of a header, or an expression in parentheses.
func (p *parser) factor(depth int) (number, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("filter: nested more than %d deep", maxDepth)
	}
	word := p.token
	if word == "(" {
		if err := p.next(); err != nil {
			return nil, err
		}
		n, err := p.arithmetic(0, depth+1)
		if err == nil && p.token != ")" {
			err = errNoNumber
		}
		if err != nil {
			return nil, err
		}
		return n, p.next()
	}
	if slices.Contains(protoWords, word) {
		return p.bytes(word, depth)
	}
	n, known := constants[word]
	if !known && word != "len" {
		parsed, err := strconv.ParseUint(word, 0, 32)
		if err != nil {
			return nil, errNoNumber
		}
		n = uint32(parsed)
	}
	if word == "len" {
		return func(v *view) uint32 { return uint32(len(v.whole())) }, p.next()
	}
	return func(*view) uint32 { return n }, p.next()
}

// bytes is proto[offset] or proto[offset:size].
func (p *parser) bytes(proto string, depth int) (number, error) {
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.token != "[" {
		return nil, errNoNumber
	}
	header, err := p.header(proto)
	if err != nil {
		return nil, err
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	offset, err := p.arithmetic(0, depth+1)
	if errors.Is(err, errNoNumber) {
		err = p.unexpected("an offset")
	}
	if err != nil {
		return nil, err
	}
	size := 1
	if p.token == ":" {
		if err := p.next(); err != nil {
			return nil, err
		}
		if size, err = strconv.Atoi(p.token); err != nil || size != 1 && size != 2 && size != 4 {
			return nil, p.unexpected("a size of 1, 2 or 4 bytes")
		}
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	return func(v *view) uint32 { return v.load(header(v), offset(v), size) }, p.must("]")
}

// load reads bytes in network order.
func (v *view) load(b []byte, at uint32, size int) uint32 {
	if b == nil {
		v.absent = true
		return 0
	}
	if uint64(at)+uint64(size) > uint64(len(b)) {
		v.short = true
		return 0
	}
	switch b = b[at:]; size {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(binary.BigEndian.Uint16(b))
	}
	return binary.BigEndian.Uint32(b)
}

// header is where the bytes of a protocol begin; nothing in packets of another.
func (p *parser) header(proto string) (func(v *view) []byte, error) {
	kind, isType := types[proto]
	switch {
	case p.link == IP && (proto == "ether" || isType && kind != frame.TypeIPv4 && kind != frame.TypeIPv6):
		return nil, errNever
	case proto == "ether":
		return func(v *view) []byte { return v.link }, nil
	case isType:
		return func(v *view) []byte {
			if v.kind != kind {
				return nil
			}
			return v.net
		}, nil
	}
	in := inIP(proto, protocols[proto])
	return func(v *view) []byte {
		if !in(v) {
			return nil
		}
		return v.payload
	}, nil
}
