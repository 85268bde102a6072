package config

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// rightForms is a line for each directive as it may be written: with all that it may
// take, where that is plain.
const rightForms = `adapter ethernet
allow-compression no
allow-deprecated-insecure-static-crypto
allow-insecure-none
allow-lan
allow-nonadmin
allow-pull-fqdn
allow-recursive-routing
api-listen 192.0.2.1:8445 api.crt api.key
askpass pass.txt
auth SHA256
auth-federate
auth-gen-token 3600
auth-gen-token-secret ta.key
auth-nocache
auth-retry nointeract
auth-token abc
auth-token-user abc
auth-user-pass
auth-user-pass-optional
auth-user-pass-verify /bin/true via-env
bcast-buffers 256
bind
bind-dev lo
block-ipv6
block-outside 192.168.1.0/24 fd00::1 persist
block-outside-dns
ca ca.crt
capath ca.d
ccd-exclusive
cd /
cert client.crt
chroot /
cipher AES-256-GCM
client
client-cert-not-required
client-config-dir ccd
client-connect /bin/true
client-crresponse /bin/true
client-disconnect /bin/true
client-nat snat 10.1.0.0 255.255.0.0 10.2.0.0
client-to-client
comp-lzo no
comp-noadapt
compat-mode 2.6.0
compat-names
compress stub-v2
config ping.conf
connect-freq 10 5
connect-freq-initial 100 10
connect-retry 5
connect-retry-max 5
connect-timeout 30
crl-verify crl.pem
cryptoapicert SUBJ:x
daemon
dashboard-admit admins administer
dashboard-listen *:8444 web.crt web.key
dashboard-url https://vpn.example.org:8444
data-ciphers AES-256-GCM
data-ciphers-fallback AES-256-CBC
dev tun
dev-node tun
dev-type tun
dh none
dhcp-internal 1
dhcp-option DNS 10.8.0.1
dhcp-pre-release
dhcp-release
dhcp-renew
disable
disable-dco
disable-occ
dns server 0 address 10.8.0.1
dns-updown /bin/true
down /bin/true
down-pre
duplicate-cn
ecdh-curve secp384r1
echo hello
enable-dco
engine dynamic
errors-to-stderr
explicit-exit-notify 1
extra-certs ca.crt
fast-io
float
force-tls-key-material-export
fragment 1300
genkey secret
gremlin 1
group nogroup
hand-window 60
handshakes-per-address 1000 10
hash-size 256 256
help
http-proxy proxy.example.org 3128
http-proxy-option AGENT x
http-proxy-override p 1
http-proxy-retry
http-proxy-timeout 5
http-proxy-user-pass pass.txt
ifconfig 10.8.0.1 255.255.255.0
ifconfig-ipv6 fd00::1/64 fd00::2
ifconfig-ipv6-pool fd00::/64
ifconfig-ipv6-push fd00::5/64
ifconfig-noexec
ifconfig-nowarn
ifconfig-pool 10.8.0.10 10.8.0.20
ifconfig-pool-linear
ifconfig-pool-persist ipp.txt
ifconfig-push 10.8.0.5 255.255.255.0
ifconfig-push-constraint 10.8.0.0 255.255.255.0
ignore-unknown-option foo
inactive 600
inetd
ip-win32 dynamic
ipchange /bin/true
iproute /sbin/ip
iroute 10.9.0.0 255.255.255.0
iroute-ipv6 fd01::/64
keepalive 10 60
key client.key
key-derivation tls-ekm
key-direction 1
key-method 2
keying-material-exporter EXPORTER-x 32
keysize 256
learn-address /bin/true
link-mtu 1500
lladdr 02:00:00:00:00:01
local 127.0.0.1
log log.txt
log-append log.txt
log-format json
log-journal on
log-level access debug
lport 1194
machine-readable-output
management 127.0.0.1 7505
management-client
management-client-auth
management-client-group nogroup
management-client-pf
management-client-user nobody
management-external-cert x
management-external-key
management-forget-disconnect
management-hold
management-log-cache 100
management-query-passwords
management-query-proxy
management-query-remote
management-signal
management-up-down
mark 1
max-clients 10
max-packet-size 1250
max-routes 100
max-routes-per-client 100
memstats f
mktun
metrics-listen 127.0.0.1:9176
metrics-names openvpn_exporter
metrics-per device
mlock
mode server
mptcp
msg-channel 1
mssfix 1400
mtu-disc yes
mtu-dynamic
mtu-test
multihome
mute 10
mute-replay-warnings
names vpn.example.org
ncp-ciphers AES-256-GCM
ncp-disable
nice 1
no-iv
no-name-remapping
no-replay
nobind
ns-cert-type server
opt-verify
override-username bob
oidc-admit staff admins
oidc-client culvert secret
oidc-groups groups
oidc-issuer https://sso.example.org/realms/staff
oidc-scope openid email
oidc-user email example.org
own-mac-only
parameter x
passtos
pause-exit
peer-fingerprint 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
peer-id 5
persist-key
persist-local-ip
persist-remote-ip
persist-tun
ping 10
ping-exit 60
ping-restart 60
ping-timer-rem
pkcs11-cert-private 0
pkcs11-id x
pkcs11-id-management
pkcs11-pin-cache 300
pkcs11-private-mode 0
pkcs11-protected-authentication 0
pkcs11-providers p.so
pkcs12 f.p12
plugin /usr/lib/openvpn/openvpn-plugin-down-root.so /bin/true
policy /etc/culvert/policy
port 1194
port-share localhost 443
preresolve
prng SHA1 16
proto udp
proto-force udp
protocol-flags cc-exit
providers default
proxy-lan eth0
pull
pull-filter ignore route
push "echo x"
push-continuation 1
push-peer-info
push-remove route
push-reset
rcvbuf 65536
rdns-internal
redirect-gateway def1
redirect-private def1
register-dns
remap-usr1 SIGHUP
remote vpn.example.org 1194 udp
remote-cert-eku "TLS Web Server Authentication"
remote-cert-ku a0
remote-cert-tls server
remote-random
remote-random-hostname
remote-select fastest 30
reneg-bytes 1000000
reneg-pkts 1000000
reneg-sec 3600
replay-persist f
replay-window 64 15
resolv-retry infinite
rmtun
route 10.1.0.0 255.255.0.0
route-delay 1
route-except program
route-gateway 10.8.0.1
route-ipv6 fd02::/64
route-ipv6-gateway fd00::1
route-method exe
route-metric 10
route-noexec
route-nopull
route-only user ada
route-pre-down /bin/true
route-table 100
route-up /bin/true
rport 1194
scramble x
script-security 2
secret ta.key
server 10.8.0.0 255.255.255.0
server-bridge 10.8.0.4 255.255.255.0 10.8.0.50 10.8.0.100
server-ipv6 fd00::/64
server-poll-timeout 10
service x
session-timeout 3600
setcon system_u:system_r:openvpn_t:s0
setenv FOO bar
setenv-safe FOO bar
shaper 10000
show-adapters
show-ciphers
show-curves
show-digests
show-engines
show-gateway
show-groups
show-net
show-net-up
show-pkcs11-ids
show-tls
show-valid-subnets
sign-in-ldap pass.txt
sign-in-pam vpn login USERNAME
sign-in-radius 10.0.0.1 pass.txt
sign-in-radius-name gate
single-session
sndbuf 65536
socket-flags TCP_NODELAY
socks-proxy proxy.example.org 1080
socks-proxy-retry
stale-routes-check 60
static-challenge "code?" 1
status status.txt 10
status-version 2
suppress-timestamps
syslog
tap-sleep 1
tcp-nodelay
tcp-queue-limit 64
test-crypto
tls-auth ta.key 1
tls-cert-profile legacy
tls-cipher TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384
tls-ciphersuites TLS_AES_256_GCM_SHA384
tls-client
tls-crypt ta.key
tls-crypt-v2 ta.key
tls-crypt-v2-max-age 30
tls-crypt-v2-verify /bin/true
tls-exit
tls-export-cert /tmp
tls-groups X25519
tls-remote name
tls-server
tls-timeout 2
tls-verify /bin/true
tls-version-max 1.3
tls-version-min 1.2
tmp-dir /tmp
topology subnet
trace-to http://127.0.0.1:4318
tran-window 3600
tun-ipv6
tun-mtu 1500
tun-mtu-extra 32
tun-mtu-max 1600
txqueuelen 100
udp-mtu 1500
up /bin/true
up-delay
up-restart
use-prediction-resistance
user nobody
username-as-common-name
verb 3
verify-client-cert none
verify-hash 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33
verify-x509-name server name
version
vlan-accept all
vlan-pvid 5
vlan-tagging
web-listen *:8443 web.crt web.key
web-url https://vpn.example.org:8443
win-sys env
windows-driver wintun
writepid pid
x509-track CN
x509-username-field CN
accounting-interval 600
accounting-log billing.json
accounting-radius 10.0.0.1 pass.txt
history days 30
history-anonymise 7 addresses names`

