//go:build interop

package tuntap

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// Two hosts, each in a namespace, behind two devices that this process joins:
//
//	left 10.9.0.1 | tun ⇄ pump ⇄ tun | 10.9.0.2 router 10.9.1.1 | veth | 10.9.1.2 right
//
// The router's veth cuts super-packets and makes checksums in software, and so
// what arrives at right is what any host would get.

// place is a network namespace.
type place int

func newPlace(t *testing.T) place {
	t.Helper()
	namespace(t)
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	run(t, "ip link set lo up")
	return place(fd)
}

// enter moves the test's goroutine, which is locked to its thread.
func (p place) enter(t *testing.T) {
	t.Helper()
	if err := unix.Setns(int(p), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, commands ...string) {
	t.Helper()
	for _, c := range commands {
		f := strings.Fields(c)
		if out, err := exec.Command(f[0], f[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", c, err, out)
		}
	}
}

// layout builds it all and returns left and right.
func layout(t *testing.T, kind nic.Kind, plain bool) (left, right place) {
	left = newPlace(t)
	a := open(t, Options{Kind: kind, Name: "tun0", MTU: 1400, Plain: plain})
	run(t, "ip addr add 10.9.0.1/24 dev tun0", "ip addr add fd09::1/64 dev tun0 nodad", "ip link set tun0 up",
		"ip route add 10.9.1.0/24 via 10.9.0.2", "ip route add fd09:1::/64 via fd09::2")
	right = newPlace(t)
	newPlace(t)
	b := open(t, Options{Kind: kind, Name: "tun0", MTU: 1400, Plain: plain})
	run(t, "ip addr add 10.9.0.2/24 dev tun0", "ip addr add fd09::2/64 dev tun0 nodad", "ip link set tun0 up",
		"ip link add veth0 type veth peer name veth1 netns "+fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(right)))
	checksumsInSoftware(t, "veth0")
	run(t, "ip addr add 10.9.1.1/24 dev veth0", "ip addr add fd09:1::1/64 dev veth0 nodad", "ip link set veth0 up",
		"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	right.enter(t)
	checksumsInSoftware(t, "veth1")
	run(t, "ip addr add 10.9.1.2/24 dev veth1", "ip addr add fd09:1::2/64 dev veth1 nodad", "ip link set veth1 up",
		"ip route add default via 10.9.1.1", "ip route add default via fd09:1::1")
	go pump(t, a, b)
	go pump(t, b, a)
	if v := a.vnet != nil && b.vnet != nil; v == plain {
		t.Errorf("super-packets: %v", v)
	}
	return left, right
}

// checksumsInSoftware turns off transmit checksums of an adapter, and with them
// segmentation (ETHTOOL_STXCSUM).
func checksumsInSoftware(t *testing.T, name string) {
	t.Helper()
	ethtool(t, name, 0x17, 0)
}

// settle waits until the kernel sends by an adapter that has just come up
// (ETHTOOL_GLINK).
func settle(t *testing.T, name string) {
	t.Helper()
	ethtool(t, name, 0x0a, 0)
}

func ethtool(t *testing.T, name string, value ...uint32) {
	t.Helper()
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value[0])}
	copy(request.name[:], name)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		t.Fatal(errno)
	}
}

// pump moves packets, and checks that they are no longer than the device's.
func pump(t *testing.T, from, to *Device) {
	size := 1400
	if from.Kind() == nic.Ethernet {
		size += frame.HeaderLen
	}
	batch := buf.NewBatch(64, size)
	for {
		n, err := from.ReadBatch(batch)
		if err != nil {
			if !errors.Is(err, fs.ErrClosed) {
				t.Error(err)
			}
			return
		}
		if _, err := to.WriteBatch(batch[:n]); errors.Is(err, fs.ErrClosed) {
			return
		}
	}
}

