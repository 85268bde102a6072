//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// dumpScript writes its arguments and its environment, in the order in which it got
// them, as one call to a file beside the configuration.
const dumpScript = `part=$(/usr/bin/mktemp "%[1]s/part.XXXXXX")
{ for a in "$@"; do echo "arg $a"; done
  echo "cwd $(/bin/pwd)"
  echo "who $(/usr/bin/id -un)"
  /usr/bin/tr '\0' '\n' < /proc/$$/environ | /bin/sed 's/^/env /'
  echo end; } > "$part"
/bin/cat "$part" >> "%[1]s/calls"; /bin/rm "$part"
echo "said by $script_type"`

// hookCall is one run of a program: why, with which arguments and environment.
type hookCall struct {
	kind string // script_type
	who  string // the user who ran it
	args []string
	env  []string // NAME=VALUE, as given
}

// what is the call without its environment.
func (c hookCall) what() string { return strings.TrimSpace(c.kind + " " + strings.Join(c.args, " ")) }

// hooks writes the program that dumps what it is told, and returns its path.
func (n *netns) hooks() string {
	n.t.Helper()
	return n.program("hook", fmt.Sprintf(dumpScript, n.dir))
}

// calls are the runs so far of the program that hooks wrote.
func (n *netns) calls() (all []hookCall) {
	text, _ := os.ReadFile(filepath.Join(n.dir, "calls"))
	var c hookCall
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "arg":
			if rest = varying(rest); strings.Contains(rest, " ") {
				rest = strconv.Quote(rest) // it is one
			}
			c.args = append(c.args, rest)
		case "env":
			c.env = append(c.env, varying(rest))
			if kind, ok := strings.CutPrefix(rest, "script_type="); ok {
				c.kind = kind
			}
		case "who":
			c.who = rest
		case "cwd":
			if rest != "/" && rest != n.dir && !strings.HasPrefix(rest, "/") {
				n.t.Errorf("it ran in %q", rest)
			}
		case "end":
			all = append(all, c)
			c = hookCall{}
		}
	}
	return all
}

// varies is what differs from one run to the next: numbers of ports, processes, times and
// bytes, and names of files that are made for one call.
var varies = []struct {
	match *regexp.Regexp
	with  string
}{
	{regexp.MustCompile(`^((?:un)?trusted_port|daemon_pid|daemon_start_time|time_unix|time_duration|bytes_sent|bytes_received)=[0-9]+$`), "$1=NUMBER"},
	{regexp.MustCompile(`^(time_ascii)=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`), "$1=TIME"},
	{regexp.MustCompile(`^((?:un)?trusted_ip)=[0-9.]+$`), "$1=ADDRESS"},
	{regexp.MustCompile(`^([a-z_]+_file=)?/tmp/[^ ]*$`), "${1}FILE"},
	{regexp.MustCompile(`^config=.*/`), "config="},
}

func varying(text string) string {
	for _, v := range varies {
		text = v.match.ReplaceAllString(text, v.with)
	}
	return text
}

// serverHooks are the lines that have a server run one program for everything that can
// happen to a client.
func serverHooks(hook string) []string {
	return []string{"script-security 2", "setenv MINE first", "setenv-safe OURS second", "setenv LAST third",
		"tls-crypt-v2-verify " + hook, "tls-verify " + hook, "auth-user-pass-verify " + hook + " via-file",
		"client-connect " + hook, "client-disconnect " + hook, "learn-address " + hook}
}

// serverCalls has a stock client come and go at a server that runs a program for all that
// happens, and returns the runs.
func serverCalls(t *testing.T, impl implementation) []hookCall {
	h := newHosts(t)
	dir := filepath.Join(h.s.dir, "ccd")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, clientName), []byte("iroute 192.168.77.0 255.255.255.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	lines := append(serverHooks(h.s.hooks()), "client-config-dir "+dir, "tmp-dir /tmp", "explicit-exit-notify 1", "x509-track +CN", "x509-track O")
	up := h.c.file("up.txt", "D\\us er$\npass\n")
	serverProc, clientProc := h.login(pairing{client: stock, server: impl}, lines, []string{"auth-user-pass " + up, "push-peer-info", "setenv UV_SAYS \"a b$(c)\"", "explicit-exit-notify 1"})
	clientProc.up()
	h.c.ping(serverIPv4)
	if err := clientProc.stop(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := serverProc.stop(os.Interrupt); err != nil {
		t.Error(err)
	}
	for _, word := range []string{"tls-verify", "user-pass-verify", "client-connect", "learn-address", "client-disconnect"} {
		if !strings.Contains(serverProc.log(), "said by "+word) {
			t.Errorf("%s: what the program of %s printed is not in the log", impl.name, word)
		}
	}
	calls := h.s.calls()
	// OpenVPN forgets addresses in the order of a hash.
	slices.SortStableFunc(calls, func(a, b hookCall) int {
		if strings.HasPrefix(a.what(), "learn-address delete") && strings.HasPrefix(b.what(), "learn-address delete") {
			return strings.Compare(a.what(), b.what())
		}
		return 0
	})
	return calls
}

// onlyStock are variables that OpenVPN hands to a server's programs and we do not, and onlyOurs
// those that it does not: docs/hooks.md has the reasons.
var (
	onlyStock = map[string]string{
		"auth_control_file":       "client-connect learn-address client-disconnect",
		"auth_pending_file":       "client-connect learn-address client-disconnect",
		"auth_failed_reason_file": "client-connect learn-address client-disconnect",
	}
	onlyOurs = map[string]string{
		"PATH": "tls-crypt-v2-verify tls-verify user-pass-verify client-connect learn-address client-disconnect",
	}
)

// drop takes the variables out of an environment that a table names for the call's kind, and
// counts each in seen.
func (c hookCall) drop(table map[string]string, seen map[string]int) []string {
	return slices.DeleteFunc(slices.Clone(c.env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains(strings.Fields(table[name]), c.kind) {
			return false
		}
		seen[name]++
		return true
	})
}

// TestServerHooks: a server's programs run at the same moments, with the same arguments
// and the same variables in the same order, as with stock OpenVPN 2.6, except for what
// docs/hooks.md lists.
func TestServerHooks(t *testing.T) {
	t.Parallel()
	want, got := serverCalls(t, stock), serverCalls(t, ours)
	var wanted, had []string
	for _, c := range want {
		wanted = append(wanted, c.what())
	}
	for _, c := range got {
		had = append(had, c.what())
	}
	if !slices.Equal(wanted, had) || len(wanted) < 12 {
		t.Fatalf("OpenVPN ran\n%s\nand we ran\n%s", strings.Join(wanted, "\n"), strings.Join(had, "\n"))
	}
	lacks, adds := map[string]int{}, map[string]int{}
	for i, c := range want {
		theirs, own := c.drop(onlyStock, lacks), got[i].drop(onlyOurs, adds)
		if !slices.Equal(theirs, own) {
			t.Errorf("%s: OpenVPN told it\n%s\nand we\n%s", c.what(), strings.Join(theirs, "\n"), strings.Join(own, "\n"))
		}
	}
	if len(lacks) != len(onlyStock) || len(adds) != len(onlyOurs) {
		t.Errorf("the tables of differences, and docs/hooks.md, say too much: %v and %v were seen", lacks, adds)
	}
}
