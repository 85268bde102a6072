//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The rows of the page, as users see them.
const (
	negotiation  = "TLS key negotiation failed to occur within 60 seconds"
	oldList      = "CRL has expired"
	replays      = "bad packet ID (may be a replay)"
	decrypts     = "AEAD Decrypt error, keys are out of sync"
	unwraps      = "tls-crypt unwrap error, cannot locate HMAC"
	noCipher     = "failed to negotiate cipher"
	misframed    = "IP packet with unknown IP version=15"
	noDevices    = "Cannot ioctl TUNSETIFF"
	clashes      = "route addition failed"
	badSources   = "MULTI: bad source address from client"
	samePro      = "two clients drop each other"
	encapsulated = "Bad encapsulated packet length"
	badClock     = "certificate is not yet valid"
	hangs        = "connects, then large transfers hang"
)

func identityOf(id func(k *credentials) identity) func(*credentials, *party) {
	return func(k *credentials, p *party) { p.identity = id(k) }
}

func lines(extra ...string) func(*credentials, *party) {
	return func(_ *credentials, p *party) { p.extra = append(p.extra, extra...) }
}

func armoured(armour string, more ...string) func(*credentials, *party) {
	return func(_ *credentials, p *party) { p.armour, p.extra = armour, append(p.extra, more...) }
}

// aClient and stranger are certificates that the other side refuses.
var (
	aClient  = identityOf(func(k *credentials) identity { return k.client })
	stranger = identityOf(func(k *credentials) identity { return k.strangerClient })
)

// withItsAuthority has a server show its authority's certificate beside its own.
func withItsAuthority(k *credentials, p *party) { p.identity.cert += k.ca.cert }

const (
	silently = `TLS began, and then the peer gave up and began anew: it refused this side's certificate, .*without saying so.*its log says why`
	either   = `TLS began, and then the peer stopped acknowledging what this side sends, all of it in large packets: either the path drops those .*, or it ended the session, or refused this side's certificate`
	narrow   = `large packets of this side are never acknowledged, while smaller ones are: the path drops them \(try max-packet-size`
)

// stuck and waiting are how a server and a client begin to say where a handshake stops.
const (
	stuck   = `a client is stuck: `
	waiting = `still connecting: `
)

