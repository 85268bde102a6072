package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

const page = "../docs/directives.md"

// TestPage checks docs/directives.md, which -update writes.
func TestPage(t *testing.T) {
	var s strings.Builder
	s.WriteString(pageHead + reloadLists())
	for part := range PartCommands + 1 {
		fmt.Fprintf(&s, "\n## %s\n\n| directive | for | what it does | default | here |\n|---|---|---|---|---|\n", part)
		for _, d := range table {
			if d.Part == part {
				fmt.Fprintf(&s, "|%s|%s|%s|%s|%s|\n", cell(code(usage(&d))), cell(one(d.Role)), cell(d.Help), cell(code(d.Default)), cell(state(&d)))
			}
		}
	}
	if *update {
		if err := os.WriteFile(page, []byte(s.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != s.String() {
		t.Errorf("%s is not what the table says: run go test ./config -update", page)
	}
}

const pageHead = `# Directives

What Culvert knows of OpenVPN's configuration language, written by
` + "`go test ./config -update`" + ` from the table that the program goes by.
` + "`culvert help DIRECTIVE`" + ` shows one, with where it may stand.

The last column is empty for a directive that is honoured. One that is ignored
gets a note in the log; one that is refused, or not supported yet, is an error that
names file and line. None is ever skipped in silence.

` + "`[x]`" + ` may be left out, ` + "`a|b`" + ` is a choice, and ` + "`...`" + ` stands for more of the same.

SIGHUP has the configuration read again. If sessions can go on with every change, they
do; otherwise everything starts over, and the log names the directive that forced it. Changes of
` + "`daemon`, `log`, `log-append`, `log-format`, `log-journal`,\n`syslog`, `suppress-timestamps`, `nice`, `mlock`, `history`,\n`history-anonymise`, `accounting-log`, `accounting-interval`, `accounting-radius`" + `
and the ` + "`management`" + ` interface wait for the next start of the process. Lists of
` + "`crl-verify`" + ` and files of ` + "`client-config-dir`" + ` are looked at while it runs. SIGUSR1 has
peers connect anew with the configuration as it was read.
`

// reloadLists returns the directives that are taken while sessions go on.
func reloadLists() string {
	lists := map[Reload]string{}
	for _, d := range Directives() {
		when := d.Reload
		if when == ReloadLive {
			when = ReloadServer
		}
		lists[when] += ", `" + d.Name + "`"
	}
	return "\nSessions of every role go on with changes of " + lists[ReloadKept][2:] + ", and of what has no effect here.\n" +
		"\nA server's sessions and a client's tunnel also go on with changes of " + lists[ReloadEnds][2:] + ".\n" +
		"\nA client's tunnel also stays with changes of " + lists[ReloadClient][2:] + ".\n" +
		"\nA server's sessions also go on with changes of " + lists[ReloadServer][2:] + ", and of files that these name.\n"
}

func cell(s string) string { return strings.TrimRight(" "+s, " ") + " " }

// one is the role of a directive that is for one alone.
func one(r Role) string {
	if r == RoleBoth {
		return ""
	}
	return r.phrase()
}

func state(d *Directive) string {
	if d.Status == Supported && d.Reason == "" {
		return ""
	}
	return d.State()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "|", "\\|") + "`"
}

// TestPageNamesWhatWaits: the page says in words what the table says of reloads.
func TestPageNamesWhatWaits(t *testing.T) {
	for _, d := range Directives() {
		named := strings.Contains(pageHead, "`"+d.Name+"`") || d.Part == PartManagement && strings.Contains(pageHead, "`management`")
		if (d.Reload == ReloadStart || d.Reload == ReloadLive) && !named {
			t.Errorf("%s is not taken on SIGHUP like the others, and the page's head does not say so", d.Name)
		}
	}
}

// TestHelpIsOneSentence: short, plain, and in one line.
func TestHelpIsOneSentence(t *testing.T) {
	const most = 125
	for _, d := range Directives() {
		switch {
		case !strings.HasSuffix(d.Help, ".") || strings.ContainsAny(d.Help, "\n|`"):
			t.Errorf("%s: %q is not one plain line that ends in a full stop", d.Name, d.Help)
		case len(d.Help) > most:
			t.Errorf("%s: help of %d characters, more than %d", d.Name, len(d.Help), most)
		}
	}
}

// inZero are defaults that a field's zero value stands for, or that setting
// changes more than.
var inZero = map[string]string{
	"mssfix":          "0 with Off false",
	"tls-version-min": "an empty name",
}

// TestDefaults: a line with the default changes nothing.
func TestDefaults(t *testing.T) {
	for _, d := range Directives() {
		if d.Default == "" || inZero[d.Name] != "" {
			continue
		}
		text := "client\nremote a\nca ca.pem\nauth-user-pass\nremote-cert-tls server\n"
		if d.Role == RoleServer || d.Name == "mode" {
			text = "server 10.8.0.0 255.255.255.0\nca ca.pem\ncert ca.pem\nkey ca.pem\n"
		}
		if d.Name == "vlan-accept" || d.Name == "vlan-pvid" {
			text += "dev tap\nvlan-tagging\n"
		}
		if d.Name == "ping" || d.Name == "ping-exit" {
			text += "ping-restart 120\n" // which a client has in any case
		}
		without, with := settings(t, text), settings(t, d.Name+" "+d.Default+"\n"+text)
		if !reflect.DeepEqual(with, without) {
			t.Errorf("%s %s is said to be the default, but changes something", d.Name, d.Default)
		}
	}
}

// settings is a configuration without places and notes.
func settings(t *testing.T, text string) *Config {
	t.Helper()
	c, err := ParseFile("test.conf", []byte(text), func(string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----"), nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	c.Notes, c.lines, c.reads, c.said, c.used, c.usedInBlocks = nil, nil, nil, nil, nil, nil
	clear := []*File{c.Trust.CA, c.Trust.Cert, c.Trust.Key, c.Login.UserPass}
	for _, f := range clear {
		if f != nil {
			f.Pos = Pos{}
		}
	}
	for i := range c.Link.Remotes {
		c.Link.Remotes[i].Pos = Pos{}
	}
	return c
}

func TestHelpOfADirective(t *testing.T) {
	for name, wants := range map[string][]string{
		"verb":           {"verb n\n", "honoured", "client and server", "in a configuration file, on the command line or in what a server pushes", "Default  1", "SIGHUP"},
		"ca":             {"<ca>", "Keys", ""},
		"client-connect": {"honoured", "server"},
		"no-replay":      {"ignored: replayed packets are always dropped"},
		"persist-tun":    {"accepted, and changes nothing"},
		"providers":      {"others are refused"},
		"crl-verify":     {"at once"},
		"log":            {"when the process is started again"},
		"genkey":         {"a command: culvert --genkey [kind]"},
	} {
		d, found := Lookup("--" + name)
		if !found {
			t.Errorf("%s is not found", name)
		}
		for _, want := range wants {
			if got := d.Text(); !strings.Contains(got, want) && !strings.Contains(d.Part.String(), want) {
				t.Errorf("%s: %s\nexpected %q in it", name, got, want)
			}
		}
	}
	if _, found := Lookup("nosuch"); found {
		t.Error("nosuch is found")
	}
}

func TestAlike(t *testing.T) {
	for name, want := range map[string]string{
		"vreb":        "verb",
		"--Ciphers":   "cipher ncp-ciphers data-ciphers show-ciphers tls-ciphersuites data-ciphers-fallback",
		"tls-crypt-v": "tls-crypt-v2 tls-crypt-v2-verify tls-crypt-v2-max-age",
		"xyzzy":       "",
		"e":           "",
	} {
		if got := strings.Join(Alike(name), " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
