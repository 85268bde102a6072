package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Question asks whether a client can open a connection: a test in a file, or one on the
// command line.
type Question struct {
	Line   int
	Can    bool // as a test expects it
	who    Party
	groups []string // that the client is said to be in; nil: what the directory says
	to     Party    // Network, or a client
	ports  Ports
	text   string
}

// Answer is an answer to a Question.
type Answer struct {
	Yes bool
	Why string // the line of the file, or that there is none
}

// String writes the question as in a file, without the first word.
func (q Question) String() string { return q.text }

func (p *parser) test() error {
	q, err := p.question("can", "cannot")
	if err != nil {
		return err
	}
	q.Line = p.line
	p.file.tests = append(p.file.tests, q)
	return nil
}

// ParseQuestion reads a question such as "can alice reach 10.1.2.3:443?", whose first word
// and question mark may be left out.
func ParseQuestion(text string) (q Question, err error) {
	p := &parser{file: new(File), sets: make(map[string]set), seen: make(map[Party]bool)}
	text = strings.TrimRight(strings.TrimSpace(text), "? ")
	if p.words, err = words(text); err != nil {
		return q, err
	}
	p.end = len([]rune(text)) + 1
	if p.peek("can") {
		p.words = p.words[1:]
	}
	q, err = p.question("reach", "can", "cannot")
	return q, err
}

// question reads who, one of these words, and what is reached.
func (p *parser) question(between ...string) (q Question, err error) {
	begin := p.words
	if q.who, err = p.subject(); err != nil {
		return q, err
	}
	for p.peek("in") || q.groups != nil && !p.peek(between...) {
		if p.peek("in") {
			p.words = p.words[1:]
		}
		w, err := p.next("the name of a group")
		if err != nil {
			return q, err
		}
		q.groups = append(q.groups, w.text)
	}
	way, err := p.next(strings.Join(between, " or "))
	if err != nil {
		return q, err
	}
	if !slices.Contains(between, way.text) {
		return q, p.fault(way, strings.Join(between, " or ")+", or in with the user's groups")
	}
	q.Can = way.text != "cannot"
	if err := p.target(&q); err != nil {
		return q, err
	}
	var text []string
	for _, w := range begin {
		text = append(text, w.text)
	}
	q.text = strings.Join(text, " ")
	return q, p.done()
}

// subject reads who asks: with a word for its kind, or a bare name, which is a user's.
func (p *parser) subject() (Party, error) {
	if p.startsParty() {
		w, _ := p.next("")
		return p.party(w)
	}
	w, err := p.next("who: user alice, device phone.alice, group staff, client NAME, everyone, or the name of a user")
	if err != nil {
		return Party{}, err
	}
	if _, is := network(w.text); is {
		return Party{}, p.fault(w, "a client: user alice, device phone.alice, group staff, client NAME or everyone")
	}
	p.words = append([]word{w}, p.words...)
	return p.person(User)
}

const targets = "ADDRESS:PORT, ADDRESS:PORT/udp, an ADDRESS alone for a ping, server:PORT, exit, or a client with a port, such as user bob:22 or phone.bob:22"

// target reads what is to be reached.
func (p *parser) target(q *Question) (err error) {
	q.to.Kind = User
	switch {
	case p.peek(kindWords[User], kindWords[Group], kindWords[Device], kindWords[Client]):
		w, _ := p.next("")
		q.to.Kind = Kind(slices.Index(kindWords[:], w.text))
	case p.peek(kindWords[Exit], kindWords[Server]):
		w, _ := p.next("")
		q.to.Kind = Kind(slices.Index(kindWords[:], w.text))
		q.ports = Ports{proto: tcp, From: 443, To: 443}
		return nil
	}
	w, err := p.next(targets)
	if err != nil {
		return err
	}
	rest, proto, given := strings.Cut(w.text, "/")
	if a, err := netip.ParseAddr(rest); err == nil && a.Zone() == "" {
		q.to, q.ports = Party{Kind: Network, Net: netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())}, Ports{proto: icmp}
		if given && proto != "icmp" {
			return p.fault(w, targets)
		}
		return nil
	}
	at := strings.LastIndexByte(rest, ':')
	if at < 0 {
		q.to.Name, q.ports = rest, Ports{proto: icmp}
	} else {
		port, err := strconv.ParseUint(rest[at+1:], 10, 16)
		if err != nil {
			return p.fault(w, targets)
		}
		q.to.Name, q.ports = rest[:at], Ports{proto: tcp, From: uint16(port), To: uint16(port)}
		if a, err := netip.ParseAddr(strings.Trim(q.to.Name, "[]")); err == nil && a.Zone() == "" {
			q.to = Party{Kind: Network, Net: netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())}
		}
	}
	if kind := Kind(slices.Index(kindWords[:], q.to.Name)); q.to.Kind == User && (kind == Exit || kind == Server) && at >= 0 {
		q.to = Party{Kind: kind}
	}
	switch {
	case q.to.Kind != Network && q.to.Kind != Exit && q.to.Kind != Server && q.to.Name == "":
		return p.fault(w, targets)
	case given && at >= 0 && proto == "udp":
		q.ports.proto = udp
	case given && (at < 0 || proto != "tcp"):
		return p.fault(w, targets)
	}
	return nil
}

