//go:build interop

package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// hostHooks are the lines that have a process run one program for everything that
// happens to its own adapter.
func hostHooks(hook string, more ...string) []string {
	lines := []string{"script-security 2", "setenv MINE first"}
	for _, name := range []string{"up", "down", "route-up", "route-pre-down"} {
		lines = append(lines, name+" "+hook)
	}
	return append(lines, more...)
}

// hostCase is a tunnel whose ends run programs for their adapters.
type hostCase struct {
	name           string
	server, client []string
	signal         os.Signal // for the client in between; nil: none
	then           string    // what the client's file has besides by then, with something to start over for; "": nothing
}

var hostCases = []hostCase{
	{"plain", []string{"route 10.50.0.0 255.255.0.0 10.8.0.2 7", "down-pre",
		`push "dhcp-option DNS 10.8.0.1"`, `push "dhcp-option DOMAIN corp.example"`, `push "route-ipv6 fd99::/64"`},
		[]string{"route 10.60.0.0 255.255.0.0"}, nil, ""},
	{"restart", nil, nil, syscall.SIGUSR1, ""},
	{"restart persist-tun", []string{"user nobody", "persist-tun", "persist-key"}, []string{"user nobody", "persist-tun", "persist-key", "up-restart", "down-pre"}, syscall.SIGUSR1, ""},
	{"noexec", []string{"ifconfig-noexec", "route-noexec"}, []string{"route-noexec", "route 10.60.0.0 255.255.0.0"}, nil, ""},
	{"delays", []string{`push "dns server 1 address 10.8.0.1 [fd00::53]:5353"`, `push "dns server 1 resolve-domains corp.example"`,
		`push "dns server 1 dnssec yes"`, `push "dns server 1 transport DoT"`, `push "dns server 1 sni dns.example"`, `push "dns search-domains a.example b.example"`},
		[]string{"up-delay", "route-delay 1 5", "route 10.60.0.0 255.255.0.0"}, nil, ""},
	{"reload", nil, []string{"down-pre"}, syscall.SIGHUP, "route 10.61.0.0 255.255.0.0\nhand-window 61"},
	{"reload persist-tun", nil, []string{"persist-tun", "persist-key", "up-restart"}, syscall.SIGHUP, "route 10.61.0.0 255.255.0.0\nhand-window 61"},
}

// hostCalls runs a tunnel whose ends are of one implementation, and returns the runs of
// each end's program.
func (c hostCase) hostCalls(t *testing.T, impl implementation) (server, client []hookCall) {
	h := newHosts(t)
	atServer, atClient := h.s.hooksForAll(), h.c.hooksForAll()
	serverProc, clientProc := h.login(pairing{client: impl, server: impl}, hostHooks(atServer, c.server...),
		hostHooks(atClient, append(slices.Clone(c.client), "ipchange "+atClient, "tls-verify "+atClient)...))
	clientProc.up()
	if c.signal != nil {
		h.c.append("client.conf", c.then)
		clientProc.cmd.Process.Signal(c.signal)
		clientProc.expect(initialized, 2, patience)
	}
	for _, p := range []*process{clientProc, serverProc} {
		if err := p.stop(syscall.SIGTERM); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	return h.s.calls(), h.c.calls()
}

// append adds a line to a file of the host.
func (n *netns) append(name, line string) {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	if err := os.WriteFile(path, fmt.Appendf(must(os.ReadFile(path)), "%s\n", line), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// hooksForAll is hooks, with a program that every user can run.
func (n *netns) hooksForAll() string {
	n.t.Helper()
	calls, hook := filepath.Join(n.dir, "calls"), n.hooks()
	err := errors.Join(os.Chmod(n.dir, 0o777), os.Chmod(filepath.Dir(n.dir), 0o755), os.Chmod(hook, 0o755),
		os.WriteFile(calls, nil, 0o666), os.Chmod(calls, 0o666))
	if err != nil {
		n.t.Fatal(err)
	}
	return hook
}

// sameCalls compares the runs of a program, and what it was told, with OpenVPN's.
func sameCalls(t *testing.T, end string, want, got []hookCall) {
	t.Helper()
	want, got = sameRuns(t, end, want, got)
	for i, c := range want {
		own := slices.DeleteFunc(slices.Clone(got[i].env), func(v string) bool { return strings.HasPrefix(v, "PATH=") })
		if !slices.Equal(c.env, own) {
			t.Errorf("%s: %s: OpenVPN told it\n%s\nand we\n%s", end, c.what(), strings.Join(c.env, "\n"), strings.Join(own, "\n"))
		}
	}
}

// sameRuns compares the runs of a program with OpenVPN's, and returns them, except for what
// docs/hooks.md lists: OpenVPN runs tls-verify twice for a certificate that is known by its fingerprint,
// and with user the first time as root.
func sameRuns(t *testing.T, end string, want, got []hookCall) (theirs, own []hookCall) {
	t.Helper()
	list := func(calls []hookCall) (lines []string) {
		for _, c := range calls {
			if c.kind == "tls-verify" {
				c.who = "somebody"
			}
			lines = append(lines, c.who+": "+c.what())
		}
		return lines
	}
	want = slices.CompactFunc(want, func(a, b hookCall) bool { return a.kind == "tls-verify" && a.what() == b.what() })
	if w, g := list(want), list(got); !slices.Equal(w, g) || len(w) < 4 {
		t.Fatalf("%s: OpenVPN ran\n%s\nand we ran\n%s", end, strings.Join(w, "\n"), strings.Join(g, "\n"))
	}
	return want, got
}

// TestHostHooks: the programs of a client's and of a server's own adapter run at the same
// moments, as the same users, with the same arguments and variables in the same order as
// with stock OpenVPN 2.6, except for what docs/hooks.md lists.
func TestHostHooks(t *testing.T) {
	t.Parallel()
	for _, c := range hostCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantServer, wantClient := c.hostCalls(t, stock)
			gotServer, gotClient := c.hostCalls(t, ours)
			sameCalls(t, "server", wantServer, gotServer)
			sameCalls(t, "client", wantClient, gotClient)
		})
	}
}

