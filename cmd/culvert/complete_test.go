package main

import (
	"strings"
	"testing"

	"culvert/config"
	"culvert/operate/service"
)

// completed is what a shell is told when the last word of a line is to be completed, with
// the number at its end.
func completed(t *testing.T, words ...string) string {
	t.Helper()
	var out strings.Builder
	if of, described, asked := isCompletion(append([]string{"__completeNoDesc"}, words...)); asked {
		if err := completeDirectives(&out, of, described); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	root := rootCommand(service.Self{})
	root.SetArgs(append([]string{"__completeNoDesc"}, words...))
	root.SetOut(&out)
	root.SetErr(new(strings.Builder))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return out.String()
}

func TestCompletion(t *testing.T) {
	dir := t.TempDir() + "/vpn"
	for _, args := range [][]string{{"init", "--dir", dir, "--host", "vpn.example.org"}, {"client", "add", "anna", "--dir", dir, "-o", dir + "/anna.ovpn"}} {
		root := rootCommand(service.Self{})
		root.SetArgs(args)
		root.SetOut(new(strings.Builder))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		line string // words; the last is to be completed, and _ stands for an empty one
		want string
	}{
		{"conn", "connect\n:4\n"},
		{"client re", "renew\nrevoke\n:4\n"},
		{"connect _", "ovpn\nconf\n:8\n"}, // the shell shows files with these endings
		{"connect a.ovpn _", ":4\n"},
		{"serve --dir _", ":16\n"}, // directories
		{"client revoke --dir " + dir + " _", "anna\n:4\n"},
		{"client revoke --dir " + dir + " anna _", ":4\n"},
		{"client revoke --dir /nowhere _", ":4\n"},
		{"client add --dir " + dir + " anna -o _", ":0\n"}, // any file
		{"capture --at n", "nic\n:4\n"},
		{"status --state-dir /nowhere _", ":4\n"},
		{"man c", "culvert\nculvert.conf\n:4\n"},
		{"help client-d", "client-disconnect\n:4\n"},
		{"help client rev", "revoke\n:4\n"},
		{"version _", ":4\n"},
		{"--remote-cert-e", "--remote-cert-eku\n:4\n"},
		{"--config _", ":0\n"},
		{"a.ovpn --client-config-d", "--client-config-dir\n:4\n"},
		{"--client-config-dir _", ":16\n"},
		{"--config a.ovpn --topology s", "subnet\n:4\n"},
		{"--topology subnet --mode _", "p2p\nserver\n:4\n"},
		{"--verb _", ":4\n"},
		{"--connect-retry-max _", "unlimited\n:4\n"},
		{"--nosuch --vers", "--version\n:4\n"},
	} {
		words := strings.Fields(c.line)
		if last := len(words) - 1; words[last] == "_" {
			words[last] = ""
		}
		if got := completed(t, words...); got != c.want {
			t.Errorf("culvert %s: %q, want %q", c.line, got, c.want)
		}
	}
}

// TestEveryDirectiveIsCompleted: those that may stand on the command line, and no others.
func TestEveryDirectiveIsCompleted(t *testing.T) {
	words := strings.Fields(completed(t, "--"))
	got := map[string]bool{}
	for _, w := range words {
		if got[w] {
			t.Errorf("%s: twice", w)
		}
		got[w] = true
	}
	for _, d := range config.Directives() {
		if may := d.Where&config.InCommandLine != 0; got["--"+d.Name] != may {
			t.Errorf("--%s: completed %v, may stand there %v", d.Name, !may, may)
		}
	}
	if !got["--help"] || !got["--version"] {
		t.Error("--help and --version are missing")
	}
}
