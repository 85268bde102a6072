package service

import (
	"strings"
	"testing"
)

func TestOurFlagsAmongDirectives(t *testing.T) {
	o, rest, err := TakeFlags(strings.Fields("--config a.ovpn --http 127.0.0.1:8080 --verb 4"))
	if err != nil || o.HTTP != "127.0.0.1:8080" || !o.UserSpace {
		t.Errorf("%+v, %v; expected a proxy, and so no device", o, err)
	}
	if got := strings.Join(rest, " "); got != "--config a.ovpn --verb 4" {
		t.Errorf("directives %s", got)
	}
	if _, _, err := TakeFlags([]string{"--name", "--verb", "4"}); err == nil || !strings.Contains(err.Error(), "write --name VALUE") {
		t.Errorf("a flag without its value: %v", err)
	}
	if o, _, _ := TakeFlags(strings.Fields("--config a.ovpn")); o.UserSpace {
		t.Error("no device, though no proxy was asked for")
	}
}