// forms are the lines of rightForms, by name.
func forms(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(rightForms) {
		words, _, problem := splitWords(strings.TrimSpace(line))
		if problem != nil || all[words[0]] != nil {
			t.Fatalf("%q: %v", line, problem)
		}
		all[words[0]] = words[1:]
	}
	return all
}

// place is somewhere that a line may stand.
type place struct {
	where Where
	pos   string // what an error there begins with
	// parse parses a line there, and returns what is wrong with it, and what is noted.
	parse func(words []string) (notes []Note, err error)
}

// places are all places, with a right configuration around the line.
func places(t *testing.T) []place {
	t.Helper()
	client, server := plainest(t), serverOf(t, "")
	inFile := func(text string) ([]Note, error) {
		c, err := ParseFile("x.conf", []byte(text), readForms)
		if err != nil {
			return nil, err
		}
		return c.Notes, nil
	}
	base := func(words []string) string {
		if row := byName[words[0]]; row.Role == RoleServer || row.Part == PartServer {
			return serverLines
		}
		return clientLines
	}
	return []place{
		{InFile, "x.conf:", func(words []string) ([]Note, error) { return inFile(base(words) + lineOf(words) + "\n") }},
		{InCommandLine, "command line: ", func(words []string) ([]Note, error) {
			name := "client.conf"
			if base(words) == serverLines {
				name = "server.conf"
			}
			c, err := ParseArgs(append([]string{"--config", name, "--" + words[0]}, words[1:]...), readForms)
			if err != nil {
				return nil, err
			}
			return c.Notes, nil
		}},
		{InConnection, "x.conf:", func(words []string) ([]Note, error) {
			return inFile(clientLines + "<connection>\nremote b\n" + lineOf(words) + "\n</connection>\n")
		}},
		{InPush, "pushed", func(words []string) ([]Note, error) {
			_, notes, err := ParsePushed(client, []string{lineOf(words)})
			return notes, err
		}},
		{InCCD, "ccd/anna:", func(words []string) ([]Note, error) {
			c, err := ParsePerClient(server, "ccd/anna", []byte(lineOf(words)))
			if err != nil {
				return nil, err
			}
			return c.Notes, nil
		}},
	}
}

