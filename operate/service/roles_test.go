package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/process"
	"culvert/operate/logs"
	"culvert/operate/manage"
)

// working is a life with real roles in user space.
type working struct {
	*life
	t       *testing.T
	written lines
	events  chan process.Event
	ended   chan error
}

// work runs a configuration until its end is asked for.
func work(t *testing.T, name, text string, o Options) *working {
	t.Helper()
	load := func() (*config.Config, error) { return config.ParseFile(name, []byte(text), os.ReadFile) }
	w := &working{life: newLife(Self{}, load, o), t: t, events: make(chan process.Event), ended: make(chan error, 1)}
	w.newLog = func(*config.Config, bool, Options) *log {
		l := &log{levels: new(logs.Levels)}
		l.Logger = slog.New(slog.NewTextHandler(&w.written, nil))
		return l
	}
	go func() { w.ended <- w.run(context.Background(), w.events) }()
	return w
}

// until waits for some words in the log.
func (w *working) until(words string) {
	w.t.Helper()
	for late := time.After(time.Minute); ; {
		changed := w.written.next()
		if strings.Contains(w.written.text(), words) {
			return
		}
		select {
		case <-changed:
		case err := <-w.ended:
			w.t.Fatalf("ended: %v\n%s", err, w.written.text())
		case <-late:
			w.t.Fatalf("no %q in\n%s", words, w.written.text())
		}
	}
}

// exit ends it as a signal does.
func (w *working) exit() {
	w.t.Helper()
	w.events <- process.Exit
	if err := <-w.ended; err != nil {
		w.t.Errorf("%v\n%s", err, w.written.text())
	}
}

// freePort is one of 127.0.0.1 for UDP.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func block(name string, text []byte) string { return fmt.Sprintf("<%s>\n%s</%s>\n", name, text, name) }

// TestServeAndConnect: a server and a client at work in this process, and as the
// command line sees them.
func TestServeAndConnect(t *testing.T) {
	now, dir, port := time.Now(), t.TempDir(), freePort(t)
	authority, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	own, err := authority.IssueServer(rand.Reader, now, "server", 0)
	anna, err2 := authority.IssueClient(rand.Reader, now, "anna", 0)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	keys := func(p pki.Pair) string {
		return block("ca", authority.CertPEM()) + block("cert", p.CertPEM) + block("key", p.KeyPEM)
	}
	s := work(t, "server.conf", fmt.Sprintf("local 127.0.0.1\nport %d\nserver 10.8.0.0 255.255.255.0\ndev tun\n", port)+keys(own),
		Options{UserSpace: true, StateDir: dir, Invite: "make it a profile"})
	s.until("make it a profile")
	s.until("serving in user space")
	c := work(t, "anna.ovpn", fmt.Sprintf("client\ndev tun\nremote 127.0.0.1 %d\nremote-cert-tls server\nexplicit-exit-notify 1\n", port)+keys(anna),
		Options{UserSpace: true, StateDir: dir, SOCKS: "127.0.0.1:0", HTTP: "127.0.0.1:0"})
	c.until("Initialization Sequence Completed")
	c.until("proxy ready")
	if got := names(t, dir); got != "[client-tun server-tun]" {
		t.Errorf("found %s", got)
	}
	asked, err := manage.Dial(dir, "", "server-tun")
	if err != nil {
		t.Fatal(err)
	}
	if status, err := asked.Status(t.Context()); err != nil || len(status.Peers) != 1 || status.Peers[0].Name != "anna" {
		t.Errorf("%+v, %v", status, err)
	}
	s.events <- process.Status
	s.until("Common Name,Real Address")
	c.events <- process.Reload
	c.until("and nothing changed: sessions go on")
	s.events <- process.Reload
	s.until("and nothing changed: sessions go on")
	s.events <- process.Status
	c.exit()
	s.exit()
	if got := names(t, dir); got != "[]" {
		t.Errorf("left: %s", got)
	}
}