var negotiationWhys = []why{
	{row: negotiation, fault: "nothing received", role: "client", provoke: meeting{wall: wallIn("drop")}.as("client"),
		says: waiting + `nothing was received from the peer: is it running, .*does a firewall pass packets both ways`},
	{row: negotiation, fault: "refused by the host", role: "client", provoke: meeting{wall: wallIn("reject")}.as("client"),
		says: waiting + `.*refused.*nothing was received`},
	{row: negotiation, fault: "the answer to the reset is lost", role: "server", provoke: meeting{wall: wallOut("drop")}.as("server"),
		says: stuck + `its reset was answered, and nothing came after it.*firewall or NAT`},
	{row: negotiation, fault: "the hello is lost", role: "server", provoke: meeting{other: openvpn27.implementation, wall: wallIn("meta length > 600 drop"), client: keyOf("tls-crypt"), server: keyOf("tls-crypt")}.as("server"),
		says: stuck + `some of the peer's TLS arrives, but not all of it in between; the path mostly drops the peer's large packets`},
	{row: negotiation, fault: "the hello is lost, all of it", role: "server", provoke: meeting{wall: wallIn("meta length > 200 drop"), client: keyOf("tls-crypt"), server: keyOf("tls-crypt")}.as("server"),
		says: `somebody's reset was answered, and nothing came after it: .*its larger packet that comes then does not reach this server`},
	{row: negotiation, fault: "the hello is lost", role: "client", provoke: meeting{wall: wallIn("meta length > 600 drop"), client: keyOf("tls-crypt"), server: keyOf("tls-crypt")}.as("client"),
		says: waiting + `the peer answered the reset, but acknowledges no large packet of this side: the path drops them \(try max-packet-size 600 here\)`},
	{row: negotiation, fault: "large packets of the server are lost", role: "server", provoke: meeting{wall: wallOut("meta length > 700 drop"), server: withItsAuthority}.as("server"),
		says: stuck + `the peer answers, but ` + narrow},
	{row: negotiation, fault: "all packets of the server are large, and lost", role: "server", provoke: meeting{wall: wallOut("meta length > 700 drop")}.as("server"),
		says: stuck + either},
	{row: negotiation, fault: "large packets of the server are lost", role: "client", provoke: meeting{wall: wallOut("meta length > 700 drop")}.as("client"),
		says: waiting + `some of the peer's TLS arrives, but not all of it in between; the path mostly drops the peer's large packets`},
	{row: negotiation, fault: "the certificate is refused without a word", role: "server", provoke: meeting{server: aClient}.as("server"), says: stuck + `.*` + silently},
	{row: negotiation, fault: "the authority is refused without a word", role: "server", provoke: meeting{client: func(k *credentials, p *party) { p.ca = k.stranger.cert }}.as("server"), says: stuck + `.*` + silently},
	{row: negotiation, fault: "the certificate is refused by 2.5", role: "server", provoke: meeting{other: openvpn25.implementation, server: aClient}.as("server"), says: stuck + either},
	{row: negotiation, fault: "the certificate is refused by 2.7", role: "server", provoke: meeting{other: openvpn27.implementation, server: aClient}.as("server"), says: `a client did not get in.*the peer refuses this side's certificate \(unsupported_certificate\): it was issued for another purpose`},
	{row: negotiation, fault: "the certificate is refused without a word", role: "client", provoke: meeting{client: stranger}.as("client"), says: waiting + `.*refused this side's certificate, without saying so`},
	{row: negotiation, fault: "the certificate is refused by 2.7", role: "client", provoke: meeting{other: openvpn27.implementation, client: stranger}.as("client"), says: waiting + `.*refused this side's certificate, without saying so`},
	{row: negotiation, fault: "no TLS version in common", role: "server", provoke: meeting{server: lines("tls-version-min 1.3"), client: lines("tls-version-max 1.2")}.as("server"),
		says: `a client did not get in.*TLS.*this side takes only TLS 1.3`},
	{row: negotiation, fault: "no TLS version in common", role: "client", provoke: meeting{server: lines("tls-version-min 1.3"), client: lines("tls-version-max 1.2")}.as("client"),
		says: waiting + `the peer answered the reset, and falls silent at the TLS hello: .*finds no version or cipher suite in common`},
}

// crl is a line with a revocation list of the authority that ends then.
func crl(end time.Duration) func(*credentials, *party) {
	return func(k *credentials, p *party) {
		p.extra = append(p.extra, "<crl-verify>\n"+k.ca.revocationListUntil(time.Now().Add(end))+"</crl-verify>")
	}
}

const listTooOld = `it is the list that is too old, not the peer's certificate.*signed anew`

