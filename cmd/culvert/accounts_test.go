package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/operate/service"
)

// said is what a command line writes, and its error in words after it. stdin is what it reads.
func said(t *testing.T, stdin string, words ...string) string {
	t.Helper()
	var out strings.Builder
	root := rootCommand(service.Self{})
	root.SetArgs(words)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		out.WriteString(err.Error())
	}
	return out.String()
}

// office is a new server's directory.
func office(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "vpn")
	if text := said(t, "", "init", "--dir", dir, "--host", "vpn.example.org"); !strings.Contains(text, "culvert serve") {
		t.Fatal(text)
	}
	return dir
}

// TestAccounts is a day of an administrator: each line, and what has to be in what it says;
// what has to be missing stands after a !.
func TestAccounts(t *testing.T) {
	dir := office(t)
	table := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(table, []byte("# name, full name, email, groups\ndora,Dora Example,dora@example.org,staff\nemil\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, stdin, want string }{
		{"group add staff --require certificate+password+code --max-devices 2", "", "staff is added"},
		{"user add alice --group stff", "", "did you mean staff?"},
		{"user add alice --group staff --full-name Alice --expires 30d --password-stdin", "correct horse\n", "alice is added"},
		{"user add alice", "", "user alice exists already"},
		{"user add Alice", "", "there is user alice, whose name differs in capital letters alone"},
		{"user add bob --password-stdin", "short", "5 bytes: expected at least 8"},
		{"user add bob --expires tomorrow", "", "expected a day such as 2026-12-31"},
		{"user add bob --password", "", "use --password-stdin"},
		{"user add bob", "", "bob is added"},
		{"user show alcie", "", "did you mean alice?"},
		{"user show alice", "", "certificate+password+code"},
		{"user show alice --json", "", `"password":true`},
		{"user show alice --json", "", "!argon2"},
		{"user list", "", "alice  active"},
		{"device add phone --user alice -o " + dir + "/phone.ovpn --ipv4 auto", "", "Its own addresses: 10.8.0.254"},
		{"device add pad --user bob --ipv4 10.8.0.254", "", "is the address of device alice/phone"},
		{"device add pad --user bob", "", "<tls-crypt-v2>"},
		{"device list", "", "alice  phone  active"},
		{"device list", "", "!CERTIFICATE"},
		{"device list --certificates", "", "valid, ends"},
		{"device list --user bob", "", "!alice"},
		{"device show pad --user bob", "", "common name:  pad.bob"},
		{"device set pad --user bob --ipv4 10.8.0.99 --expires never", "", "pad of bob is changed: active, 10.8.0.99"},
		{"device set pad --user bob", "", "expected what to change"},
		{"device disable pad --user bob", "", "pad of bob is disabled"},
		{"device list --json", "", `"state":"disabled"`},
		{"client list", "", "disabled"},
		{"device enable pad --user bob", "", "pad of bob is enabled"},
		{"client list", "", "!disabled"},
		{"device renew pad --user bob -o " + dir + "/pad.ovpn", "", "new profile of pad.bob"},
		{"user set bob", "", "expected what to change"},
		{"user set bob --group staff --max-devices 1", "", "bob is changed"},
		{"device add two --user bob", "", "bob has 1 devices, and the user's record allows 1"},
		{"user disable bob", "", "bob is disabled"},
		{"user list", "", "bob    disabled"},
		{"client list", "", "disabled"},
		{"user enable bob", "", "bob is enabled"},
		{"group set staff --remove bob --require certificate", "", "staff is changed"},
		{"group show staff", "", "members:          alice"},
		{"group list --json", "", `"require":"certificate"`},
		{"user add lena --source ldap", "", "lena is added"},
		{"user show lena", "", "known by:        ldap"},
		{"user set lena --password-stdin", "correct horse 1", "is that of ldap"},
		{"user set lena --source local --password-stdin", "correct horse 1", "lena is changed"},
		{"user show lena", "", "!known by"},
		{"user set lena --source Ldap", "", "expected local or one of ldap, radius, pam, oidc"},
		{"user remove lena", "", "lena is removed"},
		{"user import " + table + " --source \"\"", "", "expected local or one of"},
		{"user import " + table, "", "2 users are added"},
		{"user import " + table, "", "user dora exists already"},
		{"group remove staff", "", "it had 2 members"},
		{"revoke pad.bbo", "", "there is no client, device or user"},
		{"revoke alcie", "", "did you mean alice?"},
		{"revoke dora", "", "no devices with certificates"},
		{"revoke pad.bob", "", "pad.bob is revoked"},
		{"device list --user bob", "", "revoked, ends"},
		{"device renew pad --user bob", "", "--let-in-again"},
		{"revoke alice", "", "alice (1 device) is revoked"},
		{"device remove pad --user bob", "", "pad of bob is removed"},
		{"device list --user bob", "", "!pad"},
		{"user remove alice", "", "alice is removed, with 1 device"},
		{"client list", "", "phone.alice  revoked"},
		{"user show alice", "", "there is no user"},
		{"user list --dir /nowhere", "", "not a server's directory"},
	} {
		words := strings.Fields(c.line)
		if !strings.Contains(c.line, "--dir") {
			words = append(words, "--dir", dir)
		}
		text := said(t, c.stdin, words...)
		want, not := strings.CutPrefix(c.want, "!")
		if strings.Contains(text, want) == not {
			t.Errorf("culvert %s:\n%s\nexpected %q", c.line, text, c.want)
		}
		if strings.Contains(text, "correct horse") {
			t.Errorf("culvert %s: a password is shown", c.line)
		}
	}
	if text, err := os.ReadFile(dir + "/phone.ovpn"); err != nil || !strings.Contains(string(text), "static-challenge") {
		t.Errorf("%s, %v", text, err)
	}
}

// TestEnds: an end in the middle of a day is not said to be at its end.
func TestEnds(t *testing.T) {
	for end, want := range map[time.Time]string{
		{}: "never",
		time.Date(2026, 12, 31, 23, 59, 59, 0, time.Local): "2026-12-31",
		time.Date(2026, 12, 31, 9, 5, 0, 0, time.Local):    "2026-12-31 09:05",
	} {
		if got := ends(end); got != want {
			t.Errorf("%v: %s, want %s", end, got, want)
		}
	}
}

func TestCompleteAccounts(t *testing.T) {
	dir := office(t)
	for _, line := range []string{"user add alice", "user add bob", "group add staff", "device add phone --user alice -o " + dir + "/p.ovpn"} {
		said(t, "", append(strings.Fields(line), "--dir", dir)...)
	}
	for line, want := range map[string]string{
		"user show _": "alice\nbob\n:4\n", "user show alice _": ":4\n", "group set _": "everyone\nstaff\n:4\n", "device show --user alice _": "phone\n:4\n",
		"device add x --user a": "alice\n:4\n", "revoke _": "phone.alice\nalice\nbob\n:4\n", "user set alice --group s": "staff\n:4\n",
	} {
		words := strings.Fields(strings.ReplaceAll(line, "_", ""))
		last := ""
		if !strings.HasSuffix(line, "_") {
			last, words = words[len(words)-1], words[:len(words)-1]
		}
		if words[len(words)-1] == "--user" || words[len(words)-1] == "--group" {
			flag := words[len(words)-1]
			words = append(words[:len(words)-1], "--dir", dir, flag)
		} else {
			words = append(words, "--dir", dir)
		}
		if got := completed(t, append(words, last)...); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	empty := t.TempDir()
	if got := completed(t, "user", "show", "--dir", empty, ""); got != ":4\n" {
		t.Errorf("%q", got)
	}
	if _, err := os.Stat(filepath.Join(empty, "store.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("completing a word made a store: %v", err)
	}
}
