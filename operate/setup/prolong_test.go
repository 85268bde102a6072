package setup

import "testing"

// TestRenewCommand: a device's is another than a client's, whose name may have a dot, too.
func TestRenewCommand(t *testing.T) {
	for name, c := range map[string]struct {
		device bool
		want   string
	}{
		"phone":       {false, "culvert client renew phone --dir /v -o phone.ovpn"},
		"phone.alice": {false, "culvert client renew phone.alice --dir /v -o phone.alice.ovpn"},
		"pad.bob.old": {true, "culvert device renew pad --user bob.old --dir /v -o pad.ovpn"},
		"odd":         {true, "culvert client renew odd --dir /v -o odd.ovpn"},
	} {
		if got := RenewCommand("/v", name, c.device); got != c.want {
			t.Errorf("%s, device %v: %s, want %s", name, c.device, got, c.want)
		}
	}
}
