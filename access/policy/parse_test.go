package policy

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestFaults says where a fault is, and what was expected.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"alow everyone to exit":                            `policy:1:1: "alow": expected allow, deny, set, default, route, dns, exit or test; perhaps allow?`,
		"\n\n  deny everyone office":                       `policy:3:17: "office": expected user, group, device or client with a name, everyone, a network such as 10.1.0.0/16, an address, server, exit, anything, or a set above this line`,
		"set office = 10.1.0.0/16\nallow user al to ofice": `policy:2:18: "ofice": expected user, group, device or client with a name, everyone, a network such as 10.1.0.0/16, an address, server, exit, anything, or a set above this line; perhaps office?`,
		"allow user":                                 `policy:1:11: the line ends here: expected the name of the user`,
		"allow user alice":                           `policy:1:17: the line ends here: expected to, or with for both ways`,
		"allow user alice to":                        `policy:1:20: the line ends here: expected what is reached: networks, clients, server, exit or anything`,
		"allow user alice to tcp/22":                 `policy:1:27: the line ends here: expected what is reached: networks, clients, server, exit or anything`,
		"allow user alice tcp/22 to 10.1.0.0/16":     `policy:1:18: "tcp/22": expected clients or networks: ports stand at the end of the line, behind what is reached`,
		"allow user alice to 10.1.2.3/16":            `policy:1:21: "10.1.2.3/16": expected a network without bits behind its length: 10.1.0.0/16, or the address 10.1.2.3 alone`,
		"allow user alice to exit tcp/99999":         `policy:1:26: "tcp/99999": expected a port from 0 to 65535, or two with - between them, such as tcp/443 or tcp/8000-8999`,
		"allow user alice to exit udp/20-10":         `policy:1:26: "udp/20-10": expected a port from 0 to 65535, or two with - between them, such as udp/443 or udp/8000-8999`,
		"allow user alice to exit icmp/8":            `policy:1:26: "icmp/8": expected icmp alone`,
		"allow user alice to exit proto/300":         `policy:1:26: "proto/300": expected the number of a protocol, such as proto/47 for GRE`,
		"allow 10.1.0.0/16 to server":                `policy:1:19: neither side is a client, and only what clients send and get is judged; expected everyone, user, group, device, client or anything on one side`,
		"allow user alice to exit to server":         `policy:1:26: "to": expected the end of the line: it has ` + "`to`" + ` already`,
		"allow device phone to exit":                 `policy:1:14: "phone": expected DEVICE.USER, such as phone.alice`,
		"allow user -x to exit":                      `policy:1:12: "-x": expected 1 to 64 letters, digits or any of . _ @ -, beginning with a letter or digit, such as alice`,
		`allow client "" to exit`:                    `policy:1:14: "": expected the common name of its certificate, of at most 256 bytes`,
		`allow client "anna to exit`:                 `policy:1:14: a quotation mark that opens a name, and none that ends it; add " after the name`,
		"default":                                    `policy:1:8: the line ends here: expected allow or deny`,
		"default refuse":                             `policy:1:9: "refuse": expected allow or deny`,
		"default deny all":                           `policy:1:14: "all": expected the end of the line`,
		"set office 10.1.0.0/16":                     `policy:1:12: "10.1.0.0/16": expected = after the name of the set`,
		"set office":                                 `policy:1:11: the line ends here: expected =`,
		"set office =":                               `policy:1:13: an empty set: expected networks, addresses, ports, clients or other sets`,
		"set exit = 10.1.0.0/16":                     `policy:1:5: "exit": expected the name of a set, such as office: no address, no port, and no word of the language`,
		"set a = icmp\nset a = icmp":                 `policy:2:5: "a": expected a name that no other set has`,
		"route everyone tcp/22":                      `policy:1:16: "tcp/22": expected a network: a route has no ports`,
		"route everyone exit":                        `policy:1:16: "exit": expected a network that the client is to route into the tunnel`,
		"route 10.1.0.0/16 10.2.0.0/16":              `policy:1:7: "10.1.0.0/16": expected clients: everyone, user, group, device or client, or a set of them`,
		"dns everyone here":                          `policy:1:14: "here": expected the address of a name server, such as 10.1.0.53`,
		"exit everyone maybe":                        `policy:1:15: "maybe": expected yes or no`,
		"test alice can":                             `policy:1:15: the line ends here: expected ` + targets,
		"test alice may 10.1.2.3":                    `policy:1:12: "may": expected can or cannot, or in with the user's groups`,
		"test alice can 10.1.2.3:443/gre":            `policy:1:16: "10.1.2.3:443/gre": expected ` + targets,
		"test alice can 10.1.2.3:x":                  `policy:1:16: "10.1.2.3:x": expected ` + targets,
		"test 10.1.2.3 can bob":                      `policy:1:6: "10.1.2.3": expected a client: user alice, device phone.alice, group staff, client NAME or everyone`,
		"allow user alice to exit\x00":               `policy:1:21: "exit\x00": expected printable text in UTF-8`,
		"nonsense\nallow everyone to exit\nnonsense": "policy:1:1: \"nonsense\": expected allow, deny, set, default, route, dns, exit or test\npolicy:3:1: \"nonsense\": expected allow, deny, set, default, route, dns, exit or test",
	} {
		_, err := Parse("policy", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// TestLarge refuses files beyond the bounds.
func TestLarge(t *testing.T) {
	set := "set a = " + strings.Repeat("10.0.0.1 ", 2000) + "\n"
	for name, text := range map[string]string{
		"bytes": strings.Repeat("#", maxFile+1), "rules": strings.Repeat("allow everyone to exit\n", maxRules+1), "items": set + strings.Repeat("allow everyone to a\n", 600),
	} {
		var fault *Error
		if _, err := Parse("policy", []byte(text)); !errors.As(err, &fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("policy", []byte(strings.Repeat("x\n", 100))); strings.Count(err.Error(), "\n") != 19 {
		t.Errorf("%d lines of faults", strings.Count(err.Error(), "\n")+1)
	}
}

// registry is a Directory.
type registry map[Kind]map[string][]string

func (r registry) Has(kind Kind, name string) bool { _, has := r[kind][name]; return has }

func (r registry) Names(kind Kind) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range r[kind] {
			if !yield(name) {
				return
			}
		}
	}
}

func (r registry) GroupsOf(user string) []string { return r[User][user] }

var known = registry{User: {"alice": {"staff"}, "bob": nil}, Group: {"staff": nil, "guests": nil}, Device: {"phone.alice": nil, "laptop.bob": nil}}

// TestUnknown names people that are not there.
func TestUnknown(t *testing.T) {
	f := parsed(t, "allow user alice to exit\nallow group stafff, user alise to exit\n allow device phone.bob to exit\nallow client old to exit\nroute user alise 10.1.0.0/16\n")
	var got []string
	for _, fault := range f.Unknown(known) {
		got = append(got, fault.Error())
	}
	want := []string{"policy:2:13: there is no group stafff; perhaps staff?", "policy:2:26: there is no user alise; perhaps alice?", "policy:3:15: there is no device phone.bob"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if faults := f.Unknown(nil); len(faults) > 0 {
		t.Error(faults)
	}
}

// TestQuestions answers questions and says why.
func TestQuestions(t *testing.T) {
	p := compiled(t, `
default deny
set office = 10.1.0.0/16
deny user bob to office tcp/22
allow group staff, user bob to office tcp udp/53
allow everyone to server icmp
exit group staff yes
allow group staff to device phone.alice tcp/5000-5010
allow everyone with user bob tcp/22
allow client "old machine" to 10.1.2.3
`)
	for question, want := range map[string]string{
		"can alice reach 10.1.2.3:443?":         "yes: policy:5: allow group staff, user bob to office tcp udp/53",
		"alice reach 10.1.2.3:53/udp":           "yes: policy:5: allow group staff, user bob to office tcp udp/53",
		"alice can 10.1.2.3:53/tcp":             "yes: policy:5: allow group staff, user bob to office tcp udp/53",
		"can alice reach 10.1.2.3?":             "no: no rule of policy is about it, and the default is deny",
		"can bob reach 10.1.2.3:22":             "no: policy:4: deny user bob to office tcp/22",
		"can bob reach 10.1.2.3:23":             "yes: policy:5: allow group staff, user bob to office tcp udp/53",
		"bob in staff reach exit":               "yes: policy:7: exit group staff yes",
		"bob reach exit":                        "no: no rule of policy is about it, and the default is deny",
		"group staff reach 198.51.100.1":        "yes: policy:6: allow everyone to server icmp",
		"group guests reach 203.0.113.7:80":     "no: no rule of policy is about it, and the default is deny",
		"group staff reach 203.0.113.7:80":      "no: no rule of policy is about it, and the default is deny",
		"alice reach [2001:db8::1]:80":          "yes: policy:7: exit group staff yes",
		"alice reach [fd00::1]:80":              "no: no rule of policy is about it, and the default is deny",
		"phone.alice reach phone.alice:5010":    "yes: policy:8: allow group staff to device phone.alice tcp/5000-5010",
		"alice reach device phone.alice:5011":   "no: no rule of policy is about it, and the default is deny",
		"device laptop.bob reach user alice:22": "yes: policy:9: allow everyone with user bob tcp/22",
		"alice reach bob:22":                    "yes: policy:9: allow everyone with user bob tcp/22",
		"alice reach bob:22/udp":                "no: no rule of policy is about it, and the default is deny",
		`client "old machine" can 10.1.2.3:1`:   `yes: policy:10: allow client "old machine" to 10.1.2.3`,
		"can carol reach 10.1.2.3:443?":         "there is no user carol",
		"can alise reach 10.1.2.3:443?":         "there is no user alise; perhaps alice?",
		"alice reach server:22":                 "no: no rule of policy is about it, and the default is deny",
		"alice reach exit:25":                   "yes: policy:7: exit group staff yes",
		"everyone reach server":                 "no: no rule of policy is about it, and the default is deny",
	} {
		q, err := ParseQuestion(question)
		if err != nil {
			t.Errorf("%s: %v", question, err)
			continue
		}
		got := ""
		if a, err := p.Ask(q, known); err != nil {
			got = err.Error()
		} else {
			got = map[bool]string{true: "yes: ", false: "no: "}[a.Yes] + a.Why
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", question, got, want)
		}
	}
}

// placed is known, with addresses.
type placed struct{ Directory }

func (placed) At(a netip.Addr) string {
	if a == netip.MustParseAddr("10.8.0.9") {
		return "phone.alice"
	}
	return ""
}

func (placed) Of(device string, ipv6 bool) netip.Addr {
	if device == "phone.alice" && !ipv6 {
		return netip.MustParseAddr("10.8.0.9")
	}
	return netip.Addr{}
}

// TestPlaced answers questions about addresses and names that a server knows.
func TestPlaced(t *testing.T) {
	place := testPlace
	place.Clients, place.Domain = []netip.Prefix{netip.MustParsePrefix("10.8.0.0/24")}, "vpn"
	p := Compile(parsed(t, "default deny\nallow user bob to user alice tcp/22\nallow everyone to everyone icmp\nallow 10.8.0.9 to user bob tcp/80\n"), place)
	for question, want := range map[string]string{
		"bob reach 10.8.0.9:22":           "yes: policy:2: allow user bob to user alice tcp/22 (10.8.0.9 is phone.alice)",
		"bob reach phone.alice.vpn:22":    "yes: policy:2: allow user bob to user alice tcp/22",
		"bob reach phone.alice.vpn.:23":   "no: no rule of policy is about it, and the default is deny",
		"bob reach 10.8.0.77":             "yes: policy:3: allow everyone to everyone icmp (10.8.0.77 is a client's, of whom is not known here: taken as one that only rules about everyone name)",
		"bob reach 10.8.0.1":              "no: no rule of policy is about it, and the default is deny",
		"phone.alice reach laptop.bob:80": "yes: policy:4: allow 10.8.0.9 to user bob tcp/80",
		"alice reach laptop.bob:80":       "no: no rule of policy is about it, and the default is deny",
	} {
		q, err := ParseQuestion(question)
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.Ask(q, placed{known})
		if got := map[bool]string{true: "yes: ", false: "no: "}[a.Yes] + a.Why; err != nil || got != want {
			t.Errorf("%s: %v\n got %s\nwant %s", question, err, got, want)
		}
	}
}

// TestAlone leaves tests that depend on people to where these are known.
func TestAlone(t *testing.T) {
	p := compiled(t, "default deny\nallow group staff to 10.1.0.0/16\ntest alice can 10.1.2.3\ntest alice in staff cannot 10.1.2.3\ntest group staff can 10.1.2.3\ntest everyone can exit\n")
	failed, unasked := p.TestAlone()
	if len(failed) != 2 || failed[0].Line != 4 || failed[1].Line != 6 || unasked != 1 {
		t.Errorf("%v %d", failed, unasked)
	}
}

// TestRedirect leads IPv6 through the tunnel where clients have it.
func TestRedirect(t *testing.T) {
	place := testPlace
	place.IPv6 = true
	if got := Compile(parsed(t, "exit everyone yes\n"), place).Settings(whoOf("alice")).Push; !slices.Equal(got, []string{"redirect-gateway def1 ipv6"}) {
		t.Error(got)
	}
}

// TestTests runs what a file has to say of itself.
func TestTests(t *testing.T) {
	p := compiled(t, "default deny\nallow group staff to 10.1.0.0/16\ntest alice can 10.1.2.3:443\ntest bob can 10.1.2.3:443\ntest bob cannot 10.1.2.3\ntest carol can 10.1.2.3\ntest bob in staff, guests can 10.1.2.3\n")
	failed, unasked := p.Test(known)
	if len(failed) != 1 || failed[0].Error() != "policy:4: test bob can 10.1.2.3:443: it is not so: no rule of policy is about it, and the default is deny" {
		t.Errorf("failed: %v", failed)
	}
	if len(unasked) != 1 || unasked[0].Line != 6 {
		t.Errorf("unasked: %v", unasked)
	}
}

// TestSettings says what clients are pushed.
func TestSettings(t *testing.T) {
	p := compiled(t, "exit user bob no\nexit everyone yes\nroute everyone 10.1.0.0/16 fd00::/64\nroute group staff 10.2.0.0/16, 10.1.0.0/16\ndns group staff 10.1.0.53 fd00::53\nset some = user alice 10.0.0.0/8\nset nets = 10.3.0.0/16 10.4.0.1\nroute user alice nets\n")
	for who, want := range map[string]string{
		"alice": "redirect-gateway def1|route 10.1.0.0 255.255.0.0|route-ipv6 fd00::/64|route 10.2.0.0 255.255.0.0|dhcp-option DNS 10.1.0.53|dhcp-option DNS fd00::53|route 10.3.0.0 255.255.0.0|route 10.4.0.1 255.255.255.255 without ",
		"bob":   "route 10.1.0.0 255.255.0.0|route-ipv6 fd00::/64 without redirect-gateway",
	} {
		s := p.Settings(whoOf(who))
		if got := strings.Join(s.Push, "|") + " without " + strings.Join(s.Without, "|"); got != want {
			t.Errorf("%s: %s", who, got)
		}
	}
}

// TestAbout lists the rules about a client.
func TestAbout(t *testing.T) {
	p := compiled(t, "deny user bob to 10.1.0.0/16 tcp/22 udp/1-9 icmp proto/47\nallow group staff with user bob\n")
	want := []Line{{1, false, true, "10.1.0.0/16", " tcp/22 udp/1-9 icmp proto/47"}, {2, true, false, "group staff", ""}, {2, true, true, "group staff", ""}}
	if got := p.About(whoOf("bob")); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// FuzzParse reads anything. What can be read can be compiled and asked about.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"set office = 10.1.0.0/16 fd00::/8 tcp/1-2 user alice\nallow group staff, office with everyone icmp proto/47\ndefault deny\n",
		"test alice in staff can 10.1.2.3:443/udp\ntest device a.b cannot user c\n", "route everyone 10.0.0.0/8\ndns user a 10.1.1.1\nexit everyone no\n",
		`allow client "a b" to exit server anything # why` + "\n", "allow user \"", "set a = \xff", "\ufeffdeny everyone to ::/0",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("policy", text)
		if err != nil {
			if err.Error() == "" {
				t.Error("a fault without words")
			}
			return
		}
		if len(file.rules) > 200 {
			return
		}
		p := Compile(file, testPlace)
		p.Test(known)
		p.Settings(whoOf("alice"))
		p.About(whoOf("bob"))
		file.Unknown(known)
	})
}

// FuzzQuestion asks anything.
func FuzzQuestion(f *testing.F) {
	for _, seed := range []string{"can alice reach 10.1.2.3:443?", "client \"a b\" cannot [::1]:53/udp", "alice in a b reach device c.d:1", "everyone reach exit"} {
		f.Add(seed)
	}
	p := compiled(f, "default deny\nallow user alice to anything tcp/443\n")
	f.Fuzz(func(t *testing.T, text string) {
		if q, err := ParseQuestion(text); err == nil {
			p.Ask(q, nil)
		}
	})
}
