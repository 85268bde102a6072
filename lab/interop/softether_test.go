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
)

// softether is SoftEther's server, which takes clients of OpenVPN by name and
// password, negotiates no cipher, and has no IPv6 for them.
var softether = &peer{
	implementation: implementation{name: "softether"},
	title:          "SoftEther",
	version: func(t testing.TB) string {
		m := regexp.MustCompile(`Version (\S+ Build \d+)`).FindStringSubmatch(says("sh", "-c", "echo exit | "+unpacked(t, "softether-command")+" /TOOLS"))
		if m == nil {
			t.Fatal("SoftEther does not say its version")
		}
		return m[1]
	},
}

func softetherEncounters() []*encounter {
	return []*encounter{
		{name: "udp", peer: softether, role: asServer, run: meetSoftether("udp"), shows: []sight{overUDP, innerFour, weRekey}},
		{name: "tcp", peer: softether, role: asServer, run: meetSoftether("tcp"), shows: []sight{overTCP, innerFour, weRekey, restarted, weLeave}},
	}
}

// softetherScript starts the server with files of its own, sets up a hub with one
// user and a NAT to the server's host, and stays.
const softetherScript = `set -e
for dir in /run /var/lib /var/log; do mount -t tmpfs tmpfs $dir; mkdir $dir/softether; done
"$1" execsvc </dev/null >/dev/null 2>&1 &
for try in $(seq 100); do
	"$2" localhost:5555 /SERVER /IN:setup.txt >setup.log 2>&1 </dev/null || true
	test ! -s server.crt || break
	sleep 0.1
done
grep -v Password setup.log
test -s server.crt
echo ready
exec sleep infinity
`

const softetherSetup = `HubCreate VPN /PASSWORD:hub
Hub VPN
UserCreate ada /GROUP:none /REALNAME:none /NOTE:none
UserPasswordSet ada /PASSWORD:hunter2
SecureNatEnable
Hub
ServerCertGet server.crt
`

// Addresses that SoftEther's NAT gives by default, and one of the server's host
// that can be reached through the NAT alone.
var (
	softetherNet  = netip.MustParsePrefix("192.168.30.0/24")
	softetherHost = netip.MustParseAddr("192.168.30.1")
	behindNAT     = netip.MustParseAddr("203.0.113.30")
)

// meetSoftether logs in and moves bytes while this program renews keys.
func meetSoftether(proto string) func(*testing.T, *encounter) {
	return func(t *testing.T, e *encounter) {
		h := newHosts(t)
		h.s.ip("addr", "add", behindNAT.String()+"/32", "dev", "lo")
		h.s.file("setup.txt", softetherSetup)
		h.s.start("SoftEther", "sh", "-c", softetherScript, "sh", unpacked(t, "softether-server"), unpacked(t, "softether-command")).
			expect(ready, 1, patience)
		c := new(conf)
		c.lines("client", "dev "+tunDevice, "dev-type tun", "proto "+proto, "remote "+h.w.b4.String()+" 1194", "verb 4", "nobind",
			"cipher AES-256-CBC", "auth SHA256", "reneg-sec 3", "auth-user-pass "+h.c.file("login", "ada@VPN\nhunter2\n"))
		c.block("ca", string(must(os.ReadFile(filepath.Join(h.s.dir, "server.crt")))))
		p := h.c.run(ours, h.c.file("client.conf", c.String())).up()
		v4, _ := h.c.device(tunDevice)
		if !softetherNet.Contains(v4.prefix.Addr()) {
			t.Fatalf("the device has %v, not of %v", v4.prefix, softetherNet)
		}
		h.c.ping(softetherHost)
		transfer(t, h.c, h.s, behindNAT, 1<<20)
		web := h.s.helper("serve", netip.AddrPortFrom(behindNAT, 80).String())
		web.listenAddress()
		if _, err := h.c.fetch("http://" + behindNAT.String()); err != nil {
			t.Fatal(err)
		}
		e.saw(t, transports[proto], innerFour)

		up, beside := startFlow(h.c, h.s, behindNAT, "pace"), startFlow(h.c, h.s, h.w.b4, "pace")
		p.expect(handshake, p.count(handshake)+2, patience)
		got, machine := up.finish(t), beside.finish(t)
		if got.Longest > longStall+machine.Longest {
			t.Errorf("a stall of %v, and %v were the machine's", got.Longest, machine.Longest)
		}
		e.saw(t, weRekey)
		if proto == "tcp" {
			h.leaveSoftether(t, e, p)
		}
	}
}

// leaveSoftether has the server restart, and then the client go.
func (h hosts) leaveSoftether(t *testing.T, e *encounter, p *process) {
	t.Helper()
	h.softetherCommand(t, "Reboot")
	p.expect(initialized, 2, patience)
	h.c.ping(softetherHost)
	e.saw(t, restarted)

	if sessions := h.softetherCommand(t, "SessionList"); !strings.Contains(sessions, "ada") {
		t.Fatalf("the client is not among the sessions: %s", sessions)
	}
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
	h.s.eventually("the session has ended", func() bool { return !strings.Contains(h.softetherCommand(t, "SessionList"), "ada") })
	e.saw(t, weLeave)
}

// softetherCommand is what the server answers its administrator.
func (h hosts) softetherCommand(t *testing.T, command string) string {
	t.Helper()
	return h.s.output(unpacked(t, "softether-command"), "localhost:5555", "/SERVER", "/PASSWORD:", "/ADMINHUB:VPN", "/CMD", command)
}
