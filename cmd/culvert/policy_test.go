package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPolicyCheck asks about the policy of a server's directory, and of a file.
func TestPolicyCheck(t *testing.T) {
	dir := office(t)
	file := filepath.Join(dir, "policy")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{"group add staff", "user add alice --group staff", "user add bob", "device add phone --user bob --ipv4 10.8.0.99 -o " + dir + "/phone.ovpn"} {
		said(t, "", append(strings.Fields(line), "--dir", dir)...)
	}
	if got := said(t, "", "policy", "check", "--dir", dir); !strings.Contains(got, "has no policy: add the line `policy FILE`") {
		t.Error(got)
	}
	conf, err := os.ReadFile(filepath.Join(dir, "server.conf"))
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(dir, "server.conf"), string(conf)+"policy "+file+"\n")
	good := "default deny\nallow group staff to 10.1.0.0/16 tcp/443\nallow group staff to user bob tcp/22\nexit everyone yes\ntest alice can 10.1.2.3:443\n"
	write(file, good)
	other := filepath.Join(t.TempDir(), "a policy")
	write(other, "allow user alise to exit\n")
	for words, want := range map[string]string{
		"--dir D":                                   file + ": 3 rules, and 1 tests that pass",
		"--dir D|can alice reach 10.1.2.3:443?":     "yes: " + file + ":2: allow group staff to 10.1.0.0/16 tcp/443",
		"--dir D|can|alice|reach|10.1.2.3:443":      "yes: " + file + ":2: allow group staff to 10.1.0.0/16 tcp/443",
		other + "|can|alise|reach|exit":             "yes: " + other + ":1: allow user alise to exit",
		"--dir D|alice reach 10.8.0.99:22":          "yes: " + file + ":3: allow group staff to user bob tcp/22 (10.8.0.99 is phone.bob)",
		"--dir D|bob reach 10.8.0.1:22":             "no: no rule of",
		"--dir D|bob reach server:22":               "no: no rule of",
		"--dir D|carol reach server":                "there is no user carol",
		"--dir D|" + other:                          "a policy:1:12: there is no user alise",
		other:                                       "1 rules, and 0 tests",
		file + "|alice in staff reach 10.1.2.3:443": "test alice can 10.1.2.3:443: it is not so",
		"":                  "expected a policy file, or --dir D",
		file + ".none":      "no such file",
		"can alice reach x": "no such file",
	} {
		args := []string{"policy", "check"}
		for _, w := range strings.Split(words, "|") {
			switch w {
			case "":
			case "--dir D":
				args = append(args, "--dir", dir)
			default:
				args = append(args, w)
			}
		}
		if got := said(t, "", args...); !strings.Contains(got, want) {
			t.Errorf("%s\n got %s\nwant %s", words, got, want)
		}
	}
	if got := said(t, "", "policy", "show", "alice", "--dir", dir); !strings.Contains(got, "pushed: redirect-gateway def1 ipv6") || !strings.Contains(got, "user bob tcp/22") {
		t.Error(got)
	}
	write(file, good+"allow group staff with group staff\n")
	if got := said(t, "", "policy", "show", "alice", "--dir", dir); strings.Count(got, "allow  to    group staff") != 1 || strings.Count(got, "allow  from  group staff") != 1 {
		t.Error(got)
	}
	write(file, good+"nonsense\n")
	if got := said(t, "", "policy", "check", "--dir", dir); !strings.Contains(got, file+":6:1: ") {
		t.Error(got)
	}
}
