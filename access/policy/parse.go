package policy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"culvert/access/users"
)

// The limits of a file.
const (
	maxFile  = 4 << 20 // bytes
	maxRules = 100_000
	maxItems = 1_000_000 // parties and ports of all rules, sets replaced by what they hold
)

// set is a named set.
type set struct {
	parties []Party
	ports   []Ports
}

// parser reads a file, line by line.
type parser struct {
	file  *File
	sets  map[string]set
	items int
	line  int
	text  string // of the line
	// words are the rest of the line; end is the column behind it.
	words []word
	end   int
	// named are the names in a rule.
	seen map[Party]bool
}

// statements are the words that a line begins with.
var statements = map[string]func(*parser) error{
	"set": (*parser).set, "default": (*parser).byDefault, "test": (*parser).test,
	"allow": func(p *parser) error { return p.rule(true) }, "deny": func(p *parser) error { return p.rule(false) },
	"route": (*parser).route, "dns": (*parser).dns, "exit": (*parser).exit,
}

// Parse reads a file of that name. If it fails, that is with an *Error for each faulty
// line, joined.
func Parse(name string, text []byte) (*File, error) {
	p := &parser{file: &File{Name: name, allow: true, without: "no rule of " + name + " is about it, and that has `default deny`"}, sets: make(map[string]set), seen: make(map[Party]bool)}
	if len(text) > maxFile {
		return nil, &Error{File: name, Line: 1, Text: fmt.Sprintf("the file has %d bytes; expected at most %d", len(text), maxFile)}
	}
	var faults []error
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		p.line++
		if err := p.read(strings.TrimRight(string(line), "\r\n")); err != nil {
			var fault *Error
			if !errors.As(err, &fault) {
				fault = &Error{Text: err.Error()}
			}
			fault.File, fault.Line = name, p.line
			if faults = append(faults, fault); len(faults) == 20 {
				break
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return p.file, nil
}

func (p *parser) read(line string) (err error) {
	p.text = strings.TrimSpace(line)
	if p.words, err = words(line); err != nil || len(p.words) == 0 {
		return err
	}
	last := p.words[len(p.words)-1]
	p.end = last.column + len([]rune(last.text))
	verb := p.words[0]
	do := statements[verb.text]
	if do == nil || verb.quoted {
		return p.fault(verb, "allow, deny, set, default, route, dns, exit or test"+nearest(verb.text, maps.Keys(statements)))
	}
	p.words = p.words[1:]
	return do(p)
}

// fault says what was expected in place of a word.
func (p *parser) fault(w word, expected string) error {
	return &Error{Column: w.column, Text: fmt.Sprintf("%.60q: expected %s", w.text, expected)}
}

// next takes the next word.
func (p *parser) next(expected string) (word, error) {
	if len(p.words) == 0 {
		return word{}, &Error{Column: p.end, Text: "the line ends here: expected " + expected}
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, nil
}

// done fails if there is more on the line.
func (p *parser) done() error {
	if len(p.words) > 0 {
		return p.fault(p.words[0], "the end of the line")
	}
	return nil
}

// peek reports whether one of these words comes next.
func (p *parser) peek(any ...string) bool {
	return len(p.words) > 0 && !p.words[0].quoted && slices.Contains(any, p.words[0].text)
}

func (p *parser) byDefault() error {
	w, err := p.next("allow or deny")
	if err != nil {
		return err
	}
	if w.text != "allow" && w.text != "deny" {
		return p.fault(w, "allow or deny")
	}
	p.file.allow = w.text == "allow"
	return p.done()
}

// reserved are words that cannot be a set's name, since they mean something.
var reserved = []string{"to", "with", "in", "can", "cannot", "reach", "yes", "no", "tcp", "udp", "icmp", "proto", "user", "group", "device", "client", "everyone", "server", "exit", "anything"}

func (p *parser) set() error {
	name, err := p.next("the name of a set")
	if err != nil {
		return err
	}
	_, isNet := network(name.text)
	_, isPorts, _ := ports(name.text)
	switch {
	case name.quoted || isNet || isPorts || slices.Contains(reserved, name.text) || strings.ContainsAny(name.text, "=/"):
		return p.fault(name, "the name of a set, such as office: no address, no port, and no word of the language")
	case p.has(name.text):
		return p.fault(name, "a name that no other set has")
	}
	if is, err := p.next("="); err != nil || is.text != "=" {
		return cmpErr(err, p.fault(is, "= after the name of the set"))
	}
	var s set
	for len(p.words) > 0 {
		if _, err := p.item(&s, "a network, an address, ports, clients or another set"); err != nil {
			return err
		}
	}
	if len(s.parties)+len(s.ports) == 0 {
		return &Error{Column: p.end, Text: "an empty set: expected networks, addresses, ports, clients or other sets"}
	}
	p.sets[name.text] = s
	return nil
}

func (p *parser) has(name string) bool {
	_, has := p.sets[name]
	return has
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// item reads what a set or a rule has, adds it, and returns its first word.
func (p *parser) item(to *set, expected string) (word, error) {
	w, err := p.next(expected)
	if err != nil {
		return w, err
	}
	if !w.quoted {
		if list, is, err := ports(w.text); is {
			if err != nil {
				return w, p.fault(w, err.Error())
			}
			to.ports = append(to.ports, list...)
			return w, p.count(w, len(list))
		}
		if s, is := p.sets[w.text]; is {
			to.parties, to.ports = append(to.parties, s.parties...), append(to.ports, s.ports...)
			return w, p.count(w, len(s.parties)+len(s.ports))
		}
	}
	party, err := p.party(w)
	if err != nil {
		return w, err
	}
	to.parties = append(to.parties, party)
	return w, p.count(w, 1)
}

func (p *parser) count(w word, n int) error {
	if p.items += n; p.items > maxItems {
		return &Error{Column: w.column, Text: fmt.Sprintf("the file's rules have more than %d networks, ports and names, sets replaced by what they hold; write fewer, or larger networks", maxItems)}
	}
	return nil
}

// party reads one side, which begins with w.
func (p *parser) party(w word) (Party, error) {
	if !w.quoted {
		switch kind := slices.Index(kindWords[:], w.text); Kind(kind) {
		case User, Group, Device, Client:
			return p.person(Kind(kind))
		case Everyone, Server, Exit, Anything:
			return Party{Kind: Kind(kind)}, nil
		}
		if net, is := network(w.text); is {
			if net != net.Masked() {
				return Party{}, p.fault(w, fmt.Sprintf("a network without bits behind its length: %v, or the address %v alone", net.Masked(), net.Addr()))
			}
			return Party{Kind: Network, Net: net}, nil
		}
	}
	known := func(yield func(string) bool) {
		for name := range maps.Keys(p.sets) {
			if !yield(name) {
				return
			}
		}
		for _, word := range append([]string{"to", "with"}, kindWords[:]...) {
			if word != "" && !yield(word) {
				return
			}
		}
	}
	return Party{}, p.fault(w, "user, group, device or client with a name, everyone, a network such as 10.1.0.0/16, an address, server, exit, anything, or a set above this line"+nearest(w.text, known))
}

// person reads the name of a client or of several.
func (p *parser) person(kind Kind) (Party, error) {
	w, err := p.next("the name of the " + kindWords[kind])
	if err != nil {
		return Party{}, err
	}
	party := Party{Kind: kind, Name: w.text}
	switch kind {
	case User, Group:
		err = users.CheckName(w.text)
	case Device:
		label, user, _ := strings.Cut(w.text, ".")
		if users.CheckLabel(label) != nil || users.CheckName(user) != nil {
			err = errors.New("device: expected DEVICE.USER, such as phone.alice")
		}
	case Client:
		if w.text == "" || len(w.text) > 256 {
			err = errors.New("client: expected the common name of its certificate, of at most 256 bytes")
		}
	}
	if err != nil {
		return party, p.fault(w, strings.TrimPrefix(err.Error()[strings.Index(err.Error(), "expected "):], "expected "))
	}
	if !p.seen[party] {
		p.seen[party] = true
		p.file.named = append(p.file.named, named{party, p.line, w.column})
	}
	return party, nil
}

// network reads a network or an address.
func network(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	n, err := netip.ParsePrefix(text)
	return n, err == nil && !n.Addr().Is4In6()
}

// whose reads the subjects of a line, up to one of these words.
func (p *parser) whose(before ...string) (list []Party, err error) {
	expected := "clients, such as everyone, group staff or user alice"
	var s set
	for len(s.parties) == 0 || len(p.words) > 0 && !p.peek(before...) {
		if len(before) == 0 && len(s.parties) > 0 && !p.startsParty() {
			break
		}
		w, err := p.item(&s, expected)
		if err != nil {
			return nil, err
		}
		if len(s.ports) > 0 {
			return nil, p.fault(w, "clients or networks: ports stand at the end of the line, behind what is reached")
		}
	}
	return s.parties, nil
}

// startsParty reports whether clients come next, and no network.
func (p *parser) startsParty() bool {
	return p.peek(kindWords[User], kindWords[Group], kindWords[Device], kindWords[Client], kindWords[Everyone])
}

func (p *parser) rule(allow bool) error {
	from, err := p.whose("to", "with")
	if err != nil {
		return err
	}
	way, err := p.next("to, or with for both ways")
	if err != nil {
		return err
	}
	var s set
	for len(s.parties) == 0 || len(p.words) > 0 {
		if len(s.parties) > 0 && p.peek("to", "with") {
			return p.fault(p.words[0], "the end of the line: it has `"+way.text+"` already")
		}
		if _, err := p.item(&s, "what is reached: networks, clients, server, exit or anything"); err != nil {
			return err
		}
	}
	if !anyClients(from) && !anyClients(s.parties) {
		return &Error{Column: way.column, Text: "neither side is a client, and only what clients send and get is judged; expected everyone, user, group, device, client or anything on one side"}
	}
	word := "deny"
	if allow {
		word = "allow"
	}
	r := rule{allow: allow, from: from, to: s.parties, ports: s.ports, line: p.line, text: p.text, why: fmt.Sprintf("line %d of %s (%s ...)", p.line, p.file.Name, word)}
	if len(r.ports) == 0 {
		r.ports = everyPort
	}
	return p.add(r, way)
}

// add adds a rule, and for `with` the other way.
func (p *parser) add(r rule, way word) error {
	p.file.rules = append(p.file.rules, r)
	if way.text == "with" {
		r.from, r.to = r.to, r.from
		p.file.rules = append(p.file.rules, r)
	}
	if len(p.file.rules) > maxRules {
		return &Error{Column: way.column, Text: fmt.Sprintf("more than %d rules; write sets in place of many lines", maxRules)}
	}
	return nil
}

func anyClients(list []Party) bool {
	return slices.ContainsFunc(list, func(p Party) bool { return p.isClients() || p.Kind == Anything })
}

// whoseSettings reads the clients that a line gives something.
func (p *parser) whoseSettings() (settings, error) {
	at := p.words
	whose, err := p.whose()
	if err == nil && slices.ContainsFunc(whose, func(p Party) bool { return !p.isClients() }) {
		err = p.fault(at[0], "clients: everyone, user, group, device or client, or a set of them")
	}
	return settings{whose: whose, line: p.line}, err
}

func (p *parser) route() error {
	s, err := p.whoseSettings()
	if err != nil {
		return err
	}
	var nets set
	for len(nets.parties) == 0 || len(p.words) > 0 {
		w, err := p.item(&nets, "a network that the client is to route into the tunnel")
		if err != nil {
			return err
		}
		for _, party := range nets.parties[len(s.routes):] {
			if party.Kind != Network {
				return p.fault(w, "a network that the client is to route into the tunnel")
			}
			s.routes = append(s.routes, party.Net)
		}
		if len(nets.ports) > 0 {
			return p.fault(w, "a network: a route has no ports")
		}
	}
	p.file.given = append(p.file.given, s)
	return nil
}

func (p *parser) dns() error {
	s, err := p.whoseSettings()
	if err != nil {
		return err
	}
	const expected = "the address of a name server, such as 10.1.0.53"
	for len(s.dns) == 0 || len(p.words) > 0 {
		w, err := p.next(expected)
		if err != nil {
			return err
		}
		a, err := netip.ParseAddr(w.text)
		if err != nil || a.Zone() != "" || a.Is4In6() || a.IsUnspecified() || a.IsMulticast() {
			return p.fault(w, expected)
		}
		s.dns = append(s.dns, a)
	}
	p.file.given = append(p.file.given, s)
	return nil
}

func (p *parser) exit() error {
	s, err := p.whoseSettings()
	if err != nil {
		return err
	}
	w, err := p.next("yes or no")
	if err != nil {
		return err
	}
	if w.text != "yes" && w.text != "no" {
		return p.fault(w, "yes or no")
	}
	yes := w.text == "yes"
	s.exit = &yes
	p.file.given = append(p.file.given, s)
	p.file.rules = append(p.file.rules, rule{allow: yes, from: s.whose, to: []Party{{Kind: Exit}}, ports: everyPort, line: p.line, text: p.text, why: fmt.Sprintf("line %d of %s (exit ... %s)", p.line, p.file.Name, w.text)})
	return p.done()
}
