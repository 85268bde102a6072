package swarm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSwarmAsksNobody: profiles that run programs, or send what files elsewhere hold, are
// refused.
func TestSwarmAsksNobody(t *testing.T) {
	elsewhere, dir := filepath.Join(t.TempDir(), "creds"), t.TempDir()
	beside := filepath.Join(dir, "login")
	for _, f := range []string{elsewhere, beside} {
		if err := os.WriteFile(f, []byte("a\nb\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const plain = "client\nremote 192.0.2.1\n<ca>\n-----BEGIN CERTIFICATE-----\n</ca>\n"
	for line, want := range map[string]string{
		"auth-user-pass " + beside:    "",
		"auth-user-pass " + elsewhere: "sends what the file holds",
		"auth-user-pass " + beside + "\nscript-security 2\ntls-verify /bin/true": "runs a program",
	} {
		name := filepath.Join(dir, "x.ovpn")
		if err := os.WriteFile(name, []byte(plain+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := LoadProfiles(name)
		if err != nil || len(list) != 1 {
			t.Fatal(err)
		}
		if _, err := list[0](); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}