// readForms reads what rightForms name.
func readForms(name string) ([]byte, error) {
	switch name {
	case "client.conf":
		return []byte(clientLines), nil
	case "server.conf":
		return []byte(serverLines), nil
	case "f.p12":
		return []byte("p12"), nil
	}
	text, err := readTest(name)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = readTest(strings.TrimPrefix(name, "/"))
	}
	return text, err
}

// lineOf is a line of words.
func lineOf(words []string) string {
	line := words[0]
	for _, w := range words[1:] {
		line += ` "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
	}
	return line
}

// carriedOut reports whether a directive may stand in a configuration, and is read there.
func carriedOut(row *Directive) bool {
	return row.Status != Planned && row.Status != Refused && row.Status != Command && row.Status != WindowsOnly
}

// TestRightForms: every directive has a right form, and it is taken in each place where
// the directive may stand, or refused with the reason if it is never carried out.
func TestRightForms(t *testing.T) {
	all := forms(t)
	for name := range all {
		if byName[name] == nil {
			t.Errorf("%s is no directive", name)
		}
	}
	for _, row := range Directives() {
		args, given := all[row.Name]
		if !given {
			t.Errorf("%s: rightForms has no line for it", row.Name)
			continue
		}
		if d, found := Lookup(row.Name); !found || d.State() == "" || !strings.Contains(d.Text(), row.Help) {
			t.Errorf("%s: status or help is missing", row.Name)
		}
		for _, where := range []Where{InFile, InCommandLine, InConnection, InPush, InCCD} {
			if row.Where&where == 0 {
				continue
			}
			b := newBuilder(readForms)
			b.perClient, b.place = new(PerClient), where
			b.apply(&call{Pos: Pos{"x", 1}, name: row.Name, args: slices.Clone(args)}, where)
			b.errs = append(b.errs, refusals(b)...)
			switch refused := len(b.errs) > 0; {
			case refused == carriedOut(&row) && row.Status != WindowsOnly:
				t.Errorf("%s %q %s: %v", row.Name, args, where.phrase(), b.errs)
			case refused && b.errs[0].Reason == "":
				t.Errorf("%s is refused without a reason", row.Name)
			}
		}
	}
}

func refusals(b *builder) (errs []*Error) {
	for _, r := range b.unknown {
		errs = append(errs, r.err)
	}
	return errs
}

// notNumbers are the directives whose numbers may be words too, each with the reason.
var notNumbers = map[string]string{
	"port":          "a service has a name",
	"rport":         "a service has a name",
	"remote":        "a service has a name",
	"socks-proxy":   "a service has a name",
	"bcast-buffers": "it changes nothing, and OpenVPN 2.6 takes a word for 0",
	"max-routes":    "it changes nothing, and OpenVPN 2.6 takes a word for 0",
	"prng":          "it changes nothing, and OpenVPN has ignored it since 2.6",
	"tun-mtu-extra": "it changes nothing, and OpenVPN 2.6 takes a word for 0",
}

// TestWrongForms: a line with too few or too many values, or one of the wrong kind, is
// refused or noted in every place, with the place and what to do; and whatever its values
// are, nothing panics, and nothing fills a log.
func TestWrongForms(t *testing.T) {
	all, everywhere := forms(t), places(t)
	for _, row := range Directives() {
		if !carriedOut(&row) {
			continue
		}
		for _, p := range everywhere {
			negotiated := p.where == InPush && (row.Status == Negotiated || row.Name == "cipher") // package session reads these
			if row.Where&p.where != 0 && !negotiated {
				tryWrong(t, &row, p, all[row.Name])
			}
		}
	}
}

func tryWrong(t *testing.T, row *Directive, p place, right []string) {
	must := func(what string, args []string) {
		notes, err := p.parse(append([]string{row.Name}, args...))
		if said := saidOf(row.Name, notes, err); said == "" {
			t.Errorf("%s %s: %.80q: %s is taken in silence", row.Name, p.where.phrase(), args, what)
		}
		checkFault(t, p, err)
	}
	least, most := row.Arity()
	if least > 0 {
		must("too few", right[:least-1])
	}
	if most >= 0 {
		must("too many", append(slices.Clone(right), slices.Repeat([]string{"surplus"}, most+1-len(right))...))
	}
	for i, value := range right {
		for _, other := range wrongValues {
			args := slices.Clone(right)
			args[i] = other
			if wholeNumber.FindString(value) == value && notNumbers[row.Name] == "" && other != "" && !strings.HasPrefix(other, huge) {
				must("a number that is none", args)
				continue
			}
			_, err := p.parse(append([]string{row.Name}, args...))
			checkFault(t, p, err)
		}
	}
}

// huge is longer than any value with a meaning.
const huge = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

var wrongValues = []string{"surely-wrong", "-7000000000", strings.Repeat("9", 40), strings.Repeat("9", 1<<16), huge + strings.Repeat("a", 1<<17), huge + "\x01\xff\x00", ""}

// saidOf is the first thing that was said of a directive, "" for nothing.
func saidOf(name string, notes []Note, err error) string {
	if err != nil {
		return err.Error()
	}
	for _, n := range notes {
		if strings.Contains(n.Text, name) {
			return n.Text
		}
	}
	return ""
}

// checkFault demands of faults that they have their place and say what to do, and are
// short.
func checkFault(t *testing.T, p place, err error) {
	t.Helper()
	var faults []error
	switch joined := err.(type) {
	case nil:
		return
	case interface{ Unwrap() []error }:
		faults = joined.Unwrap()
	}
	for _, f := range faults {
		var e *Error
		if !errors.As(f, &e) {
			t.Errorf("%T: %v", f, f)
			continue
		}
		const most = 1000
		if len(f.Error()) > most {
			t.Errorf("%d bytes: %.200s", len(f.Error()), f)
		}
		if e.Mend == "" && !strings.HasPrefix(e.Reason, "expected ") && !strings.ContainsAny(e.Reason, ":;") && !strings.Contains(e.Reason, "cannot be read") {
			t.Errorf("without what to do: %v", e)
		}
	}
	if len(faults) == 0 {
		t.Errorf("%T: %v", err, err)
	}
}