// TestAskedWhileConnecting: a client in user space that has not reached its server yet is
// found by the command line, and ended by it.
func TestAskedWhileConnecting(t *testing.T) {
	now, dir := time.Now(), t.TempDir()
	authority, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	anna, err := authority.IssueClient(rand.Reader, now, "anna", 0)
	if err != nil {
		t.Fatal(err)
	}
	keys := block("ca", authority.CertPEM()) + block("cert", anna.CertPEM) + block("key", anna.KeyPEM)
	c := work(t, "anna.ovpn", fmt.Sprintf("client\ndev tun\nremote 127.0.0.1 %d\nremote-cert-tls server\n", freePort(t))+keys,
		Options{UserSpace: true, StateDir: dir, SOCKS: "127.0.0.1:0"})
	c.until("connecting")
	asked, err := manage.Dial(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if status, err := asked.Status(t.Context()); err != nil || status.Role != "client" || asked.Name() != "client-tun" {
		t.Errorf("%s: %+v, %v", asked.Name(), status, err)
	}
	if err := asked.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
}

// TestStatusOfHost: SIGUSR2 writes down what one of two hosts is doing.
func TestStatusOfHost(t *testing.T) {
	key := "-----BEGIN OpenVPN Static key V1-----\n" + strings.Repeat(strings.Repeat("5a", 16)+"\n", 16) + "-----END OpenVPN Static key V1-----\n"
	h := work(t, "a.conf", "dev null\nproto udp\nnobind\nremote 127.0.0.1 9\nifconfig 10.8.0.1 10.8.0.2\ncipher AES-256-CBC\nallow-deprecated-insecure-static-crypto\n"+block("secret", []byte(key)),
		Options{StateDir: t.TempDir()})
	h.events <- process.Status
	h.until("TUN/TAP read bytes")
	h.exit()
}

// TestRefusedBeforeOpening: what cannot be carried out is said before anything is
// opened.
func TestRefusedBeforeOpening(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		text, want string
		o          Options
	}{
		{"client\ndev tap\nremote 127.0.0.1\nca x\nauth-user-pass\n", "write dev tun on both sides", Options{UserSpace: true}},
		{"server 10.8.0.0 255.255.255.0\ndev tun\nca x\ncert x\nkey x\n", "ca", Options{UserSpace: true}},
		{"client\ndev tun\nremote 127.0.0.1\nca x\nauth-user-pass\n", "ca", Options{UserSpace: true}},
		{"dev tun\nremote 127.0.0.1\nca x\ncert x\nkey x\ntls-client\nifconfig 10.8.0.1 10.8.0.2\n", "ca", Options{UserSpace: true}},
		{"client\ndev null\nremote 127.0.0.1\nca x\nauth-user-pass\n", "carries nothing", Options{UserSpace: true}},
		{"client\ndev null\nremote 127.0.0.1\nca x\nauth-user-pass\n", "ca", Options{}},
		{"server 10.8.0.0 255.255.255.0\ndev tun\nca x\ncert x\nkey x\n", "ca", Options{}},
	} {
		o := c.o
		o.StateDir = t.TempDir()
		load := func() (*config.Config, error) {
			return config.ParseFile("c.conf", []byte(c.text), func(string) ([]byte, error) { return []byte("-----BEGIN x"), nil })
		}
		l := newLife(Self{}, load, o)
		l.newLog = func(*config.Config, bool, Options) *log {
			return &log{levels: new(logs.Levels), Logger: slog.New(slog.DiscardHandler)}
		}
		if err := l.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.30q: %v", c.text, err)
		}
		if got := names(t, o.StateDir); got != "[]" {
			t.Errorf("left: %s", got)
		}
	}
	o := Options{SOCKS: "127.0.0.1:0", HTTP: taken.Addr().String()}
	if _, err := serveProxies(nil, o, slog.New(slog.DiscardHandler), nil); err == nil || !strings.Contains(err.Error(), "--http") {
		t.Errorf("an address that is taken: %v", err)
	}
}

// TestBlockInUserSpace: nothing is blocked there, and the log says so.
func TestBlockInUserSpace(t *testing.T) {
	for _, block := range []bool{false, true} {
		var said strings.Builder
		r := roles{log: slog.New(slog.NewTextHandler(&said, nil))}
		opened := false
		open := r.userSpace(func(context.Context, bringup.State) (*bringup.Adapter, error) {
			opened = true
			return nil, nil
		})
		want := bringup.State{State: hostnet.State{BlockOutsideDNS: block}}
		if _, err := open(t.Context(), want); err != nil || !opened {
			t.Errorf("%v, opened: %v", err, opened)
		}
		if got := strings.Contains(said.String(), "block-outside-dns has no effect in user space"); got != block {
			t.Errorf("%v: %q", block, said.String())
		}
	}
}
