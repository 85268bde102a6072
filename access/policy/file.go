package policy

import (
	"fmt"
	"net/netip"
)

// Kind is a kind of Party.
type Kind uint8

// The kinds. The first five are clients.
const (
	Everyone Kind = iota // all clients
	User
	Group
	Device // DEVICE.USER
	Client // by the common name of its certificate
	Network
	Server   // this host, by any of its addresses
	Exit     // the Internet
	Anything // every address, and so every client
)

var kindWords = [...]string{Everyone: "everyone", User: "user", Group: "group", Device: "device", Client: "client", Server: "server", Exit: "exit", Anything: "anything"}

// Party is one side of a rule.
type Party struct {
	Kind Kind
	Name string       // of User, Group, Device and Client
	Net  netip.Prefix // of Network
}

// isClients reports whether p stands for clients.
func (p Party) isClients() bool { return p.Kind <= Client }

// clients returns p, or for Anything the clients that it stands for besides addresses.
func (p Party) clients() Party {
	if p.Kind == Anything {
		return Party{Kind: Everyone}
	}
	return p
}

// String writes p as in a file.
func (p Party) String() string {
	switch {
	case p.Kind == Network && p.Net.IsSingleIP():
		return p.Net.Addr().String()
	case p.Kind == Network:
		return p.Net.String()
	case p.Name != "":
		return kindWords[p.Kind] + " " + quote(p.Name)
	}
	return kindWords[p.Kind]
}

// protocol is how packets are told apart.
type protocol uint8

const (
	tcp protocol = iota
	udp
	icmp  // and ICMPv6
	other // any other; its number stands for the port
	protocols
)

// Ports are a protocol and its ports from From to To.
type Ports struct {
	proto    protocol
	From, To uint16
}

// everyPort are all ports of all protocols.
var everyPort = []Ports{{tcp, 0, 65535}, {udp, 0, 65535}, {icmp, 0, 65535}, {other, 0, 65535}}

// rule is one direction of a line of the file.
type rule struct {
	allow    bool
	from, to []Party
	ports    []Ports
	line     int
	text     string // the line
	why      string // for a packet that it drops
}

// settings are a line that says what clients are given.
type settings struct {
	whose  []Party
	line   int
	routes []netip.Prefix
	dns    []netip.Addr
	exit   *bool
}

// named is a name of a user, group or device, with its place.
type named struct {
	Party
	line, column int
}

// File is a file that was read. Nobody may change it.
type File struct {
	Name    string
	allow   bool // default
	rules   []rule
	given   []settings
	tests   []Question
	named   []named
	without string // why, for a packet that no rule is about
}

// Rules returns how many rules there are, a line with `with` being two.
func (f *File) Rules() int { return len(f.rules) }

// Tests returns how many tests there are.
func (f *File) Tests() int { return len(f.tests) }

// Directory knows people. A nil Directory knows nobody, and that is no fault.
type Directory interface {
	// Has reports whether there is a user, group or device (DEVICE.USER) of that name.
	Has(kind Kind, name string) bool
	// Names yields all of a kind.
	Names(kind Kind) func(yield func(string) bool)
	// GroupsOf returns the groups of a user.
	GroupsOf(user string) []string
}

// Addresses is what a Directory may know besides.
type Addresses interface {
	// At returns the device (DEVICE.USER) whose own address it is, "" if there is none.
	At(a netip.Addr) string
	// Of returns the own address of a device: of IPv6 or IPv4; not valid: it has none.
	Of(device string, ipv6 bool) netip.Addr
}

// Unknown returns a fault for each name in the file that a directory does not have.
func (f *File) Unknown(d Directory) (faults []*Error) {
	for _, n := range f.named {
		if d == nil || n.Kind == Client || d.Has(n.Kind, n.Name) {
			continue
		}
		faults = append(faults, &Error{f.Name, n.line, n.column, fmt.Sprintf("there is no %s%s", n.Party, nearest(n.Name, d.Names(n.Kind)))})
	}
	return faults
}