func TestTransfer(t *testing.T) {
	for _, kind := range []nic.Kind{nic.IP, nic.Ethernet} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, plain=%v", kind, plain), func(t *testing.T) {
				left, right := layout(t, kind, plain)
				for _, addr := range []string{"10.9.1.2", "fd09:1::2"} {
					transferTCP(t, left, right, addr)
					transferUDP(t, left, right, addr)
				}
			})
		}
	}
}

// transferTCP sends both ways through one connection at the same time.
func transferTCP(t *testing.T, left, right place, addr string) {
	const size = 24 << 20
	right.enter(t)
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	left.enter(t)
	near, err := net.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	sums := make(chan string, 4)
	for i, c := range []net.Conn{near, far} {
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() { sums <- sendStream(c.(*net.TCPConn), uint64(i), size) }()
		go func() {
			h := sha256.New()
			n, err := io.Copy(h, c)
			sums <- fmt.Sprintf("stream %d: %d bytes %x %v", 1-i, n, h.Sum(nil), err)
		}()
	}
	seen := map[string]int{}
	for range 4 {
		seen[<-sums]++
	}
	for s, n := range seen {
		if n != 2 {
			t.Errorf("%s: sent or received only: %s", addr, s)
		}
	}
}

// sendStream writes pieces of odd sizes and says what the receiver should say.
func sendStream(c *net.TCPConn, seed uint64, size int) string {
	r, h := rand.New(rand.NewPCG(seed, 0)), sha256.New()
	b := make([]byte, 200_000)
	sent := 0
	for sent < size {
		piece := b[:1+r.IntN(len(b)-1)]
		for i := 0; i+8 < len(piece); i += 511 {
			piece[i] = byte(r.Uint32())
		}
		h.Write(piece)
		n, err := c.Write(piece)
		if sent += n; err != nil {
			return err.Error()
		}
	}
	return fmt.Sprintf("stream %d: %d bytes %x %v", seed, sent, h.Sum(nil), c.CloseWrite())
}

// transferUDP sends datagrams in runs (UDP_SEGMENT) of several sizes, one run
// after the other has arrived.
func transferUDP(t *testing.T, left, right place, addr string) {
	right.enter(t)
	far, err := net.ListenPacket("udp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	left.enter(t)
	near, err := net.Dial("udp", far.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	if err := far.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, segment := range []int{1, 100, 777, 1300} {
		raw, err := near.(*net.UDPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, segment) })
		if e != nil || err != nil {
			t.Fatal(e, err)
		}
		payload := bytesUpTo(20*segment + (segment+1)/2)
		if _, err := near.Write(payload); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 2000)
		for at := 0; at < len(payload); {
			n, _, err := far.ReadFrom(b)
			want := payload[at:min(at+segment, len(payload))]
			if err != nil || string(b[:n]) != string(want) {
				t.Fatalf("%s: datagram of %d at %d: %d bytes, %v", addr, segment, at, n, err)
			}
			at += n
		}
	}
}

// features are what the kernel may hand to the device undone.
func features(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("ethtool", "-k", name).CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	return string(out)
}

// Whoever opens a persistent device after us gets packets it can read.
func TestPersistentDeviceIsLeftPlain(t *testing.T) {
	namespace(t)
	if _, err := Persist(nic.IP, "keep0", -1, -1); err != nil {
		t.Fatal(err)
	}
	const on, off = "tcp-segmentation-offload: on", "tcp-segmentation-offload: off"
	d := open(t, Options{Name: "keep0"})
	if f := features(t, "keep0"); !strings.Contains(f, on) {
		t.Errorf("open: %s", f)
	}
	d.Close()
	if f := features(t, "keep0"); !strings.Contains(f, off) {
		t.Errorf("closed: %s", f)
	}
	// As after a kill.
	fd, _, _, err := (&Options{Node: defaultNode}).attach("keep0")
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	open(t, Options{Name: "keep0", Plain: true})
	if f := features(t, "keep0"); !strings.Contains(f, off) {
		t.Errorf("plain: %s", f)
	}
}
