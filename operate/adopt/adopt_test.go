package adopt

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
	"culvert/operate/setup"
)

// The directory that is made is a server's: all commands for clients work on it.
func TestAdopted(t *testing.T) {
	w := plain(t, "tls-crypt tc.key\nclient-config-dir ccd\nstatus status.log\nverb 3\n")
	w.put("ccd/alice", "ifconfig-push 10.8.0.7 255.255.255.0\n")
	o := w.options()
	r := w.must(o)
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
	list, problem, err := setup.Clients(o.Dir, now)
	if err != nil || problem != "" {
		t.Fatalf("clients: %v %s", err, problem)
	}
	if got := states(list); got != "alice valid, mallory revoked" {
		t.Errorf("clients: %s", got)
	}
	conf := read(t, o.Dir, "server.conf")
	for _, line := range []string{"crl-verify " + o.Dir, "client-config-dir " + filepath.Join(o.Dir, "ccd"), "tls-crypt " + o.Dir, "ifconfig-pool-persist " + o.Dir, "status " + o.Dir, "port 1194\n", "cd " + w.root} {
		if !strings.Contains(filepath.ToSlash(conf), filepath.ToSlash(line)) {
			t.Errorf("server.conf lacks %q:\n%s", line, conf)
		}
	}
	if got := read(t, o.Dir, "ipp.txt"); got != "alice,10.8.0.7,\nmallory,10.8.0.9\n" {
		t.Errorf("ipp.txt: %q", got)
	}
	if got := read(t, o.Dir, "ccd", "alice"); !strings.Contains(got, "10.8.0.7") {
		t.Errorf("ccd/alice: %q", got)
	}
	if read(t, o.Dir, "server.key") != read(t, w.root, "server.key") {
		t.Error("the server's key is another one")
	}
	profile, err := setup.AddClient(setup.ClientOptions{Dir: o.Dir, Name: "new", Now: now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	if p := string(profile); !strings.Contains(p, "remote vpn.example.org 443\n") || !strings.Contains(p, "auth SHA512\n") || !strings.Contains(p, "<tls-crypt>\n") {
		t.Errorf("profile:\n%s", p)
	}
	if _, err := config.ParseFile("new.ovpn", profile, process.ReadFile); err != nil {
		t.Error(err)
	}
	if _, err := setup.Revoke(setup.RevokeOptions{Dir: o.Dir, Name: "alice", Now: now}); err != nil {
		t.Fatal(err)
	}
	if _, err := setup.RenewClient(setup.RenewClientOptions{ClientOptions: setup.ClientOptions{Dir: o.Dir, Name: "new", Now: now, Rand: rand.Reader}}); err != nil {
		t.Fatal(err)
	}
	if _, err := setup.Renew(setup.RenewOptions{Dir: o.Dir, Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	list, _, err = setup.Clients(o.Dir, now)
	if got := states(list); err != nil || got != "alice revoked, mallory revoked, new valid" {
		t.Errorf("clients then: %s %v", got, err)
	}
}

func states(list []setup.ClientInfo) string {
	var all []string
	for _, c := range list {
		all = append(all, c.Name+" "+c.State)
	}
	return strings.Join(all, ", ")
}

func TestDryRun(t *testing.T) {
	w := plain(t, "")
	o := w.options()
	o.DryRun = true
	r := w.must(o)
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dry run made %s", o.Dir)
	}
	var text bytes.Buffer
	if err := r.Print(&text); err != nil || !strings.Contains(text.String(), "Nothing was made.") || !strings.Contains(text.String(), "1 valid") {
		t.Errorf("%v:\n%s", err, text.String())
	}
}

// The layouts of easy-rsa 2 and of a server with all keys inline.
func TestLayouts(t *testing.T) {
	t.Run("easy-rsa 2", func(t *testing.T) {
		w := newWorld(t)
		w.easyRSA3("keys")
		w.put("keys/ca.key", w.caKey())
		w.move("keys/issued/alice.crt", "keys/alice.crt")
		w.put("vpn.conf", baseConf+"tls-auth tc.key 0\n")
		o := w.options()
		o.Host, o.Port = "192.0.2.1", 0
		w.must(o)
		profile := w.profile(o.Dir)
		for _, line := range []string{"remote 192.0.2.1 1194\n", "key-direction 1\n", "<tls-auth>\n", "verify-x509-name server_x name\n"} {
			if !strings.Contains(profile, line) {
				t.Errorf("profile lacks %q:\n%s", line, profile)
			}
		}
	})
	t.Run("inline", func(t *testing.T) {
		w := plain(t, "")
		conf := strings.NewReplacer("ca ca.crt\n", "", "cert server.crt\n", "", "key server.key\n", "", "crl-verify crl.pem\n", "").Replace(baseConf)
		for name, file := range map[string]string{"ca": "ca.crt", "cert": "server.crt", "key": "server.key", "crl-verify": "crl.pem", "tls-crypt": "tc.key"} {
			conf += fmt.Sprintf("<%s>\n%s</%[1]s>\n", name, read(t, w.root, file))
		}
		w.put("server.conf", conf+"verb 4")
		o := w.options()
		w.must(o)
		text := read(t, o.Dir, "server.conf")
		if strings.Contains(text, "PRIVATE KEY") || !strings.Contains(text, "\nverb 4\n") {
			t.Errorf("server.conf:\n%s", text)
		}
		if _, _, err := setup.Clients(o.Dir, now); err != nil {
			t.Error(err)
		}
		w.profile(o.Dir)
	})
	t.Run("names relative to cd", func(t *testing.T) {
		w := plain(t, "")
		w.put("conf.d/vpn.conf", "cd "+w.root+"\n"+baseConf)
		o := w.options()
		o.Source = filepath.Join(w.root, "conf.d", "vpn.conf")
		if r := w.must(o); len(r.Clients) != 2 {
			t.Errorf("clients: %v", r.Clients)
		}
	})
	t.Run("symbolic links", func(t *testing.T) {
		w := plain(t, "")
		w.move("ca.crt", "elsewhere/ca.crt")
		if err := os.Symlink(filepath.Join(w.root, "elsewhere", "ca.crt"), filepath.Join(w.root, "ca.crt")); err != nil {
			t.Skip(err) // Windows asks for a right
		}
		w.must(w.options())
	})
}

func (w *world) move(from, to string) {
	w.t.Helper()
	w.put(to, read(w.t, w.root, from))
	if err := os.Remove(filepath.Join(w.root, filepath.FromSlash(from))); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) profile(dir string) string {
	w.t.Helper()
	profile, err := setup.AddClient(setup.ClientOptions{Dir: dir, Name: "new", Now: now, Rand: rand.Reader})
	if err == nil {
		_, err = config.ParseFile("new.ovpn", profile, process.ReadFile)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return string(profile)
}

// What is wrong is said, and what can be adopted is.
func TestFaults(t *testing.T) {
	for _, f := range []struct {
		name    string
		damage  func(w *world, o *Options)
		problem string // what is said in the report; "": it fails
		text    string
	}{
		{"damaged index", func(w *world, _ *Options) {
			w.put("easy-rsa/pki/index.txt", "garbage\nV\t1\t\t01\tunknown\t/CN=x\n"+w.index.String())
		}, "index", "line 1: expected 6 fields"},
		{"no ca.key", func(w *world, _ *Options) { w.move("easy-rsa/pki/private/ca.key", "easy-rsa/away") }, "ca.key", "client add, client renew, client revoke, renew"},
		{"ca.key of another", func(w *world, _ *Options) {
			w.put("easy-rsa/pki/private/ca.key", newWorld(w.t).caKey())
		}, "ca.key", "does not belong to"},
		{"no list named", func(w *world, _ *Options) {
			w.put("server.conf", strings.Replace(baseConf, "crl-verify crl.pem\n", "", 1))
		}, "revocation", "names no list"},
		{"revoked by the index alone", func(w *world, _ *Options) { w.list("crl.pem") }, "revocation", "1 certificates are revoked by index.txt, but not by"},
		{"address elsewhere", func(w *world, _ *Options) { w.put("ipp.txt", "alice,192.168.1.7\n") }, "addresses", "outside of 10.8.0.0/24"},
		{"damaged ipp.txt", func(w *world, _ *Options) { w.put("ipp.txt", "alice\nbob,10.8.0.3\n") }, "addresses", "line 1"},
		{"no index", func(w *world, _ *Options) { w.move("easy-rsa/pki/index.txt", "away") }, "clients", "no index.txt was found"},
		{"expired authority", func(_ *world, o *Options) { o.Now = now.AddDate(20, 0, 0) }, "authority", "no client connects"},
		{"chroot", func(w *world, _ *Options) { w.put("server.conf", baseConf+"chroot "+w.root+"\n") }, "chroot", "left out"},
		{"file of a client that cannot be read", func(w *world, _ *Options) {
			w.put("server.conf", baseConf+"client-config-dir ccd\n")
			w.put("ccd/alice", "ifconfig-push nonsense\nand\nmore\n")
		}, "per client", "(and 2 more); until it is mended, this client is not let in"},
		{"file of a client that is a link out of there", func(w *world, _ *Options) {
			w.put("server.conf", baseConf+"client-config-dir ccd\n")
			w.put("../secret", "the password of somebody\n")
			w.put("ccd/bob", "push \"route 10.1.0.0 255.255.0.0\"\n")
			for name, to := range map[string]string{"alice": filepath.Join(w.root, "..", "secret"), "carol": "bob"} {
				if err := os.Symlink(to, filepath.Join(w.root, "ccd", name)); err != nil {
					w.t.Fatal(err)
				}
			}
		}, "client-config-dir", "alice is a link out of what is adopted"},
		{"socket of the old service", func(w *world, _ *Options) {
			w.put("server.conf", baseConf+"management /var/run/openvpn-server/server.sock unix\n")
		}, "written", "/D/server.sock now: /var/run/openvpn-server is not there, or goes with the old service"},
		{"nowhere to write to", func(w *world, _ *Options) {
			w.put("server.conf", baseConf+"status "+filepath.Join(w.root, "../gone/status.log")+" 30\n")
		}, "written", "/D/status.log now"},
		{"no host", func(w *world, _ *Options) { w.move("client-common.txt", "away") }, "", "--host NAME"},
		{"two servers", func(w *world, _ *Options) { w.put("tcp.conf", baseConf) }, "", "has 2 servers"},
		{"no server", func(w *world, _ *Options) { w.put("server.conf", "client\nremote x\n") }, "", "no server's configuration"},
		{"included", func(w *world, _ *Options) {
			w.put("server.conf", baseConf+"config more\n")
			w.put("more", "verb 1\n")
		}, "", "reads another file"},
		{"key of another certificate", func(w *world, _ *Options) { w.put("server.key", w.caKey()) }, "", "does not belong to"},
		{"within", func(w *world, o *Options) { o.Dir = filepath.Join(w.root, "D") }, "", "nothing is changed in what is adopted"},
		{"no ca", func(w *world, _ *Options) { w.move("ca.crt", "away") }, "", "ca.crt"},
		{"damaged list", func(w *world, _ *Options) {
			w.put("crl.pem", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
		}, "", "make the list anew"},
		{"another authority's directory", func(w *world, o *Options) {
			other := newWorld(w.t)
			other.root = filepath.Join(w.root, "other")
			other.easyRSA3("pki")
			o.Authority = filepath.Join(other.root, "pki")
		}, "", "the directory of another authority"},
	} {
		t.Run(f.name, func(t *testing.T) {
			w := plain(t, "")
			o := w.options()
			f.damage(w, &o)
			r, err := w.adopt(o)
			if f.problem == "" {
				if err == nil || !strings.Contains(err.Error(), f.text) {
					t.Fatalf("error: %v; expected %q", err, f.text)
				}
				if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("a failed adoption left %s", o.Dir)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			r.has(t, r.Problems, f.problem, f.text)
			if _, err := config.ParseFile(filepath.Join(o.Dir, "server.conf"), []byte(read(t, o.Dir, "server.conf")), process.ReadFile); err != nil {
				t.Error(err)
			}
		})
	}
}

// A list that had ended is signed anew, so that clients get in again.
func TestListExpired(t *testing.T) {
	w := plain(t, "")
	short := endedList(t, w)
	w.put("crl.pem", short)
	o := w.options()
	r := w.must(o)
	r.has(t, r.Understood, "revocation", "had ended on")
	if list, problem, err := setup.Clients(o.Dir, now); err != nil || problem != "" || states(list) != "alice valid, mallory revoked" {
		t.Errorf("%v %q %v", states(list), problem, err)
	}
}

// A certificate that is revoked by the index stays out, whichever way the numbers of
// the revoked were kept.
func TestRevokedStayOut(t *testing.T) {
	w := plain(t, "")
	gone := w.client("gone", "R") // no copy of the certificate is left
	fmt.Fprintf(&w.index, "R\t300101000000Z\t260101000000Z\t-4D\tunknown\t/CN=negative\n")
	w.put("easy-rsa/pki/index.txt", w.index.String())
	other := w.client("other", "V")
	w.put("crl/"+other.SerialNumber.String(), "")
	w.put("server.conf", strings.Replace(baseConf, "crl-verify crl.pem", "crl-verify crl dir", 1))
	o := w.options()
	w.must(o)
	lists, err := pki.ParseRevocationLists([]byte(read(t, o.Dir, "crl.pem")))
	if err != nil {
		t.Fatal(err)
	}
	if !pki.Listed(lists[0], gone.SerialNumber) || !pki.Listed(lists[0], other.SerialNumber) || len(lists[0].RevokedCertificateEntries) != 4 {
		t.Errorf("on the list: %v", lists[0].RevokedCertificateEntries)
	}
	list, _, err := setup.Clients(o.Dir, now)
	if err != nil || !strings.Contains(states(list), "gone revoked") || !strings.Contains(states(list), "negative revoked") {
		t.Errorf("%s %v", states(list), err)
	}
	if err := pki.CheckList(lists[0], nil, now); err != nil {
		t.Error(err)
	}
}

// Names that no file could have are listed, and can be revoked.
func TestNames(t *testing.T) {
	w := plain(t, "")
	for _, name := range []string{"Anna Müller", "../../etc/passwd", "a/b", "bell\a"} {
		w.client(name, "V")
	}
	w.index.WriteString(`V	300101000000Z		0A	unknown	/CN=J\xC3\xB6rg` + "\n" + `V	300101000000Z		0B	unknown	/C=DE/CN=Bj\xF6rn/emailAddress=b@example.org` + "\n")
	w.put("easy-rsa/pki/index.txt", w.index.String())
	o := w.options()
	r := w.must(o)
	r.has(t, r.Problems, "clients", "1 certificates have no name")
	list, _, err := setup.Clients(o.Dir, now)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		if !strings.HasPrefix(c.Name, "serial-") {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	if got := fmt.Sprintf("%q", names); got != `["../../etc/passwd" "Anna Müller" "Björn" "Jörg" "a/b" "alice" "mallory"]` {
		t.Errorf("names: %s", got)
	}
	for _, name := range []string{"Anna Müller", "../../etc/passwd", "Jörg"} {
		if _, err := setup.Revoke(setup.RevokeOptions{Dir: o.Dir, Name: name, Now: now}); err != nil {
			t.Errorf("revoke %s: %v", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(o.Dir, "clients"))
	if err != nil || len(entries) != len(list) {
		t.Errorf("%d files for %d clients: %v", len(entries), len(list), err)
	}
}

// A client that was revoked and let in again under its name is valid.
func TestIssuedAgain(t *testing.T) {
	w := plain(t, "")
	w.client("mallory", "V")
	w.put("easy-rsa/pki/index.txt", w.index.String())
	o := w.options()
	w.must(o)
	list, _, err := setup.Clients(o.Dir, now)
	if err != nil || states(list) != "alice valid, mallory valid" || len(list[1].Serials) != 2 {
		t.Errorf("%v %v", list, err)
	}
}

// A passphrase of ca.key stays. If nobody knows it, the list is copied.
func TestPassphrase(t *testing.T) {
	w := plain(t, "")
	w.put("easy-rsa/pki/private/ca.key", protected(t, w.caKey(), "secret"))
	o := w.options()
	r := w.must(o)
	r.has(t, r.Problems, "ca.key", "has a passphrase")
	o.Dir += "2"
	o.Ask = func(string) ([]byte, error) { return []byte("secret"), nil }
	if r := w.must(o); len(r.Problems) > 0 {
		t.Error(r.Problems)
	}
	if _, err := setup.AddClient(setup.ClientOptions{Dir: o.Dir, Name: "new", Now: now, Rand: rand.Reader, Ask: o.Ask}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(read(t, o.Dir, "ca.key"), "ENCRYPTED") {
		t.Error("the copy of ca.key has no passphrase")
	}
}

// Two authorities of one name: the one with the key issues, and lists of both count.
func TestTwoAuthorities(t *testing.T) {
	w := plain(t, "")
	old := newWorld(t)
	bad := old.client("bad", "R")
	oldList, err := old.authority.Revoke(now, nil, bad)
	if err != nil {
		t.Fatal(err)
	}
	w.put("ca.crt", string(old.authority.CertPEM())+string(w.authority.CertPEM()))
	w.put("crl.pem", string(oldList)+read(t, w.root, "crl.pem"))
	o := w.options()
	w.must(o)
	list, problem, err := setup.Clients(o.Dir, now)
	if err != nil || problem != "" || states(list) != "alice valid, mallory revoked" {
		t.Fatalf("%s %q %v", states(list), problem, err)
	}
	if _, err := setup.Revoke(setup.RevokeOptions{Dir: o.Dir, Name: "alice", Now: now}); err != nil {
		t.Fatal(err)
	}
	lists, err := pki.ParseRevocationLists([]byte(read(t, o.Dir, "crl.pem")))
	if err != nil || len(lists) != 2 || !pki.Listed(lists[0], bad.SerialNumber) && !pki.Listed(lists[1], bad.SerialNumber) {
		t.Errorf("lists: %v %v", lists, err)
	}
	w.profile(o.Dir)
}

// Where nothing says the topology, the addresses that were given do.
func TestTopology(t *testing.T) {
	for _, c := range []struct{ pool, want string }{{"alice,10.8.0.4\n", "net30"}, {"alice,10.8.0.7\n", "subnet"}, {"", "net30"}} {
		w := plain(t, "")
		w.put("server.conf", strings.Replace(baseConf, "topology subnet\n", "", 1))
		w.put("ipp.txt", c.pool)
		o := w.options()
		w.must(o)
		if conf := read(t, o.Dir, "server.conf"); !strings.Contains(conf, "\ntopology "+c.want+"\n") {
			t.Errorf("%q: expected %s in\n%s", c.pool, c.want, conf)
		}
	}
}

// A directory that is not empty stays as it is.
func TestNothingOverwritten(t *testing.T) {
	w := plain(t, "")
	o := w.options()
	w.must(o)
	before := treeHash(t, o.Dir)
	if _, err := w.adopt(o); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error: %v", err)
	}
	if treeHash(t, o.Dir) != before {
		t.Error("the directory changed")
	}
}

func TestManyClients(t *testing.T) {
	w := plain(t, "")
	for i := range 10_000 {
		fmt.Fprintf(&w.index, "V\t300101000000Z\t\t%04X\tunknown\t/CN=client-%d\n", i+1, i)
	}
	w.put("easy-rsa/pki/index.txt", w.index.String())
	o := w.options()
	o.DryRun = true // what takes time besides is the disk
	began := time.Now()
	r := w.must(o)
	t.Logf("10,000 clients in %v", time.Since(began))
	if len(r.Clients) != 10_002 {
		t.Errorf("%d clients", len(r.Clients))
	}
}
