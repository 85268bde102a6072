//go:build interop

package interop

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"culvert/access/pki"
)

// ailment is a fault to plant, and what the doctor has to say about it.
type ailment struct {
	name  string
	check string   // that names it
	says  string   // a pattern of the finding
	mend  string   // a pattern of what mends it
	also  []string // further checks that are unwell because of it
	fixed bool     // --fix mends it
	// plant plants it before the server starts; what it returns, if not nil, does
	// when the server is up.
	plant func(w *ward) (after func())
}

// byName has the profile name the server, and a resolver on the server's host know the
// name as text says.
func (w *ward) byName(record string) {
	w.edit(&w.profile, "remote "+w.wire.b4.String(), "remote vpn.example")
	if record != "" {
		w.server.nameServer(w.wire.b4, record)
		w.client.setResolvConf("nameserver " + w.wire.b4.String() + "\n")
	}
}

var (
	serverIPv6Line = regexp.MustCompile(`(?m)^server-ipv6 .*\n`)
	webServerUp    = regexp.MustCompile(`^up`)
)

// webServer answers whatever it is sent as a web server would.
const webServer = `import socket
s=socket.create_server(("",1194))
print("up",flush=True)
while True:
  c,_=s.accept()
  c.recv(4096)
  c.sendall(b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n")
  c.close()
`