var certificateWhys = []why{
	{row: oldList, fault: "expired", role: "server", provoke: meeting{server: crl(-time.Hour)}.as("server"), says: listTooOld},
	{row: oldList, fault: "expired", role: "client", provoke: meeting{client: crl(-time.Hour)}.as("client"), says: listTooOld},
	{row: oldList, fault: "ends in 6 days", role: "server", provoke: meeting{server: crl(6*day + time.Hour)}.as("server"), says: `the revocation list of .* ends at .*, in 6 days; .*sign it anew`},
	{row: oldList, fault: "ends in 6 days", role: "client", provoke: meeting{client: crl(6*day + time.Hour)}.as("client"), says: `the revocation list of .* ends at .*, in 6 days; .*sign it anew`},
	{row: badClock, fault: "the certificate is at fault", role: "server", provoke: meeting{client: identityOf(func(k *credentials) identity { return k.notYetValid.client })}.as("server"),
		says: `not yet valid: this host's clock says .*the peer's clock says .*, as this host's does`},
	{row: badClock, fault: "the certificate is at fault", role: "client", provoke: meeting{server: identityOf(func(k *credentials) identity { return k.notYetValid.server })}.as("client"),
		says: `not yet valid: this host's clock says .*the peer's clock says .*, as this host's does`},
	{row: badClock, fault: "the clocks differ", role: "server", provoke: meeting{other: shifted(day + day/2), client: identityOf(func(k *credentials) identity { return k.notYetValid.client }),
		server: identityOf(func(k *credentials) identity {
			return k.ca.issue(serverName, time.Now().Add(-day), time.Now().Add(3*day))
		})}.as("server"),
		says: `not yet valid: this host's clock says .*the peer's clock says .*, which is not what this host's says: set the one that is wrong`},
	{row: badClock, fault: "the clocks differ", role: "client", provoke: meeting{other: shifted(30 * day), server: identityOf(func(k *credentials) identity { return k.notYetValid.server })}.as("client"),
		says: `not yet valid: this host's clock says .*the peer's clock says .*, which is not what this host's says: set the one that is wrong`},
	{row: badClock, fault: "the peer's clock is behind", role: "server", provoke: meeting{other: shifted(-30 * day)}.as("server"),
		says: stuck + `.*the peer's clock says .*, this host's .*: set the one that is wrong`},
}

// talk has both ends send what a row needs.
func talk(count, interval string) func(*testing.T, hosts) {
	return func(_ *testing.T, h hosts) {
		h.c.try("ping", "-q", "-n", "-c", count, "-i", interval, "-w", "3", serverIPv4.String())
	}
}

// talkBack has the server's end send, if nothing else comes back.
func talkBack(_ *testing.T, h hosts) {
	h.s.try("ping", "-q", "-n", "-c", "30", "-i", "0.02", "-w", "1", "10.8.0.2")
}

// spoiled is a meeting in which a relay spoils the data packets to ours.
func spoiled(how, role string, m meeting) func(t *testing.T, h hosts) (*process, time.Time) {
	m.near = true
	provoke := m.as(role)
	return func(t *testing.T, h hosts) (*process, time.Time) {
		h.c.helper("spoil", "127.0.0.1:1194", netip.AddrPortFrom(h.w.b4, 1194).String(), how, role).expect(ready, 1, patience)
		return provoke(t, h)
	}
}

// asOld has a peer of version 2.5 use another cipher without a word about it, and asNew
// ours take it for another.
func asOld(_ *credentials, p *party) {
	p.ciphers, p.extra = "", append(p.extra, "ncp-disable", "cipher AES-128-GCM", "disable-occ")
}

func asNew(_ *credentials, p *party) {
	p.ciphers, p.extra = "AES-256-GCM", append(p.extra, "data-ciphers-fallback AES-256-GCM")
}

// cbc has a party use a cipher that needs a digest, and that one.
func cbc(digest string) func(*credentials, *party) {
	return func(_ *credentials, p *party) { p.ciphers, p.extra = "AES-256-CBC", append(p.extra, "auth "+digest) }
}

func comp(_ *credentials, p *party) {
	p.extra = append(p.extra, "comp-lzo no", "allow-compression yes")
}

