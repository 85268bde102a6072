// Package filter chooses packets by expressions in the syntax of
// pcap-filter(7), as tcpdump takes them.
//
// It has what looks at addresses, ports, protocols, lengths, VLANs and bytes.
// Beyond the manual: a VLAN tag hides nothing behind it, and tcp[...] and its
// like read IPv6 too. Names of hosts are not looked up.
package filter

import (
	"errors"
	"fmt"
)

// Link says what a packet begins with.
type Link int

// Links.
const (
	IP Link = iota
	Ethernet
)

// MaxLen and maxDepth bound an expression.
const (
	MaxLen   = 4096 // bytes
	maxDepth = 50   // of parentheses and `not`
)

// Filter is an expression, ready to be matched by any goroutine. Nil matches
// everything.
type Filter struct {
	link Link
	test test
}

// test is one condition. It may call off the whole match (view.short).
type test func(v *view) bool

// Parse reads an expression; an empty one gives nil. The error says where it
// went wrong and what would do.
func Parse(text string, link Link) (*Filter, error) {
	if len(text) > MaxLen {
		return nil, fmt.Errorf("a filter of %d bytes: expected at most %d", len(text), MaxLen)
	}
	p := &parser{lexer: lexer{text: text}, link: link}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.token == "" {
		return nil, nil
	}
	t, err := p.expression(0)
	if err == nil && p.token != "" {
		err = p.unexpected("the end, `and` or `or`")
	}
	if err != nil {
		return nil, err
	}
	return &Filter{link, t}, nil
}

// Match reports whether a packet matches the expression. As in pcap, one too short
// for the bytes that the expression reads does not.
func (f *Filter) Match(packet []byte) bool {
	if f == nil {
		return true
	}
	v := see(packet, f.link)
	return f.test(&v) && !v.short
}

// errNever is for what cannot be in packets without an Ethernet header.
var errNever = errors.New("these packets have no Ethernet header, as a TUN adapter carries IP alone: leave out ether, vlan, arp and rarp")
