package filter

import (
	"fmt"
	"slices"
)

// parser reads an expression by the grammar of pcap-filter(7): `not` binds
// first; `and` and `or` bind alike, from left to right.
type parser struct {
	lexer
	link Link
	last quals // of the primitive before, which a bare name repeats
}

// quals are the qualifiers of a primitive.
type quals struct {
	proto, dir, kind string // "" where none is given
}

var (
	andWords  = []string{"and", "&&"}
	orWords   = []string{"or", "||"}
	notWords  = []string{"not", "!"}
	kindWords = []string{"host", "net", "port", "portrange", "proto"}
	// protoWords may stand before a kind, or alone.
	protoWords = []string{"ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6"}
)

func (p *parser) is(words []string) bool { return slices.Contains(words, p.token) }

// must goes on after a sign that has to be there.
func (p *parser) must(sign string) error {
	if p.token != sign {
		return p.unexpected("`" + sign + "`")
	}
	return p.next()
}

func (p *parser) unexpected(expected string) error {
	if p.token == "" {
		return fmt.Errorf("filter: it ends too early; expected %s", expected)
	}
	return fmt.Errorf("filter: %q before position %d was not expected; expected %s", p.token, p.at+1, expected)
}

func (p *parser) expression(depth int) (test, error) {
	left, err := p.term(depth)
	for err == nil && (p.is(andWords) || p.is(orWords)) {
		and := p.is(andWords)
		if err = p.next(); err != nil {
			break
		}
		var right test
		if right, err = p.term(depth); err == nil {
			left = join(and, left, right)
		}
	}
	return left, err
}

func join(and bool, a, b test) test {
	if and {
		return func(v *view) bool { return a(v) && b(v) }
	}
	return func(v *view) bool { return a(v) || b(v) }
}

func (p *parser) term(depth int) (test, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("filter: nested more than %d deep", maxDepth)
	}
	if p.is(notWords) {
		if err := p.next(); err != nil {
			return nil, err
		}
		t, err := p.term(depth + 1)
		return func(v *view) bool { return !t(v) }, err
	}
	if t, err := p.relation(depth); t != nil || err != nil {
		return t, err
	}
	if p.token == "(" {
		return p.parenthesis(depth)
	}
	return p.primitive(depth)
}

func (p *parser) parenthesis(depth int) (test, error) {
	if err := p.next(); err != nil {
		return nil, err
	}
	t, err := p.expression(depth + 1)
	if err != nil {
		return nil, err
	}
	return t, p.must(")")
}

// primitive is one condition.
func (p *parser) primitive(depth int) (test, error) {
	if t, err := p.special(); t != nil || err != nil {
		return t, err
	}
	q, given, err := p.qualifiers()
	if err != nil {
		return nil, err
	}
	if !given {
		q = p.last
		if p.token == "" || p.is(andWords) || p.is(orWords) || p.token == ")" {
			return nil, p.unexpected("a condition such as `host 10.8.0.6`, `tcp port 443` or `icmp`")
		}
		if q == (quals{}) {
			q.kind = "host"
		}
	}
	p.last = q
	if q.dir == "" && q.kind == "" {
		return p.protocol(q.proto)
	}
	return p.names(q, depth)
}

// names is what the qualifiers are of: a name, or several in parentheses.
func (p *parser) names(q quals, depth int) (test, error) {
	if p.token == "(" {
		p.last = q
		return p.parenthesis(depth)
	}
	name := p.token
	if name == "" || sign(name) > 0 {
		return nil, p.unexpected(map[string]string{"": "an IP address", "host": "an IP address", "net": "a network such as 10.8.0.0/24",
			"port": "a port such as 443", "portrange": "a range such as 8000-8080", "proto": "a protocol such as 6"}[q.kind])
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	return p.condition(q, name)
}

// qualifiers reads proto, direction and kind, each if it is there.
func (p *parser) qualifiers() (q quals, given bool, err error) {
	if p.is(protoWords) {
		q.proto, given = p.token, true
		if err = p.next(); err != nil {
			return q, given, err
		}
	}
	if p.token == "src" || p.token == "dst" {
		given = true
		if q.dir, err = p.direction(); err != nil {
			return q, given, err
		}
	}
	if p.is(kindWords) {
		q.kind, given = p.token, true
		err = p.next()
	}
	return q, given, err
}

// direction is src, dst, or both joined.
func (p *parser) direction() (string, error) {
	first := p.token
	if err := p.next(); err != nil || !p.is(andWords) && !p.is(orWords) {
		return first, err
	}
	// `src and dst` is one qualifier, `src a and dst b` is two.
	before := p.lexer
	and := p.is(andWords)
	if err := p.next(); err != nil {
		return "", err
	}
	if p.token != "src" && p.token != "dst" || p.token == first {
		p.lexer = before
		return first, nil
	}
	if and {
		return "both", p.next()
	}
	return "either", p.next()
}