var dataWhys = []why{
	{row: replays, fault: "reordered", role: "server", provoke: spoiled("late", "server", meeting{server: lines("replay-window 64"), then: talk("300", "0.002")}), says: `bad packet ID, may be a replay.*too late; the deepest reordering was by 1.. packets, replay-window is 64; replay-window 256 would take them`},
	{row: replays, fault: "reordered", role: "client", provoke: spoiled("late", "client", meeting{client: lines("replay-window 64"), then: talk("300", "0.002")}), says: `bad packet ID, may be a replay.*too late; the deepest reordering was by 1.. packets, replay-window is 64; replay-window 256 would take them`},
	{row: decrypts, fault: "damaged", role: "server", provoke: spoiled("damage", "server", meeting{then: talk("30", "0.02")}), says: `AEAD decrypt error\): key 0: [1-9][0-9]* bad, [1-9][0-9]* good\. Many of the same key are good.*damaged on their way`},
	{row: decrypts, fault: "damaged", role: "client", provoke: spoiled("damage", "client", meeting{then: talk("30", "0.02")}), says: `AEAD decrypt error\): key 0: [1-9][0-9]* bad, [1-9][0-9]* good\. Many of the same key are good.*damaged on their way`},
	{row: decrypts, fault: "a renewal was missed", role: "server", provoke: spoiled("rename", "server", meeting{then: talk("30", "0.02")}), says: `key 1, which this side does not have: [1-9][0-9]*\. The peer has other keys than this side \(keys are out of sync\): one of the two missed a renewal`},
	{row: decrypts, fault: "a renewal was missed", role: "client", provoke: spoiled("rename", "client", meeting{then: talk("30", "0.02")}), says: `key 1, which this side does not have: [1-9][0-9]*\. The peer has other keys than this side \(keys are out of sync\): one of the two missed a renewal`},
	{row: decrypts, fault: "other ciphers", role: "server", provoke: meeting{other: openvpn25.implementation, client: asOld, server: asNew, then: talk("30", "0.02")}.as("server"), says: `key 0: [1-9][0-9]* bad, 0 good\. Nothing under this key could ever be opened.*data-ciphers`},
	{row: decrypts, fault: "other digests", role: "client", provoke: meeting{server: cbc("SHA1"), client: cbc("SHA256"), then: talkBack}.as("client"), says: `key 0: [1-9][0-9]* bad, 0 good\. Nothing under this key could ever be opened.*data-ciphers`},
	{row: decrypts, fault: "other static keys", role: "paired host", provoke: withStaticKeys, says: `packets failed authentication in the last .*None was good: the two hosts have different keys`},
	{row: misframed, fault: "comp-lzo on the other side", role: "server", provoke: meeting{client: comp}.as("server"), says: `the client uses compression framing \(comp-lzo or compress\)`},
	{row: misframed, fault: "comp-lzo on the other side", role: "client", provoke: meeting{server: comp}.as("client"), says: `the peer uses compression framing \(comp-lzo or compress\), which this side's configuration does not have.*remove the line there`},
	{row: noCipher, fault: "none in common", role: "server", provoke: meeting{server: func(_ *credentials, p *party) { p.ciphers = "AES-256-GCM" }, client: func(_ *credentials, p *party) { p.ciphers = "AES-128-GCM" }}.as("server"),
		says: "we take AES-256-GCM, the peer takes AES-128-GCM; add `data-ciphers AES-256-GCM:AES-128-GCM` on this side"},
	{row: noCipher, fault: "none in common", role: "client", provoke: meeting{server: func(_ *credentials, p *party) { p.ciphers = "AES-256-GCM" }, client: func(_ *credentials, p *party) { p.ciphers = "AES-128-GCM" }}.as("client"),
		says: "this side takes AES-128-GCM.*`data-ciphers AES-128-GCM:"},
	{row: noCipher, fault: "cipher alone, of 2.5", role: "server", provoke: meeting{other: openvpn25.implementation, server: func(_ *credentials, p *party) { p.ciphers = "AES-256-GCM" },
		client: func(_ *credentials, p *party) {
			p.ciphers, p.extra = "", append(p.extra, "ncp-disable", "cipher AES-128-CBC")
		}}.as("server"),
		says: "the peer uses AES-128-CBC and cannot negotiate; add `data-ciphers-fallback AES-128-CBC` on this side"},
}

func keyOf(armour string) func(*credentials, *party) {
	return func(_ *credentials, p *party) { p.armour = armour }
}

