//go:build interop

package interop

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"

	"culvert/operate/doctor"
	"culvert/operate/setup"
)

// ward is a client's host and a server's on a wire, each with what belongs to it. Before
// the server starts, a fault may be planted in any of it.
type ward struct {
	*testing.T
	client, server *netns
	wire           wire
	dir            string // the server's
	ca             *pki.Authority
	conf, profile  string // the texts, as they are written before the server starts
	serve          string // who serves: "stock", "ahead" (stock, with a clock that is), "ours" or "" for nobody
	around         []string
	after          func() // is done when the server is up
	program        string // that examines, where it is not the one of all; for those who may not run that
}

// pushes are the lines of server.conf that a test adds itself where it needs them.
var pushes = regexp.MustCompile(`(?m)^push .*\n`)

func newWard(t *testing.T) *ward {
	l := newLab(t)
	w := &ward{T: t, client: l.host("c"), server: l.host("s"), serve: "stock"}
	w.wire = l.join(w.client, w.server)
	w.dir = filepath.Join(w.server.dir, "vpn")
	now := time.Now()
	if _, err := setup.Init(setup.InitOptions{Dir: w.dir, Host: w.wire.b4.String(), User: "nobody", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	text, err := setup.AddClient(setup.ClientOptions{Dir: w.dir, Name: "laptop", Now: now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w.profile = string(text)
	w.conf = pushes.ReplaceAllString(w.read("server.conf"), "")
	if w.ca, err = pki.LoadAuthority([]byte(w.read("ca.crt")), []byte(w.read("ca.key"))); err != nil {
		t.Fatal(err)
	}
	w.server.ip("route", "add", "default", "via", w.wire.a4.String())
	return w
}

// read reads a file of the server's directory, and write replaces it.
func (w *ward) read(name string) string {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return string(text)
}

func (w *ward) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// edit replaces a part of a text, which must be in it.
func (w *ward) edit(text *string, from, to string) {
	w.Helper()
	if !strings.Contains(*text, from) {
		w.Fatalf("%q is not in\n%s", from, *text)
	}
	*text = strings.Replace(*text, from, to, 1)
}

// present has the server show another certificate.
func (w *ward) present(p pki.Pair, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	w.write("server.crt", string(p.CertPEM))
	w.write("server.key", string(p.KeyPEM))
}

// carry gives the profile another certificate and key.
func (w *ward) carry(p pki.Pair, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	w.block("cert", string(p.CertPEM))
	w.block("key", string(p.KeyPEM))
}

// block replaces a block of the profile.
func (w *ward) block(name, text string) {
	w.profile = regexp.MustCompile(`(?s)<`+name+`>.*</`+name+`>\n`).ReplaceAllString(w.profile, "")
	if text != "" {
		w.profile += "<" + name + ">\n" + strings.TrimSpace(text) + "\n</" + name + ">\n"
	}
}

// armour has both sides use another protection of the control channel.
func (w *ward) armour(server, client, key string) {
	w.conf = regexp.MustCompile(`(?m)^tls-crypt-v2 .*\n`).ReplaceAllString(w.conf, server+"\n")
	w.block("tls-crypt-v2", "")
	kind, rest, _ := strings.Cut(client, "\n")
	w.profile += rest + "\n"
	if kind != "" {
		w.block(kind, key)
	}
}

// tcp has both sides use TCP.
func (w *ward) tcp() {
	w.edit(&w.conf, "proto udp", "proto tcp-server")
	w.conf = strings.ReplaceAll(w.conf, "explicit-exit-notify 1\n", "")
	w.edit(&w.profile, "proto udp", "proto tcp")
	w.profile = strings.ReplaceAll(w.profile, "explicit-exit-notify 1\n", "")
}

// begin writes the texts and starts the server.
func (w *ward) begin() {
	w.Helper()
	w.write("server.conf", w.conf)
	file := filepath.Join(w.dir, "server.conf")
	switch w.serve {
	case "stock":
		w.server.start("stock server", "openvpn", "--config", file, "--verb", "3").up()
	case "ahead":
		w.server.start("stock server", shifted(time.Hour).command(w, file, "")...).up()
	case "ours":
		w.server.start("our server", culvert(w), "serve", "--dir", w.dir, "--state-dir", filepath.Join(w.server.dir, "state")).up()
	}
}

// examine has the doctor look, on the client's host or the server's.
func (w *ward) examine(server bool, more ...string) *doctor.Report {
	w.Helper()
	host, run := w.client, cmp.Or(w.program, culvert(w))
	argv := []string{run, "doctor", "--json", "--state-dir", filepath.Join(host.dir, "state"), w.client.file("laptop.ovpn", w.profile)}
	if server {
		host = w.server
		argv = []string{run, "doctor", "--json", "--state-dir", filepath.Join(host.dir, "state"), "--dir", w.dir}
	}
	argv = host.exec(append(append(slices.Clone(w.around), argv...), more...))
	cmd := exec.Command(argv[0], argv[1:]...)
	var out, failed bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = environment(), host.dir, &out, &failed
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	w.Logf("the doctor took %v", took.Round(time.Millisecond))
	if took > 2*doctor.Limit {
		w.Errorf("the doctor took %v", took)
	}
	r := new(doctor.Report)
	if jsonErr := json.Unmarshal(out.Bytes(), r); jsonErr != nil {
		w.Fatalf("the doctor's answer: %v, %v\n%s%s", err, jsonErr, &out, &failed)
	}
	status := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	}
	if status != r.Exit() {
		w.Errorf("exit status %d, and the report stands for %d", status, r.Exit())
	}
	return r
}

// unwell are the checks that found a problem or a warning that is not mended.
func unwell(r *doctor.Report) (list []string) {
	for _, c := range r.Results {
		if c.Outcome == doctor.Unwell {
			list = append(list, c.Check)
		}
	}
	return list
}

// findings prints what a report says, for messages.
func findings(r *doctor.Report) string {
	var b bytes.Buffer
	for _, c := range r.Results {
		_ = c.Print(&b)
	}
	return b.String()
}

// byLine has the lines of a host's state in an order of their own: the kernel's follows
// from when each was added. The route for multicast comes a moment after an address.
func byLine(state string) string {
	lines := slices.DeleteFunc(strings.Split(state, "\n"), func(l string) bool { return strings.HasPrefix(l, "multicast ff00::/8") })
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestDoctorHealthy: the doctor finds nothing where nothing is wrong, says what it saw,
// and leaves the hosts as they were.
func TestDoctorHealthy(t *testing.T) {
	t.Parallel()
	for _, serve := range []string{"stock", "ours", ""} {
		t.Run(cmp.Or(serve, "no")+" server", func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			w.serve = serve
			w.conf += "push \"redirect-gateway def1 ipv6\"\npush \"dhcp-option DNS 10.8.0.1\"\n"
			if serve == "stock" {
				w.server.forward()
				w.server.nft("table inet vpn { chain post { type nat hook postrouting priority srcnat; masquerade; }; }")
			}
			w.begin()
			before := byLine(w.client.state())
			if serve != "" {
				w.server.nameServer(netip.MustParseAddr("10.8.0.1"))
				if r := w.examine(false); len(unwell(r)) > 0 || r.Exit() != 0 {
					t.Errorf("client:\n%s", findings(r))
				} else {
					for _, c := range r.Results {
						if c.Outcome != doctor.Well {
							t.Errorf("client: %s: %s %s", c.Check, c.Outcome, c.Why)
						}
					}
				}
			}
			if after := byLine(w.client.state()); after != before {
				t.Errorf("the client's host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
			}
			before = byLine(w.server.state())
			if r := w.examine(true, "--fix"); len(unwell(r)) > 0 || r.Exit() != 0 {
				t.Errorf("server:\n%s", findings(r))
			}
			if after := byLine(w.server.state()); after != before {
				t.Errorf("the server's host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestDoctor: each fault that is planted is named with what mends it, and nothing else
// is found. --fix mends those that it claims to.
func TestDoctor(t *testing.T) {
	t.Parallel()
	onClient := slices.Concat(clientAilments, killSwitchAilments(false), besideAilments(false))
	all := slices.Concat(onClient, serverAilments, killSwitchAilments(true), besideAilments(true))
	page := newDoctorPage(t, len(all))
	for i, a := range all {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			after := a.plant(w)
			w.begin()
			if after != nil {
				after()
			}
			onServer := i >= len(onClient)
			f := w.diagnosed(a, w.examine(onServer))
			if f == nil {
				return
			}
			page.saw(i, doctorLine(a, onServer, f))
			if a.fixed {
				w.fixed(a, onServer)
			}
		})
	}
}

// diagnosed returns the finding of a fault, if it is as it should be and alone.
func (w *ward) diagnosed(a ailment, r *doctor.Report) *doctor.Finding {
	w.Helper()
	want := append([]string{a.check}, a.also...)
	for _, c := range unwell(r) {
		if !slices.Contains(want, c) {
			w.Errorf("%s is unwell, too:\n%s", c, findings(r))
		}
	}
	for _, c := range r.Results {
		for _, f := range c.Findings {
			if c.Check == a.check && f.Severity != doctor.Note && regexp.MustCompile(a.says).MatchString(f.Text) {
				if !regexp.MustCompile(a.mend).MatchString(f.Mend) {
					w.Errorf("it is to be mended by %q, want %q", f.Mend, a.mend)
				}
				return &f
			}
		}
	}
	w.Errorf("%s says nothing like %q:\n%s", a.check, a.says, findings(r))
	return nil
}

// fixed has the doctor mend a fault, and looks again.
func (w *ward) fixed(a ailment, onServer bool) {
	w.Helper()
	r := w.examine(onServer, "--fix")
	for _, c := range r.Results {
		for _, f := range c.Findings {
			if c.Check == a.check && f.Severity != doctor.Note && (f.Fixed == "" || f.Undo == "" || f.FixFailed != "") {
				w.Errorf("not mended: %+v", f)
			}
		}
	}
	if again := w.examine(onServer); len(unwell(again)) > 0 {
		w.Errorf("after --fix:\n%s\nwhich had said:\n%s", findings(again), findings(r))
	}
}
