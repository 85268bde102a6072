package hub

import (
	"strings"
	"testing"

	"culvert/nic/frame"
)

func TestSpec(t *testing.T) {
	for text, want := range map[string]Spec{
		"tap0": {Name: "tap0", Type: TAP},
		"a,mac=02:00:00:00:00:01,vlan=4094,mtu=9000,netns=/proc/1/ns/net,flood=5,type=null,ownmac,down": {
			Name: "a", Type: Null, MAC: frame.MAC{2, 5: 1}, VLAN: 4094, MTU: 9000, Netns: "/proc/1/ns/net", Flood: 5, OwnMAC: true, Down: true},
	} {
		if got, err := ParseSpec(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v (%s), %v", text, got, got, err)
		}
	}
}

func TestSpecFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "begin with a device's name",
		"vlan=7":                  "begin with a device's name",
		"a-name-of-16-byte":       "1 to 15 bytes",
		"a/b":                     "begin with a device's name",
		"a,":                      `unknown setting ""`,
		"a,colour=red":            "expected mac, vlan, mtu, netns, flood, type, ownmac, down",
		"a,mac=1":                 "is not an Ethernet address",
		"a,mac=ff:ff:ff:ff:ff:ff": "whose first byte is even",
		"a,vlan=0":                "expected a number from 1 to 4094",
		"a,mtu=67":                "expected a number from 68",
		"a,netns=":                "a value is missing",
		"a,type=tun":              "expected tap or null",
		"a,down=1":                "takes no value",
		"a,ownmac=1":              "takes no value",
	} {
		if _, err := ParseSpec(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, expected %q", text, err, want)
		}
	}
}

func FuzzSpec(f *testing.F) {
	f.Add("a,mac=02:00:00:00:00:01,vlan=4094,mtu=9000,netns=blue,flood=5,type=null,ownmac,down")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec(text)
		if err != nil {
			return
		}
		if again, err := ParseSpec(s.String()); err != nil || again != s {
			t.Errorf("%q is %+v, which as %q is %+v, %v", text, s, s.String(), again, err)
		}
	})
}

func TestChange(t *testing.T) {
	c, err := ParseChange([]string{"down", "netns="})
	if err != nil || c.Up == nil || *c.Up || c.Netns == nil || *c.Netns != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := ParseChange([]string{"vlan=3"}); err == nil || !strings.Contains(err.Error(), "remove the adapter and add it anew") {
		t.Error(err)
	}
}
