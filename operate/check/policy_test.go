package check

import (
	"os"
	"strings"
	"testing"
)

// TestPolicy reads a server's policy and runs its tests, and shows nothing of what it holds.
func TestPolicy(t *testing.T) {
	for policy, want := range map[string]string{
		"default deny\nallow everyone to server icmp\ntest everyone can server:53\n":                          "policy: the file fails tests of its own, line 3",
		"default deny\nsecret1 word\nallow everyone to server\nsecret2 word\n":                                "policy: the file cannot be taken, lines 2, 4",
		"default deny\nallow group staff to 10.1.0.0/16\ntest alice can 10.1.2.3\ntest bob cannot 10.2.0.1\n": "policy: 2 of its 2 tests depend on who is in which group, and were not run",
		"default deny\nallow everyone to 10.8.0.1\ntest everyone can server\ntest everyone cannot 10.8.0.9\n": "",
		"default deny\nexit everyone yes\ntest everyone can exit\ntest everyone cannot 203.0.113.4\n":         "",
	} {
		r := Text("server.conf", []byte("server 10.8.0.0 255.255.255.0\npush \"route 203.0.113.0 255.255.255.0\"\npolicy /etc/policy\n"), func(name string) ([]byte, error) {
			if name == "/etc/policy" {
				return []byte(policy), nil
			}
			return nil, os.ErrNotExist
		}, checkedAt)
		got := ""
		for _, f := range r.Findings {
			if strings.HasPrefix(f.Text, "policy: ") {
				got += f.Text
				if f.Line != 3 || !strings.Contains(f.Instead, "culvert policy check") {
					t.Errorf("%+v", f)
				}
			}
			if strings.Contains(f.Text+f.Instead, "secret") {
				t.Errorf("it shows what the file holds: %+v", f)
			}
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", policy, got, want)
		}
	}
	none := Text("server.conf", []byte("server 10.8.0.0 255.255.255.0\npolicy /etc/policy\n"), func(string) ([]byte, error) { return nil, os.ErrNotExist }, checkedAt)
	for _, f := range none.Findings {
		if strings.Contains(f.Text, "cannot be taken") {
			t.Errorf("a file that is not there: %+v", f)
		}
	}
}
