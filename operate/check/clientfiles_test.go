package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/host/process"
)

// TestAddressGivenTwice: two files of client-config-dir with one address are named.
func TestAddressGivenTwice(t *testing.T) {
	for _, c := range []struct{ second, says string }{
		{"ifconfig-push 10.8.0.7 255.255.255.0\n", "anna and bert give their clients the same address"},
		{"ifconfig-push 10.8.0.8 255.255.255.0\nifconfig-ipv6-push fd00:8::7/64\n", "anna and bert give their clients the same address"},
		{"ifconfig-push 10.8.0.8 255.255.255.0\nifconfig-ipv6-push fd00:8::8/64\n", ""},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"anna": "ifconfig-push 10.8.0.7 255.255.255.0\nifconfig-ipv6-push fd00:8::7/64\n", "bert": c.second} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		text := "server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00:8::/64\ntopology subnet\ndev tun\nclient-config-dir " + filepath.ToSlash(dir) + "\n"
		var said []string
		for _, f := range Text("server.conf", []byte(text), process.ReadFile, checkedAt).Findings {
			if strings.Contains(f.Text, "same address") {
				said = append(said, f.Text)
			}
		}
		if got := strings.Join(said, "\n"); got == "" != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%q: said %q, want %q", c.second, got, c.says)
		}
	}
}
