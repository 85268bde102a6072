package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFilterPushed(t *testing.T) {
	c := &Config{
		Routing: Routing{PullFilters: []PullFilter{
			{"accept", "route 192.168.1."}, {"ignore", "route "}, {"reject", "redirect-gateway"},
		}},
	}
	kept, ignored, err := c.FilterPushed([]string{"route 192.168.1.0 255.255.255.0", "route 10.0.0.0 255.0.0.0", "route-gateway 10.8.0.1"})
	if err != nil ||
		!reflect.DeepEqual(kept, []string{"route 192.168.1.0 255.255.255.0", "route-gateway 10.8.0.1"}) ||
		!reflect.DeepEqual(ignored, []string{"route 10.0.0.0 255.0.0.0"}) {
		t.Errorf("kept %q, ignored %q, %v", kept, ignored, err)
	}
	var rejected *RejectedError
	if _, _, err := c.FilterPushed([]string{"redirect-gateway def1"}); !errors.As(err, &rejected) || rejected.Filter != "redirect-gateway" {
		t.Errorf("rejected option: %v", err)
	}
}

func TestUpdatePushed(t *testing.T) {
	before := []string{"route 10.1.0.0 255.255.0.0", "route 10.2.0.0 255.255.0.0", "dhcp-option DNS 10.8.0.1", "peer-id 3", "ping 10", "ping-restart 60"}
	for _, test := range []struct {
		name          string
		update        []string
		want, skipped []string
	}{
		{"replaces all of a name once", []string{"route 10.3.0.0 255.255.0.0", "route 10.4.0.0 255.255.0.0"},
			[]string{"dhcp-option DNS 10.8.0.1", "peer-id 3", "ping 10", "ping-restart 60", "route 10.3.0.0 255.255.0.0", "route 10.4.0.0 255.255.0.0"}, nil},
		{"removes", []string{"-dhcp-option", "-?route"}, []string{"peer-id 3", "ping 10", "ping-restart 60"}, nil},
		{"passes over the optional", []string{"?cipher AES-128-GCM", "-?compress"}, before, []string{"?cipher AES-128-GCM", "-?compress"}},
		{"keepalive", []string{"keepalive 5 20", "-route", "-dhcp-option"}, []string{"peer-id 3", "ping 5", "ping-restart 20"}, nil},
	} {
		got, skipped, err := new(Config).UpdatePushed(before, test.update)
		if err != nil || !reflect.DeepEqual(got, test.want) || !reflect.DeepEqual(skipped, test.skipped) {
			t.Errorf("%s: got %q, skipped %q, %v", test.name, got, skipped, err)
		}
	}
	for _, bad := range []string{"cipher AES-128-GCM", "-peer-id", "-route 10.1.0.0"} {
		var e *NotUpdatableError
		if _, _, err := new(Config).UpdatePushed(before, []string{bad}); !errors.As(err, &e) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestParsePerClient(t *testing.T) {
	server := defaults()
	c, err := ParsePerClient(server, "anna", []byte("# anna\nifconfig-push 10.8.0.7 255.255.255.0\nifconfig-ipv6-push fd00::7/64\n"+
		"iroute 192.168.7.0 255.255.255.0\niroute-ipv6 fd07::/48\npush-remove route\nvlan-pvid 12\nmax-routes-per-client 9\nown-mac-only 02-00-5E-10-0-1 02:00:5e:10:00:02\nsession-timeout 60\npush \"route 10.0.0.0 255.0.0.0\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Ifconfig.Local.String() != "10.8.0.7" || c.Ifconfig.Bits != 24 || c.IfconfigIPv6.Local.String() != "fd00::7/64" ||
		len(c.IRoutes) != 2 || !reflect.DeepEqual(c.PushRemove, []string{"route"}) || len(c.Push) != 1 || c.Disable || c.PushReset || c.VLANPVID != 12 || c.MaxRoutes != 9 ||
		c.SessionTimeout == nil || *c.SessionTimeout != time.Minute || !c.OwnMACOnly || !slices.Equal(c.OwnMACs, []string{"02:00:5e:10:00:01", "02:00:5e:10:00:02"}) {
		t.Errorf("%+v", c)
	}
	for text, want := range map[string]string{
		"ifconfig-push 10.8.0.7 10.8.0.8\n":        `anna:1: ifconfig-push "10.8.0.8": expected a netmask, since the server's topology is subnet; write a netmask such as 255.255.255.0, or topology net30 in the server's configuration`,
		"iroute 10.0.0.1 255.0.0.0\n":              `anna:1: iroute "10.0.0.1 255.0.0.0": has bits set beyond its length; write 10.0.0.0/8`,
		"vlan-pvid 0\n":                            `anna:1: vlan-pvid "0": expected a whole number from 1 to 4094`,
		"push \"dhcp-option DOMAIN-SEARCH a,b\"\n": `anna:1: push "dhcp-option DOMAIN-SEARCH a,b": has a comma, which ends an option on the wire, so no client could connect; write a line for each option`,
		"push " + strings.Repeat("x", 961) + "\n":  `anna:1: push "` + strings.Repeat("x", 80) + `...": is longer than the 960 bytes that clients take; push less, or several lines`,
		"own-mac-only 02:00:5e:10:00:01 02:00\n":   `anna:1: own-mac-only "02:00": expected an Ethernet address such as 02:00:5e:10:00:01`,
		"session-timeout x\n":                      `anna:1: session-timeout "x": expected a whole number, 0 or more`,
		"session-timeout\n":                        `anna:1: session-timeout: a value is missing; write it as: session-timeout seconds`,
		"disalbe\n":                                `anna:1: disalbe: unknown directive; did you mean disable?`,
		"tls-verify /bin/true\n":                   `anna:1: tls-verify: may not stand in a file of client-config-dir; it may stand in a configuration file or on the command line`,
		"ping x\n":                                 `anna:1: ping "x": expected a whole number, 0 or more`,
		"cipher FOO\n":                             `anna:1: cipher "FOO": no cipher has this name; write one such as AES-256-GCM`,
		"config x.conf\n":                          `anna:1: config "x.conf": no other file can be read here; write its lines in its place`,
		"override-username \"\"\n":                 `anna:1: override-username: expected a user name`,
	} {
		if _, err := ParsePerClient(server, "anna", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParsePerClient(f *testing.F) {
	f.Add("ifconfig-push 10.8.0.7 255.255.255.0\niroute 192.168.7.0 255.255.255.0\ndisable\n")
	f.Add("ifconfig-ipv6-push fd00::7/64 fd00::1\npush-reset\npush-remove \"route 1\"\npush route\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParsePerClient(defaults(), "x", []byte(text))
		if (c == nil) == (err == nil) {
			t.Fatal("neither or both of result and error")
		}
	})
}

func FuzzUpdatePushed(f *testing.F) {
	f.Add("route 10.1.0.0 255.255.0.0", "-?route")
	f.Add("ping 10", "keepalive 5 20")
	f.Fuzz(func(t *testing.T, before, update string) {
		after, _, err := new(Config).UpdatePushed([]string{before}, []string{update})
		if err == nil && len(after) > 3 {
			t.Fatalf("%q by %q became %q", before, update, after)
		}
	})
}
