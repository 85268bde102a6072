//go:build interop

package interop

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// easyRSA is where Debian's package has its program.
const easyRSA = "/usr/share/easy-rsa/easyrsa"

// easyrsa runs easy-rsa on an authority's directory.
func easyrsa(t *testing.T, pki string, args ...string) {
	t.Helper()
	cmd := exec.Command(easyRSA, args...)
	cmd.Dir = filepath.Dir(pki)
	cmd.Env = append(os.Environ(), "EASYRSA="+filepath.Dir(easyRSA), "EASYRSA_PKI="+pki, "EASYRSA_BATCH=1", "EASYRSA_ALGO=ec", "EASYRSA_CURVE=prime256v1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("easyrsa %v: %v\n%s", args, err, out)
	}
}

// layout is where an installer puts what makes a server.
type layout struct {
	pki      string // the authority's directory, from the installer's
	template string // the first lines of profiles
	armour   string // lines of the server, with %s for the key's file
	profile  string // lines of profiles for it; "": a block with the key
	topology string
	address  string // alice's
	ccd      bool   // by client-config-dir, else by ipp.txt
}

var layouts = map[string]layout{
	"client-common":   {"easy-rsa/pki", "client-common.txt", "tls-crypt key.pem", "", "topology subnet\n", "10.8.0.77", false},
	"client-template": {"easy-rsa/pki", "client-template.txt", "tls-auth key.pem 0", "key-direction 1\n", "", "10.8.0.78", true},
}

// install makes a server as an installer does, for clients alice and mallory, of whom
// mallory was revoked. It returns the lines of a profile up to its certificate.
func (l layout) install(t *testing.T, s *netns, dir string, remote netip.Addr) (profile func(name string) string) {
	t.Helper()
	pki := filepath.Join(dir, l.pki)
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	get := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	put(l.pki+"/../made", "")
	for _, args := range []string{"init-pki", "build-ca nopass", "build-server-full server_1 nopass", "build-client-full alice nopass", "build-client-full mallory nopass"} {
		easyrsa(t, pki, strings.Fields(args)...)
	}
	key := keys(t).staticKey
	certs := map[string][2]string{}
	for _, name := range []string{"alice", "mallory"} {
		certs[name] = [2]string{get(pki + "/issued/" + name + ".crt"), get(pki + "/private/" + name + ".key")}
	}
	easyrsa(t, pki, "revoke", "mallory")
	easyrsa(t, pki, "gen-crl")
	ca := get(pki + "/ca.crt")
	put("ca.crt", ca)
	put("server.crt", get(pki+"/issued/server_1.crt"))
	put("server.key", get(pki+"/private/server_1.key"))
	put("crl.pem", get(pki+"/crl.pem"))
	put("key.pem", key)
	put("ipp.txt", "")
	text := "port 1194\nproto udp\ndev tun\n" + l.topology + "server 10.8.0.0 255.255.255.0\nifconfig-pool-persist ipp.txt\n" +
		"ca ca.crt\ncert server.crt\nkey server.key\ndh none\ncrl-verify crl.pem\n" + l.armour +
		"\nauth SHA512\nkeepalive 10 60\nuser nobody\ngroup nogroup\npersist-key\npersist-tun\nstatus status.log\nverb 3\n"
	switch {
	case l.ccd:
		put("ccd/alice", "ifconfig-push "+l.address+" 10.8.0.77\n")
		text += "client-config-dir ccd\n"
	default:
		put("ipp.txt", "alice,"+l.address+"\n")
	}
	put("server.conf", text)
	head := "client\ndev tun\nproto udp\nremote " + remote.String() + " 1194\nnobind\nremote-cert-tls server\nverify-x509-name server_1 name\nauth SHA512\n" + l.profile + "verb 3\n"
	put(l.template, head)
	block, _, _ := strings.Cut(l.armour, " ")
	return func(name string) string {
		c := new(conf)
		c.lines(strings.TrimSuffix(head, "\n"))
		c.block("ca", ca)
		c.block("cert", certs[name][0])
		c.block("key", certs[name][1])
		c.block(block, key)
		return c.String()
	}
}

// TestAdopt: what easy-rsa and an installer have made is adopted, and stock clients
// connect with the profiles they have; one that was revoked does not.
func TestAdopt(t *testing.T) {
	t.Parallel()
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			dir := filepath.Join(s.dir, "openvpn")
			profile := layout.install(t, s, dir, w.b4)
			connect := func(name string) {
				t.Helper()
				p := c.start("stock client "+name, "openvpn", "--dev", tunDevice, "--dev-type", "tun", "--config", c.file(name+".conf", profile(name))).up()
				v4, _ := c.device(tunDevice)
				if got := v4.prefix.Addr().String(); got != layout.address {
					t.Errorf("%s has %s, expected %s", name, got, layout.address)
				}
				c.ping(serverIPv4)
				if err := p.stop(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
			}
			before := s.start("stock server", "openvpn", "--cd", dir, "--dev-type", "tun", "--dev", tunDevice, "--config", "server.conf").up()
			connect("alice")
			before.stop(syscall.SIGTERM)

			d := filepath.Join(s.dir, "D")
			tree := mustRun(t, "sh", "-c", "cd "+dir+" && find . -type f | sort | xargs sha256sum")
			if out := mustRun(t, culvert(t), "adopt", dir, "--dir", d); !strings.Contains(out, "2: 1 valid, 0 expiring, 0 expired, 1 revoked") {
				t.Errorf("culvert adopt:\n%s", out)
			}
			if now := mustRun(t, "sh", "-c", "cd "+dir+" && find . -type f | sort | xargs sha256sum"); now != tree {
				t.Errorf("adopting changed what is there:\n%s\nbefore:\n%s", now, tree)
			}
			server := s.start("culvert serve", culvert(t), "serve", "--dir", d, "--state-dir", filepath.Join(s.dir, "state")).up()
			connect("alice")
			c.start("stock client mallory", "openvpn", "--config", c.file("mallory.conf", profile("mallory")))
			server.expect(regexp.MustCompile(`mallory.*revoked`), 1, patience)

			text := mustRun(t, culvert(t), "client", "add", "new", "--dir", d)
			p := c.start("stock client new", "openvpn", "--config", c.file("new.conf", text)).up()
			c.ping(serverIPv4)
			p.stop(syscall.SIGTERM)
		})
	}
}