var armourWhys = []why{
	{row: unwraps, fault: "tls-auth in place of tls-crypt", role: "server", provoke: meeting{server: keyOf("tls-crypt"), client: keyOf("tls-auth")}.as("server"), says: `the peer uses tls-auth with the same key, digest SHA256.*this server expects tls-crypt: set both to the same`},
	{row: unwraps, fault: "tls-crypt in place of tls-auth", role: "server", provoke: meeting{server: keyOf("tls-auth"), client: keyOf("tls-crypt")}.as("server"), says: `the peer uses tls-crypt with the same key; this server expects tls-auth`},
	{row: unwraps, fault: "the direction", role: "server", provoke: meeting{server: keyOf("tls-auth"), client: armoured("tls-auth", "key-direction 0")}.as("server"), says: `the peer needs key-direction 1`},
	{row: unwraps, fault: "the digest", role: "server", provoke: meeting{server: keyOf("tls-auth"), client: armoured("tls-auth", "auth SHA512")}.as("server"), says: `digest SHA512.*this server has digest SHA256: set auth alike`},
	{row: unwraps, fault: "another key", role: "server", provoke: meeting{server: keyOf("tls-crypt"), client: func(k *credentials, p *party) { p.armour, p.static = "tls-crypt", k.otherKey }}.as("server"), says: `the peer seems to use tls-crypt with another key; give it the key file of this server`},
	{row: unwraps, fault: "no key", role: "server", provoke: meeting{server: keyOf("tls-crypt"), client: keyOf("none")}.as("server"), says: `control packet in clear: the peer has no tls-crypt key; add tls-crypt to its profile`},
	{row: unwraps, fault: "tls-crypt-v2 where there is none", role: "server", provoke: meeting{server: keyOf("tls-crypt"), client: keyOf("tls-crypt-v2")}.as("server"), says: `the peer uses tls-crypt-v2, and this server has no tls-crypt-v2 key`},
	{row: unwraps, fault: "tls-crypt in place of tls-crypt-v2", role: "server", provoke: meeting{server: keyOf("tls-crypt-v2"), client: keyOf("tls-crypt")}.as("server"), says: `the peer seems to use tls-crypt; this server takes tls-crypt-v2 alone: make a new profile for it`},
	{row: unwraps, fault: "a key of another server", role: "server", provoke: meeting{server: keyOf("tls-crypt-v2"), client: func(_ *credentials, p *party) { p.v2 = genkeyFor("tls-crypt-v2-client", genkey("tls-crypt-v2-server")) }}.as("server"), says: `a client key that another server key wrapped: make a new profile`},
	{row: unwraps, fault: "the direction, of a host that calls", role: "paired host", provoke: paired(true, false), says: `the peer uses tls-auth with the same key, .*the peer needs key-direction 1`},
	{row: unwraps, fault: "the direction, and both call", role: "paired host", provoke: paired(true, true), says: `the peer uses tls-auth with the same key, .*the peer needs key-direction 1`},
	{row: unwraps, fault: "the direction, of a host that is called", role: "paired host", provoke: paired(false, true), says: waiting + `packets come from the peer's address, and none of them fits this side's tls-auth or tls-crypt key, its direction or digest`},
	{row: unwraps, fault: "another key", role: "client", provoke: meeting{server: keyOf("tls-crypt"), client: func(k *credentials, p *party) { p.armour, p.static = "tls-crypt", k.otherKey }}.as("client"), says: `nothing was received.*do both sides have the same tls-auth or tls-crypt key`},
}

// paired has two hosts without a server meet whose tls-auth does not fit; ours is the TLS
// server or the TLS client. Both begin if begins says so, else the TLS client.
func paired(oursServes, both bool) func(t *testing.T, h hosts) (*process, time.Time) {
	return func(t *testing.T, h hosts) (*process, time.Time) {
		key := "<tls-auth>\n" + keys(t).staticKey + "</tls-auth>"
		cid, sid := newSelfSigned("client"), newSelfSigned("server")
		client := p2pHost{index: 0, own: cid, peer: sid, remote: h.w.b4, extra: []string{key, "key-direction 0"}}
		server := p2pHost{index: 1, tlsServer: true, own: sid, peer: cid, extra: []string{key, "key-direction 0"}}
		if both {
			server.remote = h.w.a4
		}
		who := pairing{ours, stock}
		if oursServes {
			who = pairing{stock, ours}
		}
		s := h.s.run(who.server, h.s.p2pConfig(server))
		if oursServes {
			s.expect(regexp.MustCompile(`waiting for|connecting`), 1, patience)
		}
		from := time.Now()
		c := h.c.run(who.client, h.c.p2pConfig(client))
		if oursServes {
			return s, from
		}
		return c, from
	}
}

