package culvert_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert"
	"culvert/role/event"
	"culvert/role/server"
)

// pair is a server and a client of it.
func pair(t *testing.T, o culvert.Options) (*culvert.Server, *culvert.Tunnel) {
	t.Helper()
	o.Trusted = true
	s, err := culvert.Listen(t.Context(), configuration(), &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c, err := culvert.Dial(within(t, 20*time.Second), profileFor(s.Addr()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestBothWays: each end reaches what the other listens on, over TCP and UDP.
func TestBothWays(t *testing.T) {
	s, c := pair(t, culvert.Options{})
	type end interface {
		Listen(network, address string) (net.Listener, error)
		ListenPacket(network, address string) (net.PacketConn, error)
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
	for name, way := range map[string][2]end{"to the server": {c, s}, "to the client": {s, c}} {
		l, err := way[1].Listen("tcp", ":7")
		if err != nil {
			t.Fatal(name, err)
		}
		go func() {
			conn, err := l.Accept()
			if err == nil {
				io.Copy(conn, conn)
				conn.Close()
			}
		}()
		u, err := way[1].ListenPacket("udp6", ":7")
		if err != nil {
			t.Fatal(name, err)
		}
		go func() {
			b := make([]byte, 100)
			if n, from, err := u.ReadFrom(b); err == nil {
				u.WriteTo(b[:n], from)
			}
		}()
		for network, to := range map[string]string{"tcp": l.Addr().String(), "udp": u.LocalAddr().String()} {
			conn, err := way[0].DialContext(within(t, 10*time.Second), network, to)
			if err != nil {
				t.Fatal(name, err)
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			conn.Write([]byte("echo"))
			b := make([]byte, 4)
			if _, err := io.ReadFull(conn, b); err != nil || string(b) != "echo" {
				t.Errorf("%s, %s: %q, %v", name, network, b, err)
			}
			conn.Close()
		}
	}
}

// TestPairedHosts: two hosts without a server dial each other.
func TestPairedHosts(t *testing.T) {
	ports := freePorts(t)
	secret := strings.Repeat("00112233445566778899aabbccddeeff\n", 16)
	host := func(ours, theirs int) *culvert.Tunnel {
		text := fmt.Sprintf("dev tun\nlocal 127.0.0.1\nlport %d\nremote 127.0.0.1 %d\nifconfig 10.9.0.%d 10.9.0.%d\n"+
			"allow-deprecated-insecure-static-crypto\ncipher AES-256-CBC\nauth SHA256\n<secret>\n-----BEGIN OpenVPN Static key V1-----\n%s-----END OpenVPN Static key V1-----\n</secret>\nping 1\n",
			ports[ours-1], ports[theirs-1], ours, theirs, secret)
		tunnel, err := culvert.Dial(within(t, 20*time.Second), []byte(text), nil)
		if err != nil {
			t.Error(err)
			return nil
		}
		t.Cleanup(func() { tunnel.Close() })
		return tunnel
	}
	first := make(chan *culvert.Tunnel)
	go func() { first <- host(1, 2) }()
	b := host(2, 1)
	a := <-first
	if a == nil || b == nil {
		return
	}
	l, err := a.Listen("tcp", ":7")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := b.DialContext(within(t, 10*time.Second), "tcp", "10.9.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil || accepted.RemoteAddr().String() != conn.LocalAddr().String() {
		t.Errorf("%v, %v", accepted, err)
	}
}

// TestWhoIsWho: the server knows its client by its certificate and addresses.
func TestWhoIsWho(t *testing.T) {
	s, c := pair(t, culvert.Options{})
	if got := fmt.Sprint(s.Addresses()[0], c.Addresses()[0]); got != "10.8.0.1/24 10.8.0.2/24" {
		t.Error(got)
	}
	list := s.Clients()
	if len(list) != 1 || list[0].Name != "laptop" || len(list[0].Addresses) != 2 || !list[0].Remote.Addr().IsLoopback() {
		t.Fatalf("%+v", list)
	}
	for _, p := range c.Addresses() {
		if who, ok := s.Client(p.Addr()); !ok || who.Name != "laptop" {
			t.Errorf("%v is %+v", p, who)
		}
	}
	if who, ok := s.Client(s.Addresses()[0].Addr()); ok {
		t.Errorf("the server's own address is %+v", who)
	}
}

// TestEvents: both ends hear of the tunnel that is up.
func TestEvents(t *testing.T) {
	up := make(chan string, 2)
	s, err := culvert.Listen(t.Context(), configuration(), &culvert.Options{Trusted: true, ServerEvents: func(e server.Event) {
		if e, ok := e.(server.Up); ok {
			up <- e.Name
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := culvert.Dial(within(t, 20*time.Second), profileFor(s.Addr()), &culvert.Options{Events: func(e event.Event) {
		if e, ok := e.(event.Up); ok {
			up <- e.IPv4.String()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := []string{<-up, <-up}
	slices.Sort(got)
	if want := []string{"10.8.0.2", "laptop"}; !slices.Equal(got, want) {
		t.Errorf("up: %v, expected %v", got, want)
	}
}

// TestForward: a server carries its clients on only where Options say so. The
// address is one that a forwarder refuses by itself, at once.
func TestForward(t *testing.T) {
	const metadata = "169.254.169.254:80"
	_, c := pair(t, culvert.Options{Forward: true})
	if _, err := c.DialContext(within(t, 10*time.Second), "tcp", metadata); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with Forward: %v", err)
	}
	_, c = pair(t, culvert.Options{})
	if _, err := c.DialContext(within(t, 300*time.Millisecond), "tcp", metadata); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without Forward: %v", err)
	}
}

// TestEnd: after Close nothing works, and everything says why.
func TestEnd(t *testing.T) {
	s, c := pair(t, culvert.Options{})
	l, err := c.Listen("tcp", ":7")
	if err != nil {
		t.Fatal(err)
	}
	if c.Err() != nil || s.Err() != nil {
		t.Fatal("it ended before Close:", c.Err(), s.Err())
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	<-c.Done()
	_, accept := l.Accept()
	_, dial := c.DialContext(t.Context(), "tcp", "10.8.0.1:80")
	_, listen := c.Listen("tcp", ":8")
	_, packets := c.ListenPacket("udp", ":8")
	_, lookup := c.LookupNetIP(t.Context(), "ip", "example.org")
	for what, err := range map[string]error{"Err": c.Err(), "DialContext": dial, "Listen": listen, "ListenPacket": packets, "LookupNetIP": lookup} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if accept == nil || len(c.Addresses()) > 0 {
		t.Error("something of it is left:", accept, c.Addresses())
	}
	if s.Close(); !errors.Is(s.Err(), net.ErrClosed) {
		t.Error(s.Err())
	}
}

// TestDialWithoutServer says why there is no connection, beside that ctx ended.
func TestDialWithoutServer(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	profile := append(profileFor(nobody.Addr().(*net.TCPAddr).AddrPort()), "proto tcp\n"...)
	_, err = culvert.Dial(within(t, 300*time.Millisecond), profile, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

// TestWrongWay: each kind of configuration is sent to the function for it.
func TestWrongWay(t *testing.T) {
	if _, err := culvert.Dial(t.Context(), configuration(), &culvert.Options{Trusted: true}); err == nil || !strings.Contains(err.Error(), "use Listen") {
		t.Error(err)
	}
	if _, err := culvert.Listen(t.Context(), read(files().profile), nil); err == nil || !strings.Contains(err.Error(), "use Dial") {
		t.Error(err)
	}
	var faults *culvert.ConfigError
	if _, err := culvert.Dial(t.Context(), []byte("client\nnonsense\n"), nil); !errors.As(err, &faults) || !strings.Contains(err.Error(), "profile:2") {
		t.Error(err)
	}
	if _, err := culvert.Dial(t.Context(), append(read(files().profile), "dev tap\n"...), nil); err == nil || !strings.Contains(err.Error(), "dev tun") {
		t.Error(err)
	}
}

// TestStranger: a configuration that is not trusted runs nothing, and neither
// reads nor writes a file, whatever it says.
func TestStranger(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("name\npassword\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	profile := string(read(files().profile))
	conf := inline(string(configuration()))
	for _, c := range []struct{ text, line string }{
		{profile, "script-security 2\ntls-verify /bin/true"},
		{profile, "status " + dir + "/made"},
		{profile, "capath " + dir},
		{profile, "crl-verify " + dir + " dir"},
		{profile, "auth-user-pass " + file},
		{profile, "http-proxy 127.0.0.1 8080 " + file},
		{profile, "config " + file},
		{profile, "chroot " + dir},
		{conf, "client-config-dir " + dir},
		{conf, "script-security 2\nauth-user-pass-verify /bin/true via-file"},
		{conf, "script-security 3\nauth-user-pass-verify /bin/true via-env\nclient-crresponse /bin/true"},
		{conf, "ifconfig-pool-persist " + dir + "/made"},
	} {
		text := []byte(c.text + c.line + "\n")
		open := func() (io.Closer, error) { return culvert.Dial(within(t, time.Second), text, nil) }
		if c.text == conf {
			open = func() (io.Closer, error) { return culvert.Listen(t.Context(), text, nil) }
		}
		_, err := open()
		if !errors.Is(err, culvert.ErrNotAllowed) || !strings.Contains(err.Error(), ":") {
			t.Errorf("%q: %v", c.line, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was made:", err)
	}
}

// inline is a configuration with its files in blocks, without those that are
// written.
func inline(conf string) string {
	var b strings.Builder
	for line := range strings.Lines(conf) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && filepath.IsAbs(strings.Trim(fields[1], `"`)):
			if name := fields[0]; name != "ifconfig-pool-persist" {
				fmt.Fprintf(&b, "<%s>\n%s</%[1]s>\n", name, read(strings.Trim(fields[1], `"`)))
			}
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestReadFile: what Options let a stranger's configuration have is read while it
// is parsed, and never again; a log that it names is none.
func TestReadFile(t *testing.T) {
	conf := inline(string(configuration()))
	s, err := culvert.Listen(t.Context(), []byte(conf), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	greet(s)
	made := filepath.Join(t.TempDir(), "log")
	profile := string(profileFor(s.Addr())) + "auth-user-pass login\nauth-nocache\nlog " + made + "\n"
	var asked []string
	o := culvert.Options{ReadFile: func(name string) ([]byte, error) {
		asked = append(asked, name)
		return []byte("name\npassword\n"), nil
	}}
	c, err := culvert.Dial(within(t, 20*time.Second), []byte(profile), &o)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if fmt.Sprint(asked) != "[login]" {
		t.Error("read:", asked)
	}
	if _, err := os.Stat(made); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the log was made:", err)
	}
}

// freePorts are two UDP ports of loopback that nobody has.
func freePorts(t *testing.T) (ports [2]int) {
	t.Helper()
	for i := range ports {
		l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.LocalAddr().(*net.UDPAddr).Port
	}
	return ports
}
