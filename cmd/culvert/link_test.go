package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"culvert/operate/handover"
	"culvert/operate/people"
)

// TestDeviceLink: a link is printed once the server has pages where it leads, and the store
// has what it is for; where there can be no link, no device is added.
func TestDeviceLink(t *testing.T) {
	dir := office(t)
	say := func(line string) string {
		t.Helper()
		return said(t, "", append(strings.Fields(line), "--dir", dir)...)
	}
	say("user add alice")
	const add = "device add phone --user alice --link "
	if got := say(add + "24h"); !strings.Contains(got, "setenv opt web-listen *:8443") {
		t.Error(got)
	}
	conf := filepath.Join(dir, "server.conf")
	text, err := os.ReadFile(conf)
	if err == nil {
		err = os.WriteFile(conf, append(text, "\nsetenv opt web-listen 127.0.0.1:1\nsetenv opt web-url https://vpn.example.org:8443\n"...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"never", "31d", "0h", "soon", "24h -o phone.ovpn"} {
		if got := say(add + wrong); !strings.Contains(got, "link") || strings.Contains(got, "openvpn://") {
			t.Errorf("%s: %s", wrong, got)
		}
	}
	if got := say("device list"); strings.Contains(got, "phone") {
		t.Errorf("a device without a link: %s", got)
	}
	for _, line := range []string{add + "24h", "device renew phone --user alice --link 2d"} {
		got := say(line)
		link := regexp.MustCompile(`  https://vpn\.example\.org:8443/get/(\S+)\n`).FindStringSubmatch(got)
		if link == nil || !strings.Contains(got, "  openvpn://import-profile/https://vpn.example.org:8443/import/"+link[1]+"\n") || !strings.Contains(got, "█") {
			t.Fatal(got)
		}
		if !strings.Contains(got, "nothing answers on this host at 127.0.0.1:1") || !strings.Contains(got, "do not trust") || strings.Contains(got, "PRIVATE KEY") {
			t.Error(got)
		}
		s, err := people.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		offer, profile, err := handover.Fetch(t.Context(), s, time.Now(), link[1])
		s.Close()
		if err != nil || offer.Name != "phone.alice" || !strings.Contains(string(profile), "PRIVATE KEY") {
			t.Error(offer, err)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "audit.log"))
	if err != nil || !strings.Contains(string(log), `"sealed":"(changed)"`) {
		t.Errorf("%v\n%s", err, log)
	}
}