// withStaticKeys has two hosts meet whose static keys differ.
func withStaticKeys(t *testing.T, h hosts) (*process, time.Time) {
	config := func(n *netns, index int, remote netip.Addr, key string) string {
		c := new(conf)
		c.lines("dev "+tunDevice, "dev-type tun", "proto udp4", "lport 1194", "verb 4", "auth SHA256", "cipher AES-256-CBC", "ping 1",
			fmt.Sprintf("remote %v 1194", remote), fmt.Sprintf("ifconfig %v %v", p2pIPv4[index], p2pIPv4[1-index]))
		c.block("secret", key)
		return n.file("p2p.conf", c.String())
	}
	p := h.s.run(ours, config(h.s, 1, h.w.a4, keys(t).staticKey))
	p.expect(initialized, 1, patience)
	from := time.Now()
	h.c.run(stock, config(h.c, 0, h.w.b4, keys(t).otherKey))
	return p, from
}

// genkeyFor is genkeyWith for any server key.
func genkeyFor(kind, serverKey string) string {
	file := filepath.Join(must(os.MkdirTemp(credentialsDir(), "")), "server.key")
	if err := os.WriteFile(file, []byte(serverKey), 0o600); err != nil {
		panic(err)
	}
	return genkey(kind, "--tls-crypt-v2", file)
}

// within runs ours as a client in surroundings that a command line makes: it ends with
// the words "$@".
func within(script string) func(t *testing.T, h hosts) (*process, time.Time) {
	return func(t *testing.T, h hosts) (*process, time.Time) {
		h.s.run(stock, h.s.serverConfig(serverParty(t, plain))).up()
		from := time.Now()
		command := ours.command(t, h.c.clientConfig(clientParty(t, plain), h.w.b4), filepath.Join(h.c.dir, "state"))
		return h.c.start("ours within", append([]string{"sh", "-c", script, "sh"}, command...)...), from
	}
}

// withoutDevice runs ours in a cgroup whose rules keep it from the TUN driver.
func withoutDevice(t *testing.T, h hosts) (*process, time.Time) {
	dir := deniedDevice(t, h.c)
	p, from := within(`read go; exec "$@"`)(t, h) // waits until it is in the cgroup
	if err := os.WriteFile(dir+"/cgroup.procs", fmt.Append(nil, p.cmd.Process.Pid), 0); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(p.stdin, "go")
	return p, from
}

// deniedDevice is the directory of a cgroup of a host, whose rules keep processes from the
// TUN driver.
func deniedDevice(t *testing.T, n *netns) string {
	t.Helper()
	const controller = "/sys/fs/cgroup/devices"
	if _, err := os.Stat(controller + "/devices.deny"); err != nil {
		t.Skip("there is no devices controller (cgroup v1) here to forbid the device with")
	}
	dir := filepath.Join(controller, n.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.eventually("the cgroup is empty", func() bool { return os.Remove(dir) == nil }) })
	if err := os.WriteFile(dir+"/devices.deny", []byte("c 10:200 rwm"), 0); err != nil {
		t.Fatal(err)
	}
	return dir
}

const orUserspace = `.*or use --userspace, which needs no device`

