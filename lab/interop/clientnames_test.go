//go:build interop

package interop

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestClientNames: a stock client finds another by its device's name, and back, also where
// the server has no device of its own; and no name when the other is gone. It is told to
// ask the server. A device that comes again with another address is found there, also when the
// server has started anew.
func TestClientNames(t *testing.T) {
	t.Parallel()
	for _, userspace := range []bool{false, true} {
		name := "device"
		if userspace {
			name = "user space"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			s, a, b := l.host("s"), l.host("a"), l.host("b")
			wireA := l.join(a, s)
			wireB := l.join(b, s)
			dir := filepath.Join(s.dir, "vpn")
			say := func(words ...string) string {
				return s.output(append(append([]string{culvert(t)}, words...), "--dir", dir)...)
			}
			s.output(culvert(t), "init", "--dir", dir, "--host", wireA.b4.String())
			conf := filepath.Join(dir, "server.conf")
			if err := os.WriteFile(conf, append(must(os.ReadFile(conf)), "\nnames\nclient-to-client\n"...), 0o644); err != nil {
				t.Fatal(err)
			}
			say("user", "add", "alice")
			phone, laptop := filepath.Join(s.dir, "phone.ovpn"), filepath.Join(s.dir, "laptop.ovpn")
			say("device", "add", "phone", "--user", "alice", "--ipv4", "10.8.0.77", "-o", phone)
			say("client", "add", "laptop", "-o", laptop)
			argv := []string{culvert(t), "serve", "--dir", dir, "--state-dir", filepath.Join(s.dir, "state")}
			if userspace {
				argv = append(argv, "--userspace")
			}
			serving := s.start("culvert serve", argv...)
			serving.up()
			first := a.run(stock, phone)
			first.up()
			other := strings.Replace(string(must(os.ReadFile(laptop))), "remote "+wireA.b4.String(), "remote "+wireB.b4.String(), 1)
			second := b.run(stock, b.file("laptop.ovpn", other))
			second.up()
			dig := func(words ...string) string {
				return strings.TrimSpace(b.output(append([]string{"dig", "+short", "+time=2", "+tries=2", "@10.8.0.1"}, words...)...))
			}
			for _, test := range []struct {
				ask  []string
				want string
			}{
				{[]string{"phone.alice.vpn"}, "10.8.0.77"}, {[]string{"+tcp", "phone.alice.vpn"}, "10.8.0.77"}, {[]string{"-x", "10.8.0.77"}, "phone.alice.vpn."},
				{[]string{"alice.vpn"}, "10.8.0.77"}, {[]string{"server.vpn"}, "10.8.0.1"}, {[]string{"nobody.vpn"}, ""},
			} {
				if got := dig(test.ask...); got != test.want {
					t.Errorf("%v: %q, want %q", test.ask, got, test.want)
				}
			}
			if got := dig("laptop.vpn"); !strings.HasPrefix(got, "10.8.0.") {
				t.Errorf("laptop.vpn: %q", got)
			}
			first.stop(syscall.SIGTERM)
			for end := time.Now().Add(patience); dig("phone.alice.vpn") != ""; time.Sleep(200 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("a client that left still has its name")
				}
			}
			say("device", "set", "phone", "--user", "alice", "--ipv4", "10.8.0.78")
			a.run(stock, phone).up()
			if got := dig("phone.alice.vpn"); got != "10.8.0.78" {
				t.Errorf("with another address: %q", got)
			}
			serving.stop(syscall.SIGTERM)
			s.start("culvert serve again", argv...).up()
			asked := []string{"dig", "+short", "+time=1", "+tries=1", "@10.8.0.1", "phone.alice.vpn"}
			for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
				p := b.start("dig", asked...)
				if p.wait(patience) == nil && strings.TrimSpace(p.log()) == "10.8.0.78" {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("after a restart of the server: %q", p.log())
				}
			}
		})
	}
}