// whoIs returns the client that a party stands for, and fails if a directory does not
// have it. A bare name that is no user's may be a device's.
func whoIs(party Party, groups []string, d Directory) (w Who, err error) {
	user := func(name string) {
		w.User, w.Groups = name, groups
		if groups == nil && d != nil {
			w.Groups = d.GroupsOf(name)
		}
	}
	if party.Kind == User && d != nil && !d.Has(User, party.Name) && d.Has(Device, party.Name) {
		party.Kind = Device
	}
	if d != nil && (party.Kind == User || party.Kind == Group || party.Kind == Device) && !d.Has(party.Kind, party.Name) {
		return w, fmt.Errorf("there is no %v%s", party, nearest(party.Name, d.Names(party.Kind)))
	}
	switch party.Kind {
	case User:
		user(party.Name)
	case Device:
		w.Device, w.CommonName = party.Name, party.Name
		_, name, _ := strings.Cut(party.Name, ".")
		user(name)
	case Group:
		w.Groups = append([]string{party.Name}, groups...)
	case Client:
		w.CommonName, w.Groups = party.Name, groups
	}
	return w, nil
}

// Named returns the client that a name stands for: a user's, or DEVICE.USER; groups are
// those that it is in, nil for those that the directory knows.
func Named(name string, groups []string, d Directory) (Who, error) {
	return whoIs(Party{Kind: User, Name: name}, groups, d)
}

// Ask answers a question. It fails if the question names somebody whom the directory does
// not have.
func (p *Policy) Ask(q Question, d Directory) (Answer, error) {
	who, err := whoIs(q.who, q.groups, d)
	if err != nil {
		return Answer{}, err
	}
	to, dst, about, err := p.aim(q, d)
	if err != nil {
		return Answer{}, err
	}
	src := p.addressOf(who, dst.Is6(), d)
	rule := opens(p.classOf(who), to, src, dst, q.ports.proto, q.ports.From)
	yes, _ := p.verdict(rule)
	why := ""
	switch {
	case rule != none:
		why = fmt.Sprintf("%s:%d: %s", p.file.Name, p.file.rules[rule].line, p.file.rules[rule].text)
	case yes:
		why = "no rule of " + p.file.Name + " is about it, and the default is allow"
	default:
		why = "no rule of " + p.file.Name + " is about it, and the default is deny"
	}
	return Answer{yes, why + about}, nil
}

// aim returns what a question is about: a client or nil, its address, and what the answer
// has to say of that.
func (p *Policy) aim(q Question, d Directory) (to *class, dst netip.Addr, about string, err error) {
	switch q.to.Kind {
	case Network:
		to, about := p.at(q.to.Net.Addr(), d)
		return to, q.to.Net.Addr(), about, nil
	case Exit:
		return nil, netip.AddrFrom4([4]byte{1, 1, 1, 1}), "", nil
	case Server:
		if len(p.place.Server) == 0 {
			return nil, dst, "", fmt.Errorf("the server's addresses are not known here: ask about one, or name the server's directory")
		}
		return nil, p.place.Server[0], "", nil
	}
	party := q.to
	if domain := p.place.Domain; domain != "" && party.Kind == User {
		party.Name = strings.TrimSuffix(strings.TrimSuffix(party.Name, "."), "."+domain)
	}
	other, err := whoIs(party, nil, d)
	if err != nil {
		return nil, dst, "", err
	}
	return p.classOf(other), p.addressOf(other, false, d), "", nil
}

// at returns the client that has an address, as far as that is known; nil for none.
func (p *Policy) at(a netip.Addr, d Directory) (to *class, about string) {
	if known, ok := d.(Addresses); ok {
		if name := known.At(a); name != "" {
			if who, err := whoIs(Party{Kind: Device, Name: name}, nil, d); err == nil {
				return p.classOf(who), fmt.Sprintf(" (%v is %s)", a, name)
			}
		}
	}
	if !slices.Contains(p.place.Server, a) && slices.ContainsFunc(p.place.Clients, func(n netip.Prefix) bool { return n.Contains(a) }) {
		return p.classOf(Who{}), fmt.Sprintf(" (%v is a client's, of whom is not known here: taken as one that only rules about everyone name)", a)
	}
	return nil, ""
}

// addressOf returns an address that a client has or could have.
func (p *Policy) addressOf(who Who, ipv6 bool, d Directory) netip.Addr {
	if known, ok := d.(Addresses); ok && who.Device != "" {
		if a := known.Of(who.Device, ipv6); a.IsValid() {
			return a
		}
	}
	for _, n := range p.place.Clients {
		if n.Addr().Is6() == ipv6 {
			return n.Masked().Addr().Next().Next()
		}
	}
	return netip.AddrFrom4([4]byte{10, 8, 0, 2})
}

// apart reports whether the answer to a question depends on groups that only a directory
// knows.
func (p *Policy) apart(q Question) bool {
	person := func(kind Kind) bool { return kind == User || kind == Device }
	return slices.ContainsFunc(p.file.named, func(n named) bool { return n.Kind == Group }) && (person(q.who.Kind) && q.groups == nil || person(q.to.Kind))
}

// TestAlone is Test where no directory is known: tests that need one are not asked, and
// it returns how many.
func (p *Policy) TestAlone() (failed []*Error, unasked int) {
	alone := *p.file
	alone.tests = slices.DeleteFunc(slices.Clone(p.file.tests), p.apart)
	failed, _ = Compile(&alone, p.place).Test(nil)
	return failed, len(p.file.tests) - len(alone.tests)
}

// Test asks what the file's tests ask. It returns a fault for each test whose answer is
// not as expected, and one in unasked for each that cannot be asked, since it names somebody
// whom the directory does not have.
func (p *Policy) Test(d Directory) (failed, unasked []*Error) {
	for _, q := range p.file.tests {
		answer, err := p.Ask(q, d)
		switch {
		case err != nil:
			unasked = append(unasked, &Error{File: p.file.Name, Line: q.Line, Text: "test " + q.text + ": " + err.Error()})
		case answer.Yes != q.Can:
			failed = append(failed, &Error{File: p.file.Name, Line: q.Line, Text: fmt.Sprintf("test %s: it is not so: %s", q.text, answer.Why)})
		}
	}
	return failed, unasked
}