var hostWhys = []why{
	{row: noDevices, fault: "no device node", role: "client", provoke: within(`exec unshare -m sh -c 'mount -t tmpfs tmpfs /dev/net; exec "$@"' sh "$@"`), says: "/dev/net/tun is not there: .*`--device /dev/net/tun`" + orUserspace},
	{row: noDevices, fault: "no capability", role: "client", provoke: within(`exec setpriv --bounding-set -net_admin "$@"`), says: `no permission to make or configure network devices: .*--cap-add NET_ADMIN` + orUserspace},
	{row: noDevices, fault: "cgroup", role: "client", provoke: withoutDevice, says: "a device rule \\(cgroup\\) forbids /dev/net/tun; in a container add `--device /dev/net/tun`" + orUserspace},
	{row: noDevices, fault: "no device node", role: "server", provoke: func(t *testing.T, h hosts) (*process, time.Time) {
		from := time.Now()
		command := ours.command(t, h.s.serverConfig(serverParty(t, plain)), filepath.Join(h.s.dir, "state"))
		return h.s.start("ours without a node", append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs tmpfs /dev/net; exec "$@"`, "sh"}, command...)...), from
	}, says: "/dev/net/tun is not there: .*`--device /dev/net/tun`" + orUserspace},
	{row: clashes, fault: "one of two", role: "server", provoke: func(t *testing.T, h hosts) (*process, time.Time) {
		h.s.ip("route", "add", "10.66.0.0/16", "via", h.w.a4.String())
		from := time.Now()
		return h.s.run(ours, h.s.serverConfig(serverParty(t, plain, "route 10.66.0.0 255.255.0.0", "route 10.67.0.0 255.255.0.0"))), from
	}, says: `Initialization Sequence Completed, but not all is as it should be: 1 of [0-9] routes failed`},
	{row: clashes, fault: "one of four", role: "client", provoke: clash, says: `1 of 4 routes failed: route 10\.66\.0\.0/16: exists via 198\.18\.0\.2 dev eth0`},
	{row: clashes, fault: "connected all the same", role: "client", provoke: clash, says: `Initialization Sequence Completed, but not all is as it should be: 1 of 4 routes failed`},
}

// clash has a server push four routes, one of which the client's host has already.
func clash(t *testing.T, h hosts) (*process, time.Time) {
	var pushes []string
	for _, net := range []string{"10.65.0.0", "10.66.0.0", "10.67.0.0"} {
		pushes = append(pushes, fmt.Sprintf(`push "route %s 255.255.0.0"`, net))
	}
	pushes = append(pushes, `push "route-ipv6 fd00:65::/64"`)
	h.c.ip("route", "add", "10.66.0.0/16", "via", h.w.b4.String())
	return meeting{server: lines(pushes...)}.as("client")(t, h)
}

// third is another host beside one of the two, and its address of the wire.
func third(t *testing.T, beside *netns) (*netns, wire) {
	l := newLab(t)
	l.links = 7
	n := l.host("t")
	return n, l.join(n, beside)
}

var peopleWhys = []why{
	{row: badSources, fault: "the client's own address", role: "server", provoke: meeting{then: func(_ *testing.T, h hosts) {
		h.c.try("ping", "-n", "-c", "5", "-i", "0.05", "-w", "1", "-I", h.w.a4.String(), serverIPv4.String())
	}}.as("server"), says: `bad source address\): it is an address that the client itself has outside of the tunnel.*harmless.*source=198\.18\.0\.1`},
	{row: badSources, fault: "no iroute", role: "server", provoke: meeting{then: func(t *testing.T, h hosts) {
		lan, w := third(t, h.c)
		h.c.forward()
		lan.defaultVia(w.b4, w.b6)
		lan.try("ping", "-n", "-c", "5", "-i", "0.05", "-w", "1", serverIPv4.String())
	}}.as("server"), says: "bad source address\\): it forwards packets of a network behind it that no iroute leads to: .*`iroute 198\\.18\\.7\\.0 255\\.255\\.255\\.0`"},
	{row: samePro, fault: "another device comes", role: "server", provoke: func(t *testing.T, h hosts) (*process, time.Time) {
		s, _ := meeting{then: func(*testing.T, hosts) {}}.as("server")(t, h)
		other, w := third(t, h.s)
		from := time.Now()
		other.run(stock, other.clientConfig(clientParty(t, plain), w.b4)).up()
		return s, from
	}, says: `interop-client is connected from 198\.18\.0\.1:[0-9]+, and now from 198\.18\.7\.1:[0-9]+: the same profile on two devices\?`},
	{row: samePro, fault: "another device comes again and again", role: "client", provoke: func(t *testing.T, h hosts) (*process, time.Time) {
		tcp := plain
		tcp.tcp = true
		other, w := third(t, h.s)
		p, from := meeting{how: &tcp, then: func(*testing.T, hosts) {}}.as("client")(t, h)
		other.run(stock, other.clientConfig(clientParty(t, tcp, "connect-retry 1"), w.b4))
		return p, from
	}, says: `lost three times in a row.*is the same profile in use on two devices\?`, within: patience},
}

// narrow1250 has two hosts meet between which large packets of data are lost without a word.
func narrow1250(role string) func(t *testing.T, h hosts) (*process, time.Time) {
	return func(t *testing.T, h hosts) (*process, time.Time) {
		h.c.loseLarger(1250)
		h.s.loseLarger(1250)
		return meeting{then: func(*testing.T, hosts) {}}.as(role)(t, h)
	}
}

var sizeWhys = []why{
	{row: hangs, fault: "the path drops large packets, and says nothing", role: "client", provoke: narrow1250("client"), says: `path 12[0-9][0-9], MSS from [0-9]+ to [0-9]+`},
	{row: hangs, fault: "the path drops large packets, and says nothing", role: "server", provoke: narrow1250("server"), says: `path 12[0-9][0-9], MSS from [0-9]+ to [0-9]+`},
}

// strangerAt runs ours as a server over TCP, and something else that connects to it.
func strangerAt(talker ...string) func(t *testing.T, h hosts) (*process, time.Time) {
	return func(t *testing.T, h hosts) (*process, time.Time) {
		tcp := plain
		tcp.tcp = true
		s := h.s.run(ours, h.s.serverConfig(serverParty(t, tcp))).up()
		from := time.Now()
		for range 3 {
			h.c.try("sh", "-c", strings.ReplaceAll(strings.Join(talker, " "), "HOST", h.w.b4.String()))
		}
		return s, from
	}
}

// toTCP runs ours as a client over TCP to something else.
func toTCP(listener func(h hosts)) func(t *testing.T, h hosts) (*process, time.Time) {
	return func(t *testing.T, h hosts) (*process, time.Time) {
		tcp := plain
		tcp.tcp = true
		listener(h)
		from := time.Now()
		return h.c.run(ours, h.c.clientConfig(clientParty(t, tcp), h.w.b4)), from
	}
}

// saying is a server over TCP that says something to whoever connects.
func saying(text string) func(h hosts) {
	return func(h hosts) {
		h.s.helper("say", netip.AddrPortFrom(h.w.b4, 1194).String(), text).expect(ready, 1, patience)
	}
}

var strangerWhys = []why{
	{row: encapsulated, fault: "18516, HTTP", role: "client", provoke: toTCP(saying("HTTP/1.1 400 Bad Request\r\n\r\n")), says: `this is not OpenVPN \(packet length 18516\): an HTTP answer, so the port leads to a web server`},
	{row: encapsulated, fault: "15464, HTML", role: "client", provoke: toTCP(saying("<html>\r\n")), says: `this is not OpenVPN \(packet length 15464\): HTML: a web page answers`},
	{row: encapsulated, fault: "21331, SSH", role: "client", provoke: toTCP(saying("SSH-2.0-OpenSSH_9.2\r\n")), says: `this is not OpenVPN \(packet length 21331\): SSH: check host and port`},
	{row: encapsulated, fault: "5379, a TLS alert", role: "client", provoke: toTCP(saying("\x15\x03\x03\x02\x46")), says: `this is not OpenVPN \(packet length 5379\): a TLS alert`},
	{row: encapsulated, fault: "18245, HTTP", role: "server", provoke: strangerAt("bash", "-c", `'exec 3<>/dev/tcp/HOST/1194; printf "GET / HTTP/1.1\r\n\r\n" >&3; cat <&3'`), says: `this is not OpenVPN \(packet length 18245\): an HTTP request`},
	{row: encapsulated, fault: "5635, TLS", role: "server", provoke: strangerAt("openssl", "s_client", "-connect", "HOST:1194", "</dev/null"), says: `this is not OpenVPN \(packet length 5635\): a TLS handshake`},
}