var clientAilments = []ailment{
	{name: "a directive that does not exist", check: "configuration", says: `no-such-line`, mend: `.`, plant: func(w *ward) func() { w.profile += "no-such-line\n"; return nil }},
	{name: "the server's name does not exist", check: "resolve", says: `the name vpn\.example does not exist`, mend: `correct the name`, plant: func(w *ward) func() { w.byName("--local=/example/"); return nil }},
	{name: "the name server is gone", check: "resolve", says: `no name server answers for vpn\.example`, mend: `resolv\.conf`, plant: func(w *ward) func() { w.byName(""); return nil }},
	{name: "one of two servers' names gets no answer", check: "resolve", says: `no name server answers for vpn\.example`, mend: `resolv\.conf`, plant: func(w *ward) func() {
		w.edit(&w.profile, "remote "+w.wire.b4.String(), "remote vpn.example 1194\nremote "+w.wire.b4.String())
		return nil
	}},
	{name: "no route to the server", check: "reach", says: `no route to udp 198\.18\.0\.2:1194`, mend: `^ip route get`, plant: func(w *ward) func() {
		return func() { w.client.ip("addr", "flush", "dev", "eth0") }
	}},
	{name: "nothing listens at the port (ICMP)", check: "reach", says: `udp .*nothing listens at the port`, mend: `start the server`, plant: func(w *ward) func() { w.serve = ""; return nil }},
	{name: "nothing listens at the port over TCP", check: "reach", says: `tcp .*nothing listens at the port`, mend: `start the server`, plant: func(w *ward) func() { w.serve = ""; w.tcp(); return nil }},
	{name: "a firewall drops UDP", check: "reach", says: `udp .*no answer: a firewall`, mend: `firewalls on the way`, plant: func(w *ward) func() {
		w.server.nft("table inet f { chain in { type filter hook input priority 0; udp dport 1194 drop; }; }")
		return nil
	}},
	{name: "a firewall drops TCP", check: "reach", says: `tcp .*no connection comes about: a firewall`, mend: `nc -vz`, plant: func(w *ward) func() {
		w.tcp()
		w.server.nft("table inet f { chain in { type filter hook input priority 0; tcp dport 1194 drop; }; }")
		return nil
	}},
	{name: "a web server at the port", check: "reach", says: `HTTP`, mend: `correct port and protocol`, plant: func(w *ward) func() {
		w.serve = ""
		w.tcp()
		w.server.start("web server", "python3", "-c", webServer).expect(webServerUp, 1, patience)
		return nil
	}},
	{name: "another tls-crypt key over TCP", check: "reach", says: `ends the connection at the first packet.*refuses the profile's key \(tls-crypt\)`, mend: `ask for a new profile`, plant: func(w *ward) func() {
		w.tcp()
		k := keys(w)
		w.armour("tls-crypt "+w.server.file("tc.key", k.staticKey), "tls-crypt", k.otherKey)
		return nil
	}},
	{name: "key-direction is the server's", check: "armour", says: `does not answer tls-auth, and answers tls-auth`, mend: `key-direction 1`, plant: func(w *ward) func() {
		k := keys(w)
		w.armour("tls-auth "+w.server.file("ta.key", k.staticKey)+" 0", "tls-auth\nkey-direction 0", k.staticKey)
		return nil
	}},
	{name: "the server has tls-crypt, the profile tls-auth", check: "armour", says: `answers tls-crypt`, mend: `tls-crypt FILE in the place of tls-auth`, plant: func(w *ward) func() {
		k := keys(w)
		w.armour("tls-crypt "+w.server.file("tc.key", k.staticKey), "tls-auth\nkey-direction 1", k.staticKey)
		return nil
	}},
	{name: "the server has no tls-auth", check: "armour", says: `answers none`, mend: `remove the line`, plant: func(w *ward) func() {
		w.armour("", "tls-auth\nkey-direction 1", keys(w).staticKey)
		return nil
	}},
	{name: "the server's clock is an hour ahead", check: "clock", says: `this host's clock and that of udp .* are [0-9]+ minutes apart`, mend: `^timedatectl set-ntp true`, plant: func(w *ward) func() { w.serve = "ahead"; return nil }},
	{name: "the server's certificate has ended", check: "tls", says: `server's certificate.*(expired|ended)`, mend: `culvert renew`, plant: func(w *ward) func() {
		w.present(w.ca.IssueServer(rand.Reader, time.Now().Add(-30*time.Minute), "culvert-server", 10*time.Minute))
		return nil
	}},
	{name: "the server's certificate is not valid yet", check: "tls", says: `not (yet valid|valid yet)`, mend: `timedatectl`, plant: func(w *ward) func() {
		w.present(w.ca.IssueServer(rand.Reader, time.Now().Add(2*day), "culvert-server", 0))
		return nil
	}},
	{name: "the server's certificate is another authority's", check: "tls", says: `refused.*signed by`, mend: "authority of the right server", plant: func(w *ward) func() {
		other, err := pki.NewAuthority(rand.Reader, time.Now(), pki.Options{Name: "another authority"})
		if err != nil {
			w.Fatal(err)
		}
		w.block("ca", string(other.CertPEM()))
		return nil
	}},
	{name: "verify-x509-name has another name", check: "tls", says: `refused.*name`, mend: `verify-x509-name culvert-server name`, plant: func(w *ward) func() {
		w.edit(&w.profile, "verify-x509-name culvert-server name", "verify-x509-name other-server name")
		return nil
	}},
	{name: "the server shows a client's certificate", check: "tls", says: `refused`, mend: `for servers`, plant: func(w *ward) func() {
		w.present(w.ca.IssueClient(rand.Reader, time.Now(), "culvert-server", 0))
		return nil
	}},
	{name: "the profile's certificate has ended", check: "certificates", says: `the profile's own certificate ended`, mend: `client renew`, also: []string{"tls", "login"}, plant: func(w *ward) func() {
		w.carry(w.ca.IssueClient(rand.Reader, time.Now().Add(-30*time.Minute), "laptop", 10*time.Minute))
		return nil
	}},
	{name: "the profile's key belongs to another certificate", check: "certificates", says: `do not belong together`, mend: `key`, also: []string{"configuration", "tls"}, plant: func(w *ward) func() {
		p, err := w.ca.IssueClient(rand.Reader, time.Now(), "laptop", 0)
		if err != nil {
			w.Fatal(err)
		}
		w.block("key", string(p.KeyPEM))
		return nil
	}},
	{name: "others may read the profile", check: "permissions", says: `others than its owner may read`, mend: `^chmod 600 `, fixed: true, plant: func(w *ward) func() {
		return func() { w.client.file("laptop.ovpn", ""); w.mode(filepath.Join(w.client.dir, "laptop.ovpn"), 0o644) }
	}},
	{name: "no cipher in common", check: "cipher", says: `no cipher for the data channel in common`, mend: `data-ciphers`, plant: func(w *ward) func() {
		w.edit(&w.conf, "data-ciphers AES-256-GCM:CHACHA20-POLY1305:AES-128-GCM", "data-ciphers CAMELLIA-256-CBC")
		return nil
	}},
	{name: "compression framing on the server alone", check: "cipher", says: `framing: the peer uses compression framing \(comp-lzo or compress\), which this side's configuration does not have`, mend: `comp-lzo no`, plant: func(w *ward) func() {
		w.conf += "comp-lzo no\nallow-compression yes\n"
		return nil
	}},
	{name: "a wrong password", check: "login", says: `refuses the user name and password`, mend: `auth-user-pass`, plant: func(w *ward) func() {
		w.conf += "script-security 2\nauth-user-pass-verify /bin/false via-env\n"
		w.block("auth-user-pass", "anna\nwrong")
		return nil
	}},
	{name: "the tunnel's network is the client's own", check: "address", says: `the tunnel's network 10\.8\.0\.0/24 is that of eth0 too`, mend: `server 10\.73\.0\.0`, plant: func(w *ward) func() {
		w.client.ip("addr", "add", "10.8.0.77/24", "dev", "eth0")
		return nil
	}},
	{name: "a pushed route is the client's own network", check: "routes", says: `the route to 192\.168\.7\.0/24 .*clashes with .*192\.168\.7\.0/24 on eth0`, mend: `pull-filter ignore "route 192\.168\.7\.0"`, plant: func(w *ward) func() {
		w.conf += "push \"route 192.168.7.0 255.255.255.0\"\n"
		w.client.ip("addr", "add", "192.168.7.9/24", "dev", "eth0")
		return nil
	}},
	{name: "the tunnel's network is another tunnel's", check: "address", says: `the tunnel's network 10\.8\.0\.0/24 is that of the tunnel wg0 too`, mend: `^end that tunnel`, plant: func(w *ward) func() {
		w.client.otherTunnel("10.8.0.77/24")
		return nil
	}},
	{name: "a pushed route is another tunnel's network", check: "routes", says: `the route to 192\.168\.7\.0/24 goes into the tunnel wg0 too \(192\.168\.7\.0/24\)`, mend: `^end that tunnel`, plant: func(w *ward) func() {
		w.conf += "push \"route 192.168.7.0 255.255.255.0\"\n"
		w.client.otherTunnel("192.168.7.9/24")
		return nil
	}},
	{name: "a pushed route is another tunnel's route", check: "routes", says: `this host has a route to 192\.168\.7\.0/24 already`, mend: `^ip route show 192\.168\.7\.0/24`, plant: func(w *ward) func() {
		w.conf += "push \"route 192.168.7.0 255.255.255.0\"\n"
		w.client.otherTunnel("10.99.0.2/32")
		w.client.ip("route", "add", "192.168.7.0/24", "dev", "wg0")
		return nil
	}},
	{name: "the pushed name server does not answer", check: "dns", says: `10\.8\.0\.1:53.*does not answer through the tunnel`, mend: `^on the server: dig @10\.8\.0\.1`, plant: func(w *ward) func() {
		w.conf += "push \"dhcp-option DNS 10.8.0.1\"\n"
		return nil
	}},
	{name: "IPv6 goes past the tunnel", check: "ipv6", says: `IPv6 goes past the tunnel`, mend: `block-ipv6`, also: []string{"dns"}, plant: func(w *ward) func() {
		w.conf = serverIPv6Line.ReplaceAllString(w.conf, "") + "push \"redirect-gateway def1\"\n"
		w.client.ip("-6", "route", "add", "default", "via", w.wire.b6.String())
		return nil
	}},
	{name: "large packets are lost on the way", check: "mtu", says: `packets above [0-9]+ bytes are lost in the tunnel`, mend: `tun-mtu [0-9]+`, plant: func(w *ward) func() {
		return func() {
			w.client.loseLarger(1300)
			w.server.loseLarger(1300)
		}
	}},
}

