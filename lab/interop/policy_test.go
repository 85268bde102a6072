//go:build interop

package interop

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPolicy has stock clients of a server that gave up root's rights: one opens
// connections to one port of the other, which opens none; under a stream the policy
// changes, and the stream ends at once. The trace names the line.
func TestPolicy(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, a, b := l.host("s"), l.host("a"), l.host("b")
	at := l.join(s, a).a4.String()
	b.ip("route", "add", at+"/32", "via", l.join(s, b).a4.String())
	policy := filepath.Join(s.dir, "policy")
	write := func(text string) {
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names := map[*netns]string{a: filepath.Base(a.name), b: filepath.Base(b.name)}
	first := "default deny\nallow client " + names[a] + " to client " + names[b] + " tcp/7000 icmp\nallow client " + names[a] + " to server icmp\n"
	write(first + "test client " + names[b] + " cannot server\n")
	server := newServed(s, "served", at, "10.8.0.0/24", "fd00:8::/64", "client-to-client", "policy "+policy)
	for n, name := range names {
		profile := filepath.Join(n.dir, "client.ovpn")
		s.output(culvert(t), "client", "add", name, "--dir", server.dir, "-o", profile)
		n.run(stock, profile).up()
	}
	a4, _ := a.device("tun0")
	b4, _ := b.device("tun0")
	to, from := b4.prefix.Addr(), a4.prefix.Addr()
	a.ping(to)
	a.ping(serverIPv4)
	if said, err := b.tryPing(from); err == nil {
		t.Errorf("the other way: %s", said)
	}
	if said, err := b.tryPing(serverIPv4); err == nil {
		t.Errorf("to the server: %s", said)
	}

	trace := s.trace("--count", "1", "icmp and src host "+to.String()+" and dst host "+from.String())
	b.tryPing(from)
	trace.expect(regexp.MustCompile(`dropped: not allowed by the policy: no rule of .*policy is about it`), 1, patience)

	b.start("iperf3 -s", "iperf3", "-s", "-p", "7000", "--forceflush").expect(regexp.MustCompile("listening"), 1, patience)
	b.start("iperf3 -s", "iperf3", "-s", "-p", "7001", "--forceflush").expect(regexp.MustCompile("listening"), 1, patience)
	a.start("iperf3 -s", "iperf3", "-s", "-p", "7000", "--forceflush").expect(regexp.MustCompile("listening"), 1, patience)
	if a.answers("iperf3", "-c", to.String(), "-p", "7001", "-t", "1", "--connect-timeout", "1000") {
		t.Error("another port can be reached")
	}
	if b.answers("iperf3", "-c", from.String(), "-p", "7000", "-t", "1", "--connect-timeout", "1000") {
		t.Error("the port can be reached the other way")
	}
	stream := a.start("iperf3 -c", "iperf3", "-c", to.String(), "-p", "7000", "-t", "60", "--forceflush")
	stream.expect(regexp.MustCompile(`[1-9][0-9.]* [KMG]bits/sec`), 2, patience)
	write(first + "nonsense\n") // which changes nothing
	stream.expect(regexp.MustCompile(`[1-9][0-9.]* [KMG]bits/sec`), 5, patience)
	write("default deny\nallow client " + names[b] + " to client " + names[a] + " icmp\ndeny everyone to everyone\n")
	changed := time.Now()
	stream.expect(regexp.MustCompile(`\s0\.00 bits/sec`), 2, patience)
	t.Logf("two seconds without a byte %v after the file was written", time.Since(changed).Round(10*time.Millisecond))
	b.ping(from)
	if said, err := a.tryPing(to); err == nil {
		t.Errorf("what was allowed before: %s", said)
	}
	trace = s.trace("--count", "1", "tcp and dst host "+to.String())
	trace.expect(regexp.MustCompile(`dropped: not allowed by the policy: line 3 of .*policy`), 1, patience)
	stream.stop(syscall.SIGKILL)
}

// TestPolicyWays has one stock client reach another and not the other way, and then the
// reverse, where the server has no device of its own, and where it switches frames.
func TestPolicyWays(t *testing.T) {
	t.Parallel()
	for way, device := range map[string]string{"user space": "tun", "ethernet": "tap"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			s, a, b := l.host("s"), l.host("a"), l.host("b")
			at := l.join(s, a).a4.String()
			b.ip("route", "add", at+"/32", "via", l.join(s, b).a4.String())
			dir, policy := filepath.Join(s.dir, "vpn"), filepath.Join(s.dir, "policy")
			allow := func(from, to string) {
				if err := os.WriteFile(policy, []byte("default deny\nallow client "+from+" to client "+to+" icmp\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			allow("first", "second")
			s.output(culvert(t), "init", "--dir", dir, "--host", at)
			conf := filepath.Join(dir, "server.conf")
			text := strings.Replace(string(must(os.ReadFile(conf))), "\ndev tun", "\ndev "+device, 1)
			if err := os.WriteFile(conf, []byte(text+"\nclient-to-client\npolicy "+policy+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			argv := []string{culvert(t), "serve", "--dir", dir, "--state-dir", filepath.Join(s.dir, "state")}
			if way == "user space" {
				argv = append(argv, "--userspace")
			}
			server := s.start("culvert serve", argv...).up()
			inside := make(map[*netns]netip.Addr)
			for n, name := range map[*netns]string{a: "first", b: "second"} {
				profile := s.output(culvert(t), "client", "add", name, "--dir", dir)
				n.run(stock, n.file("client.ovpn", strings.Replace(profile, "\ndev tun", "\ndev "+device, 1))).up()
				v4, _ := n.device(device + "0")
				inside[n] = v4.prefix.Addr()
			}
			a.ping(inside[b])
			if said, err := b.tryPing(inside[a]); err == nil {
				t.Errorf("the other way: %s", said)
			}
			stream := a.start("ping", "ping", "-n", "-i", "0.1", inside[b].String())
			stream.expect(regexp.MustCompile("bytes from"), 5, patience)
			allow("second", "first")
			b.eventually("the second reaches the first", func() bool {
				_, err := b.tryPing(inside[a])
				return err == nil
			})
			if said, err := a.tryPing(inside[b]); err == nil {
				t.Errorf("what was allowed before: %s", said)
			}
			if strings.Contains(server.log(), "level=ERROR") {
				t.Errorf("the server complains:\n%s", server.log())
			}
		})
	}
}