// TestUpFails: a client whose program of up fails ends, and leaves nothing behind; one whose
// program hangs can still be ended.
func TestUpFails(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"fails": "exit 3", "hangs": "exec /bin/sleep 1000"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			_, p := h.login(pairing{client: ours, server: stock}, nil, []string{"script-security 2", "up " + h.c.program("up", "echo said by up; "+text)})
			if name == "hangs" {
				h.c.eventually("up runs", func() bool { return strings.Contains(p.log(), "said by up") })
				if err := p.stop(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
			} else if err := p.wait(patience); err == nil || !strings.Contains(p.log(), "status 3") {
				t.Errorf("it ended with %v:\n%s", err, p.log())
			}
			if after := h.c.state(); strings.Contains(after, tunDevice) {
				t.Errorf("something is left:\n%s", after)
			}
		})
	}
}

// TestDownFails: a process whose program of down fails when a signal ends it ends with
// status 1, and not as interrupted.
func TestDownFails(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{stock, ours} {
		t.Run(impl.name, func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			_, p := h.login(pairing{client: impl, server: stock}, nil, []string{"script-security 2", "down " + h.c.program("down", "exit 3")})
			err := p.up().stop(syscall.SIGTERM)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("it ended with %v, expected exit status 1", err)
			}
		})
	}
}

// p2pCases are tunnels between two hosts; signal and then are for the one that calls.
var p2pCases = []hostCase{
	{name: "plain", client: []string{"up-delay"}},
	{name: "restart", client: []string{"up-delay", "up-restart"}, signal: syscall.SIGUSR1},
	{name: "reload", client: []string{"up-delay", "up-restart"}, signal: syscall.SIGHUP, then: "route 10.61.0.0 255.255.0.0"},
}