var serverAilments = []ailment{
	{name: "this host does not forward", check: "forwarding", says: `does not forward packets of 10\.8\.0\.0/24`, mend: `^sysctl -w net\.ipv4\.ip_forward=1$`, fixed: true, plant: func(w *ward) func() {
		w.masquerade()
		w.server.output("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=1")
		return nil
	}},
	{name: "no rule masquerades", check: "masquerade", says: `no rule masquerades 10\.8\.0\.0/24`, mend: `^nft add table`, plant: func(w *ward) func() { w.server.forward(); return nil }},
	{name: "a rule masquerades another network", check: "masquerade", says: `no rule masquerades 10\.8\.0\.0/24`, mend: `^nft add table`, plant: func(w *ward) func() {
		w.server.forward()
		w.server.nft("table ip vpn { chain post { type nat hook postrouting priority srcnat; ip saddr 10.9.0.0/24 masquerade; }; }")
		return nil
	}},
	{name: "Docker's policy drops what is forwarded", check: "forward policy", says: `chain FORWARD of table ip filter drops`, mend: `^iptables -I FORWARD -i tun0 -j ACCEPT`, plant: func(w *ward) func() {
		w.serve = ""
		w.server.nft(dockerRules(`return;`))
		return nil
	}},
	{name: "Docker's policy drops the answers", check: "forward policy", says: `chain FORWARD of table ip filter drops what is forwarded from tun0, or answers to it`, mend: `^iptables -I FORWARD -i tun0 -j ACCEPT`, plant: func(w *ward) func() {
		w.serve = ""
		w.server.nft(dockerRules(`iifname "tun0" accept;`))
		return nil
	}},
	{name: "the last rule rejects what is forwarded", check: "forward policy", says: `chain FORWARD of table ip filter drops`, mend: `^iptables -I FORWARD -i tun0 -j ACCEPT`, plant: func(w *ward) func() {
		w.serve = ""
		w.server.nft("table ip filter { chain FORWARD { type filter hook forward priority 0; ct state related,established accept; reject with icmp type host-prohibited; }; }")
		return nil
	}},
	{name: "the clients' network is another tunnel's", check: "networks", says: `the clients' network 10\.8\.0\.0/24 is that of the tunnel wg0 too`, mend: `^end that tunnel; or choose another network in .server.`, plant: func(w *ward) func() {
		w.serve = ""
		w.server.otherTunnel("10.8.0.77/24")
		return nil
	}},
	{name: "another program has the port", check: "ports", says: `UDP port 1194 is another program's`, mend: `^kill [0-9]+; or choose another port`, plant: func(w *ward) func() {
		w.serve = ""
		w.server.dnsmasq("--port=1194").expect(dnsmasqUp, 1, patience)
		return nil
	}},
	{name: "another program has port 53", check: "ports", says: `UDP port 53 is another program's at all addresses`, mend: `bind-dynamic .* leave .names. out of`, plant: func(w *ward) func() {
		w.serve = ""
		w.conf += "names\n"
		w.server.dnsmasq("--no-resolv", "--no-hosts").expect(dnsmasqUp, 1, patience)
		return nil
	}},
	{name: "a packet filter drops what comes in", check: "answer", says: `does not answer at udp 198\.18\.0\.2:1194`, mend: `nft insert rule`, plant: func(w *ward) func() {
		w.serve = "ours"
		w.server.nft("table inet f { chain in { type filter hook input priority 0; ip daddr 198.18.0.2 udp dport 1194 drop; }; }")
		return nil
	}},
	{name: "the server runs with another key than the file", check: "answer", says: `does not answer at .*other keys`, mend: `restart the server`, plant: func(w *ward) func() {
		w.serve = "ours"
		return func() { w.write("tls-crypt-v2.key", keys(w).v2Server) }
	}},
	{name: "the server's certificate has ended", check: "certificates", says: `the server's certificate ended`, mend: `^culvert renew --dir `, plant: func(w *ward) func() {
		w.serve = ""
		w.present(w.ca.IssueServer(rand.Reader, time.Now().Add(-30*time.Minute), "culvert-server", 10*time.Minute))
		return nil
	}},
	{name: "the server's certificate ends soon", check: "certificates", says: `the server's certificate ends in`, mend: `^culvert renew --dir `, plant: func(w *ward) func() {
		w.serve = ""
		w.present(w.ca.IssueServer(rand.Reader, time.Now(), "culvert-server", 5*day))
		return nil
	}},
	{name: "the server's key belongs to another certificate", check: "certificates", says: `do not belong together`, mend: `key`, also: []string{"configuration"}, plant: func(w *ward) func() {
		w.serve = ""
		p, err := w.ca.IssueServer(rand.Reader, time.Now(), "culvert-server", 0)
		if err != nil {
			w.Fatal(err)
		}
		w.write("server.key", string(p.KeyPEM))
		return nil
	}},
	{name: "the revocation list has ended", check: "revocation", says: `the revocation list ended .* no client gets in`, mend: `^culvert doctor --fix --dir `, also: []string{"clients", "configuration"}, fixed: true, plant: func(w *ward) func() {
		w.serve = ""
		w.endedList()
		return nil
	}},
	{name: "the revocation list is gone", check: "revocation", says: `no revocation list`, mend: `from your copy`, also: []string{"configuration", "clients"}, plant: func(w *ward) func() {
		w.serve = ""
		if err := os.Remove(filepath.Join(w.dir, "crl.pem")); err != nil {
			w.Fatal(err)
		}
		return nil
	}},
	{name: "a client's certificate has ended", check: "clients", says: `the certificate of client old has ended`, mend: `^culvert client renew old --dir `, plant: func(w *ward) func() {
		w.serve = ""
		p, err := w.ca.IssueClient(rand.Reader, time.Now().Add(-30*time.Minute), "old", 10*time.Minute)
		if err != nil {
			w.Fatal(err)
		}
		w.write("clients/old.crt", string(p.CertPEM))
		return nil
	}},
	{name: "others may read the server's key", check: "permissions", says: `others than its owner may read or change .*server\.key`, mend: `^chmod 600 `, fixed: true, plant: func(w *ward) func() {
		w.serve = ""
		w.mode(filepath.Join(w.dir, "server.key"), 0o644)
		return nil
	}},
	{name: "everybody may write to the directory", check: "permissions", says: `every user may put other files`, mend: `^chmod o-w `, fixed: true, plant: func(w *ward) func() {
		w.serve = ""
		w.mode(w.dir, 0o757)
		return nil
	}},
	{name: "the user does not exist", check: "user", says: `cannot start`, mend: `^useradd `, plant: func(w *ward) func() {
		w.serve = ""
		w.edit(&w.conf, "user nobody", "user no-such-user")
		return nil
	}},
	{name: "no TUN driver's node", check: "device", says: `TUN driver`, mend: `mknod`, plant: func(w *ward) func() {
		w.serve = ""
		w.conf += "dev-node /dev/net/none\n"
		return nil
	}},
	{name: "a control group forbids the device", check: "device", says: `a control group \(cgroup\) of this container or service forbids the device node /dev/net/tun`, mend: `--device /dev/net/tun; systemd: DeviceAllow=`, plant: func(w *ward) func() {
		w.serve = ""
		w.around = []string{"sh", "-c", fmt.Sprintf(`echo $$ >/proc/%d/root%s/cgroup.procs && exec "$@"`, os.Getpid(), deniedDevice(w.T, w.server)), "sh"}
		return nil
	}},
	{name: "no right to make a device", check: "capability", says: `no right to make network devices`, mend: `--cap-add NET_ADMIN`, plant: func(w *ward) func() {
		w.serve = ""
		w.around = []string{"setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"}
		return nil
	}},
	{name: "the clients' network is the host's own", check: "networks", says: `the clients' network 10\.8\.0\.0/24 is that of eth0 too`, mend: `another network in .server.`, plant: func(w *ward) func() {
		w.serve = ""
		w.server.ip("addr", "add", "10.8.0.77/24", "dev", "eth0")
		return nil
	}},
	{name: "more clients than addresses", check: "addresses", says: `6 clients in the directory, and 5 addresses`, mend: `larger network`, plant: func(w *ward) func() {
		w.serve = ""
		w.edit(&w.conf, "server 10.8.0.0 255.255.255.0", "server 10.8.0.0 255.255.255.248")
		for i := range 5 {
			p, err := w.ca.IssueClient(rand.Reader, time.Now(), fmt.Sprint("c", i), 0)
			if err != nil {
				w.Fatal(err)
			}
			w.write(fmt.Sprintf("clients/c%d.crt", i), string(p.CertPEM))
		}
		return nil
	}},
	{name: "too few open files", check: "open files", says: `which is too few for 1024 clients over TCP`, mend: `LimitNOFILE`, plant: func(w *ward) func() {
		w.serve = ""
		w.tcp()
		w.around = []string{"prlimit", "--nofile=256"}
		w.write("culvert.json", strings.Replace(w.read("culvert.json"), `"port": 1194`, `"port": 1194, "proto": "tcp"`, 1))
		return nil
	}},
	{name: "a profile leads to another port", check: "profiles", says: `no .remote. of it has the protocol and port`, mend: `^culvert client renew laptop `, plant: func(w *ward) func() {
		w.serve = ""
		w.write("laptop.ovpn", strings.Replace(w.profile, " 1194\n", " 1195\n", 1))
		return nil
	}},
	{name: "a profile of another authority", check: "profiles", says: `its authority has not signed the server's certificate`, mend: `^culvert client renew laptop `, plant: func(w *ward) func() {
		w.serve = ""
		other, err := pki.NewAuthority(rand.Reader, time.Now(), pki.Options{Name: "another authority"})
		if err != nil {
			w.Fatal(err)
		}
		w.block("ca", string(other.CertPEM()))
		w.write("laptop.ovpn", w.profile)
		return nil
	}},
	{name: "a profile with another armour", check: "profiles", says: `protected by tls-crypt, and the server takes tls-crypt-v2`, mend: `^culvert client renew laptop `, plant: func(w *ward) func() {
		w.serve = ""
		w.block("tls-crypt-v2", "")
		w.block("tls-crypt", keys(w).staticKey)
		w.write("laptop.ovpn", w.profile)
		return nil
	}},
}

// masquerade has the server's host do so for everybody.
func (w *ward) masquerade() {
	w.server.nft("table inet vpn { chain post { type nat hook postrouting priority srcnat; masquerade; }; }")
}

// mode sets the mode of a file.
func (w *ward) mode(name string, mode os.FileMode) {
	w.Helper()
	if err := os.Chmod(name, mode); err != nil {
		w.Fatal(err)
	}
}

// endedList replaces the revocation list by one that has ended.
func (w *ward) endedList() {
	w.Helper()
	key, err := pki.ParseKey([]byte(w.read("ca.key")))
	if err != nil {
		w.Fatal(err)
	}
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: time.Now().Add(-3 * day), NextUpdate: time.Now().Add(-2 * day)}
	der, err := x509.CreateRevocationList(rand.Reader, list, w.ca.Certificate(), key)
	if err != nil {
		w.Fatal(err)
	}
	w.write("crl.pem", pemText("X509 CRL", der))
}
