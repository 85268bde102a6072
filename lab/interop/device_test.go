//go:build interop

package interop

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"culvert/access/users"
)

// TestDevice: a stock client with a device's profile has the device's own address, is out
// as soon as its user is disabled, comes again when they are enabled, and is out for good
// when the device is removed. What it carried is counted, and a quota that is used up sends
// it away.
func TestDevice(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	dir, _ := h.initialize(t)
	profile := filepath.Join(h.s.dir, "phone.ovpn")
	say := func(words ...string) string {
		return h.s.output(append(append([]string{culvert(t)}, words...), "--dir", dir)...)
	}
	say("user", "add", "alice", "--max-devices", "1")
	say("device", "add", "phone", "--user", "alice", "--ipv4", "10.8.0.77", "-o", profile)
	state := filepath.Join(h.s.dir, "state")
	h.s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", state).up()
	client := h.c.run(stock, profile)
	client.up()
	client.expect(regexp.MustCompile(`PUSH_REPLY.*ifconfig 10\.8\.0\.77 255\.255\.255\.0`), 1, patience)

	began := time.Now()
	say("user", "disable", "alice") // by the running server's socket
	client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
	t.Logf("out %v after `user disable` was typed", time.Since(began).Round(10*time.Millisecond))
	if err := client.wait(patience); err != nil && !strings.Contains(err.Error(), "exit status") {
		t.Errorf("the client goes on: %v", err)
	}
	if said := say("client", "list"); !regexp.MustCompile(`phone\.alice +disabled`).MatchString(said) {
		t.Errorf("client list:\n%s", said)
	}
	var device struct{ Usage *users.Usage }
	for end := time.Now().Add(patience); device.Usage == nil && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err := json.Unmarshal([]byte(say("device", "show", "phone", "--user", "alice", "--json")), &device); err != nil {
			t.Fatal(err)
		}
	}
	if u := device.Usage; u == nil || u.BytesIn == 0 || u.LastSeen.Before(began.Add(-time.Minute)) {
		t.Errorf("what it carried: %+v", u)
	}

	say("user", "enable", "alice")
	say("user", "set", "alice", "--quota", "1M/day")
	greedy := h.c.run(stock, profile)
	greedy.up()
	h.c.output("ping", "-n", "-q", "-c", "400", "-i", "0.002", "-s", "1400", "10.8.0.1")
	greedy.expect(regexp.MustCompile(`AUTH_FAILED,the quota of 1M/day \(user alice\) is used up`), 1, patience)
	if err := greedy.wait(patience); err != nil && !strings.Contains(err.Error(), "exit status") {
		t.Errorf("the client goes on: %v", err)
	}
	if said := say("user", "show", "alice"); !regexp.MustCompile(`quota: +1\.[0-9]+M of 1M/day used`).MatchString(said) {
		t.Errorf("user show:\n%s", said)
	}
	say("user", "set", "alice", "--quota", "none")

	again := h.c.run(stock, profile)
	again.up()
	if said := say("device", "remove", "phone", "--user", "alice", "--state-dir", state); !strings.Contains(said, "is cut off") {
		t.Errorf("device remove:\n%s", said)
	}
	again.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
}