// p2pCalls has two hosts without a server, of one implementation, run a program for
// everything that happens, and returns the runs of each end.
func (c hostCase) p2pCalls(t *testing.T, impl implementation, one, other selfSigned) (a, b []hookCall) {
	h := newHosts(t)
	atServer, atClient := h.s.hooksForAll(), h.c.hooksForAll()
	server := h.s.run(impl, h.s.p2pConfig(p2pHost{index: 0, tlsServer: true, own: one, peer: other,
		extra: hostHooks(atServer, append(slices.Clone(c.server), "ipchange "+atServer, "tls-verify "+atServer, "persist-tun", "route 10.70.0.0 255.255.0.0")...)}))
	client := h.c.run(impl, h.c.p2pConfig(p2pHost{index: 1, remote: h.w.b4, own: other, peer: one,
		extra: hostHooks(atClient, append(slices.Clone(c.client), "ipchange "+atClient, "tls-verify "+atClient, "persist-tun", "down-pre")...)}))
	server.up()
	client.up()
	if c.signal != nil {
		h.c.ran("route-up", 1)
		h.s.ran("ipchange", 1)
		h.c.append("p2p.conf", c.then)
		client.cmd.Process.Signal(c.signal)
		client.expect(initialized, 2, patience)
		server.expect(handshake, 2, patience)
		h.c.ran("up", 2)
		if c.then != "" {
			h.c.ran("route-up", 2)
		}
	}
	for _, p := range []*process{client, server} {
		if err := p.stop(syscall.SIGTERM); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	return h.s.calls(), h.c.calls()
}

// ran waits until the host's program has run so many times for a directive.
func (n *netns) ran(kind string, times int) {
	n.t.Helper()
	n.eventually(fmt.Sprint(kind, " has run, times: ", times), func() bool {
		runs := 0
		for _, c := range n.calls() {
			if c.kind == kind {
				runs++
			}
		}
		return runs >= times
	})
}

// afterAnother leaves out what is different, and why docs/hooks.md says, for a host with which
// the other one begins another connection: for tls-verify the address that was trusted. On a slow
// machine the host may have lost the other one before that: then ipchange runs again, and
// programs are told no more that routes were added.
func afterAnother(calls []hookCall) (all []hookCall) {
	kinds := map[string]string{"trusted_ip": "tls-verify", "trusted_port": "tls-verify", "redirect_gateway": "route-pre-down down"}
	for last := ""; len(calls) > 0; calls = calls[1:] {
		c := calls[0]
		if c.kind == "ipchange" {
			if c.what() == last {
				continue
			}
			last = c.what()
		}
		c.env = c.drop(kinds, map[string]int{})
		all = append(all, c)
	}
	return all
}

// onceUp leaves out what OpenVPN runs for one more connection of hosts that are up: after a
// restart both may begin one.
func onceUp(calls []hookCall) []hookCall {
	up := false
	return slices.DeleteFunc(slices.Clone(calls), func(c hookCall) bool {
		switch c.kind {
		case "up":
			up = true
		case "down":
			up = false
		}
		return up && c.kind == "tls-verify"
	})
}

// aboutPeer are variables that OpenVPN hands out between two hosts and we do not:
// docs/hooks.md has the reasons.
var aboutPeer = regexp.MustCompile(`^(IV_[A-Z0-9]+|X509_0_CN_1|PATH)=`)

// aboutAdapter are those that only programs for the adapter get.
var aboutAdapter = regexp.MustCompile(`^(redirect_gateway|dev|dev_type|tun_mtu|script_context|route_.*|ifconfig_.*)=`)

// told are a call's variables that both implementations hand out, sorted: between two hosts
// their order is another one.
func (c hookCall) told() []string {
	all := slices.DeleteFunc(slices.Clone(c.env), func(v string) bool {
		return aboutPeer.MatchString(v) || (c.kind == "tls-verify" || c.kind == "ipchange") && aboutAdapter.MatchString(v)
	})
	slices.Sort(all)
	return all
}

// TestP2PHooks: as TestHostHooks, for two hosts without a server, with fewer promises of
// what is told.
func TestP2PHooks(t *testing.T) {
	t.Parallel()
	one, other := newSelfSigned("one"), newSelfSigned("other")
	for _, c := range p2pCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantOne, wantOther := c.p2pCalls(t, stock, one, other)
			gotOne, gotOther := c.p2pCalls(t, ours, one, other)
			if c.signal != nil {
				wantOne, gotOne = afterAnother(wantOne), afterAnother(gotOne)
				wantOther, gotOther = onceUp(wantOther), onceUp(gotOther)
			}
			sameTold(t, "the host that waits", wantOne, gotOne)
			sameTold(t, "the host that calls", wantOther, gotOther)
		})
	}
}

// sameTold compares the runs of a program, and in any order what it was told.
func sameTold(t *testing.T, end string, want, got []hookCall) {
	t.Helper()
	want, got = sameRuns(t, end, want, got)
	for i, c := range want {
		if theirs, own := c.told(), got[i].told(); !slices.Equal(theirs, own) {
			t.Errorf("%s: %s: OpenVPN told it\n%s\nand we\n%s", end, c.what(), strings.Join(theirs, "\n"), strings.Join(own, "\n"))
		}
	}
}
