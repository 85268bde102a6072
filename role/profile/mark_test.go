package profile

import (
	"fmt"
	"strings"
	"testing"

	"culvert/config"
	"culvert/host/hostnet"
)

// TestMark: only a client with a kill switch has the mark that those of others let through,
// and nobody can write one of this program's marks.
func TestMark(t *testing.T) {
	if !hostnet.CanMark {
		t.Skip("no marks here")
	}
	const plain = "client\nremote 192.0.2.1\n<ca>\n-----BEGIN CERTIFICATE-----\n</ca>\n<cert>\n-----BEGIN CERTIFICATE-----\n</cert>\n<key>\n-----BEGIN PRIVATE KEY-----\n</key>\n"
	parse := func(line string) (*config.Config, error) {
		return config.ParseFile("x.ovpn", []byte(plain+line+"\n"), nil)
	}
	for line, want := range map[string]uint32{
		"":                                      0,
		"mark 7":                                7,
		"block-outside":                         hostnet.OwnMark,
		"block-outside\nroute-only 10.1.0.0/16": hostnet.OwnMark,
		"route-only 10.1.0.0/16":                hostnet.ClientMark,
		"route-except 10.1.0.0/16":              hostnet.ClientMark,
		"route-except 10.1.0.0/16\nmark 0x42":   0x42,
	} {
		c, err := parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := Mark(c); got != want {
			t.Errorf("%q: mark %#x, want %#x", line, got, want)
		}
	}
	for _, mark := range []uint32{hostnet.OwnMark, hostnet.NamesMark, hostnet.ClientMark, 0x43564c00, 0x43564c03} {
		if _, err := parse(fmt.Sprintf("mark %#x", mark)); err == nil || !strings.Contains(err.Error(), "0x42") {
			t.Errorf("mark %#x: %v", mark, err)
		}
	}
}
