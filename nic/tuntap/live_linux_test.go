//go:build interop

package tuntap

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
	"culvert/nic"
)

// These tests need root. Each runs in a network namespace of its own, which
// goes with its thread.

func TestMain(m *testing.M) {
	if unix.Geteuid() != 0 {
		panic("the interop tests need root")
	}
	m.Run()
}

// namespace moves the test's goroutine to a network namespace of its own. Its
// thread is never unlocked, so that the runtime ends both.
func namespace(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o Options) *Device {
	t.Helper()
	d, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// up gives the device 10.9.0.1/24 and brings it up.
func up(t testing.TB, name string) {
	t.Helper()
	addr := netip.MustParseAddr("10.9.0.1").As4()
	mask := [4]byte{255, 255, 255, 0}
	steps := []struct {
		request uint
		set     func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(addr[:]) }},
		{unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(mask[:]) }},
		{unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	}
	for _, s := range steps {
		ifr, err := unix.NewIfreq(name)
		if err == nil {
			err = s.set(ifr)
		}
		if err == nil {
			err = ioctl(s.request, ifr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// udpSocket is bound to 10.9.0.1:5000 in this namespace.
func udpSocket(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: 5000, Addr: [4]byte{10, 9, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	tv := unix.Timeval{Sec: 5}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		t.Fatal(err)
	}
	return fd
}

// reversed turns an IPv4 UDP packet into one from its receiver to its sender.
// The checksums stay right, being sums.
func reversed(b []byte) []byte {
	r := append([]byte(nil), b...)
	copy(r[12:16], b[16:20])
	copy(r[16:20], b[12:16])
	copy(r[20:22], b[22:24])
	copy(r[22:24], b[20:22])
	return r
}

// readUDP reads until there are n UDP packets; the kernel sends others of its
// own, such as router solicitations.
func readUDP(t testing.TB, d *Device, n int) (packets [][]byte) {
	t.Helper()
	batch := buf.NewBatch(16, buf.DefaultSize)
	for len(packets) < n {
		got, err := d.ReadBatch(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range batch[:got] {
			if b := p.Bytes(); b[0]>>4 == 4 && b[9] == unix.IPPROTO_UDP {
				packets = append(packets, append([]byte(nil), b...))
			}
		}
	}
	return packets
}

func TestPacketsCrossDevice(t *testing.T) {
	namespace(t)
	d := open(t, Options{Name: "tun", MTU: 1400})
	if d.Name() != "tun0" || d.MTU() != 1400 {
		t.Errorf("opened %s with MTU %d", d.Name(), d.MTU())
	}
	if mtu, err := getMTU("tun0"); mtu != 1400 {
		t.Errorf("MTU %d, %v", mtu, err)
	}
	up(t, d.Name())
	sock := udpSocket(t)
	to := &unix.SockaddrInet4{Port: 7, Addr: [4]byte{10, 9, 0, 2}}
	for i := range 4 {
		if err := unix.Sendto(sock, fmt.Append(nil, "hello ", i), 0, to); err != nil {
			t.Fatal(err)
		}
	}
	in := buf.NewBatch(5, buf.DefaultSize)
	for i, b := range readUDP(t, d, 4) {
		in[i].Set(reversed(b))
	}
	in[4].Set(in[3].Bytes())
	in[1].Bytes()[0] = 0xf0 // no IP version: the kernel refuses it
	n, err := d.WriteBatch(in)
	if n != 4 || !errors.Is(err, unix.EINVAL) || d.Stats().Refused != 1 {
		t.Errorf("WriteBatch: %d, %v; %+v", n, err, d.Stats())
	}
	b := make([]byte, 100)
	for _, want := range []string{"hello 0", "hello 2", "hello 3", "hello 3"} {
		n, _, err := unix.Recvfrom(sock, b, 0)
		if err != nil || string(b[:n]) != want {
			t.Errorf("the echo of %q: %q, %v", want, b[:max(n, 0)], err)
		}
	}
}

func TestNextFreeName(t *testing.T) {
	namespace(t)
	for _, c := range []struct{ name, want string }{
		{"", "tun0"}, {"tun", "tun1"}, {"tun7", "tun7"}, {"myvpn", "myvpn"}, {"vpn%d", "vpn0"},
	} {
		if d := open(t, Options{Name: c.name}); d.Name() != c.want || d.MTU() != 1500 {
			t.Errorf("Open(%q) gave %s, MTU %d; want %s, 1500", c.name, d.Name(), d.MTU(), c.want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	namespace(t)
	open(t, Options{Name: "tun0"})
	for _, c := range []struct {
		o     Options
		cause error
	}{
		{Options{Name: "tun0"}, ErrBusy},
		{Options{Name: "lo"}, ErrKind},
		{Options{Name: "much-too-long-a-name"}, ErrName},
		{Options{Name: "tun1", MTU: 12}, unix.EINVAL},
	} {
		if d, err := Open(c.o); !errors.Is(err, c.cause) {
			t.Errorf("Open(%+v): %v, %v; want %v", c.o, d, err, c.cause)
		}
	}
	if exists("tun1") {
		t.Error("a device was left behind by a failed Open")
	}
}

func TestRemovedDevice(t *testing.T) {
	namespace(t)
	name, err := Persist(nic.IP, "tun4", -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, Options{Name: name})
	if err := Remove(name); !errors.Is(err, ErrBusy) {
		t.Errorf("Remove while open: %v", err)
	}
	failed := make(chan error)
	go func() {
		_, err := d.ReadBatch(buf.NewBatch(1, 100))
		failed <- err
	}()
	removeByNetlink(t, name)
	if err := <-failed; !errors.Is(err, ErrRemoved) || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("pending read: %v", err)
	}
	batch := buf.NewBatch(1, 100)
	batch[0].Set([]byte{0x45})
	if _, err := d.WriteBatch(batch); !errors.Is(err, ErrRemoved) {
		t.Errorf("write: %v", err)
	}
}

// removeByNetlink does what `ip link delete` does.
func removeByNetlink(t *testing.T, name string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		err = ioctl(unix.SIOCGIFINDEX, ifr)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := make([]byte, unix.NLMSG_HDRLEN+unix.SizeofIfInfomsg)
	m[0] = byte(len(m))
	m[4] = unix.RTM_DELLINK
	m[6] = unix.NLM_F_REQUEST | unix.NLM_F_ACK
	m[unix.NLMSG_HDRLEN+4] = byte(ifr.Uint32())
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := unix.Recvfrom(fd, make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	if exists(name) {
		t.Fatal("still there")
	}
}

// asUser makes this thread one of an ordinary user without capabilities, and
// leaves it so.
func asUser(t *testing.T, uid int) {
	t.Helper()
	// The raw calls change this thread alone.
	for _, c := range [][2]uintptr{{unix.SYS_SETGROUPS, 0}, {unix.SYS_SETRESGID, uintptr(uid)}, {unix.SYS_SETRESUID, uintptr(uid)}} {
		var a, b, d uintptr
		if c[0] != unix.SYS_SETGROUPS {
			a, b, d = c[1], c[1], c[1]
		}
		if _, _, errno := unix.RawSyscall(c[0], a, b, d); errno != 0 {
			t.Fatal(errno)
		}
	}
}

// nodeWithMode mounts, for this thread alone, a driver node of that mode; 0 means none.
func nodeWithMode(t *testing.T, mode uint32) {
	t.Helper()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	if mode == 0 {
		return
	}
	if err := unix.Mknod(defaultNode, unix.S_IFCHR, int(unix.Mkdev(10, 200))); err != nil {
		t.Fatal(err)
	}
	if err := unix.Chmod(defaultNode, mode); err != nil {
		t.Fatal(err)
	}
}

func TestPersistentDeviceWithoutRoot(t *testing.T) {
	namespace(t)
	nodeWithMode(t, 0o666)
	const me = 65534
	for name, owner := range map[string]int{"mine": me, "theirs": 1234} {
		if got, err := Persist(nic.IP, name, owner, -1); got != name || err != nil {
			t.Fatal(got, err)
		}
	}
	if err := Remove("absent"); !errors.Is(err, ErrNoDevice) {
		t.Errorf("Remove of what is not there: %v", err)
	}
	asUser(t, me)
	for range 2 {
		d := open(t, Options{Name: "mine", MTU: 1500})
		if d.Name() != "mine" {
			t.Errorf("opened %s", d.Name())
		}
		d.Close()
	}
	for _, c := range []struct {
		o     Options
		cause error
		mend  string
	}{
		{Options{Name: "mine", MTU: 1400}, ErrDenied, "ip link set dev mine mtu 1400"},
		{Options{Name: "theirs"}, ErrNotOwner, "--userspace"},
		{Options{Name: "tun"}, ErrDenied, "--userspace"},
	} {
		if _, err := Open(c.o); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.mend) {
			t.Errorf("Open(%+v): %v; want %v and %q", c.o, err, c.cause, c.mend)
		}
	}
	if err := Remove("mine"); err != nil || exists("mine") {
		t.Errorf("Remove: %v", err)
	}
}

// TestPersistentTap: a device is of the kind it was made, and Remove asks for
// none.
func TestPersistentTap(t *testing.T) {
	namespace(t)
	if got, err := Persist(nic.Ethernet, "tap", -1, -1); got != "tap0" || err != nil {
		t.Fatal(got, err)
	}
	if _, err := Open(Options{Name: "tap0"}); !errors.Is(err, ErrKind) {
		t.Errorf("opened as a tun device: %v", err)
	}
	d := open(t, Options{Kind: nic.Ethernet, Name: "tap0"})
	if d.Kind() != nic.Ethernet {
		t.Errorf("of kind %v", d.Kind())
	}
	d.Close()
	if err := Remove("tap0"); err != nil {
		t.Error(err)
	}
	if exists("tap0") {
		t.Error("it is still there")
	}
}

func TestNodeErrors(t *testing.T) {
	for _, c := range []struct {
		mode  uint32
		cause error
	}{{0o600, ErrNodeDenied}, {0, ErrNoDriver}} {
		done := make(chan error)
		go func() {
			namespace(t)
			nodeWithMode(t, c.mode)
			asUser(t, 65534)
			_, err := Open(Options{})
			done <- err
		}()
		if err := <-done; !errors.Is(err, c.cause) {
			t.Errorf("a node of mode %o: %v; want %v", c.mode, err, c.cause)
		}
	}
}

func TestMultiQueueDevice(t *testing.T) {
	namespace(t)
	fd, err := unix.Open(defaultNode, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := setIff(fd, "mq0", driverFlags(nic.IP)|unix.IFF_MULTI_QUEUE); err != nil {
		t.Fatal(err)
	}
	if err := persist(fd, -1, -1); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if d := open(t, Options{Name: "mq0"}); d.Name() != "mq0" {
		t.Errorf("opened %s", d.Name())
	}
}

func TestQueues(t *testing.T) {
	namespace(t)
	d := open(t, Options{Name: "many0", Queues: 3})
	if n := len(d.Queues()); n != 3 {
		t.Errorf("%d queues", n)
	}
	for _, queues := range []int{1, 3} {
		if other, err := Open(Options{Name: "many0", Queues: queues}); !errors.Is(err, ErrBusy) {
			t.Errorf("shared with somebody who asks for %d: %v, %v", queues, other, err)
		}
	}
	d.Close()
	if _, err := d.Queues()[2].ReadBatch(buf.NewBatch(1, 100)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read from a queue after Close: %v", err)
	}
	if _, err := Persist(nic.IP, "single0", -1, -1); err != nil {
		t.Fatal(err)
	}
	if n := len(open(t, Options{Name: "single0", Queues: 3}).Queues()); n != 1 {
		t.Errorf("%d queues of a device made for one", n)
	}
}

// A flow's packets come by the queue that its answers were written to.
func TestQueuesFollowFlows(t *testing.T) {
	namespace(t)
	d := open(t, Options{Queues: 4})
	up(t, d.Name())
	type arrival struct {
		queue  int
		packet []byte
	}
	arrivals := make(chan arrival, 100)
	for i, q := range d.Queues() {
		go func() {
			batch := buf.NewBatch(1, buf.DefaultSize)
			for {
				n, err := q.ReadBatch(batch)
				if err != nil {
					return
				}
				if b := batch[0].Bytes(); n == 1 && b[0]>>4 == 4 && b[9] == protocolUDP {
					arrivals <- arrival{i, bytes.Clone(b)}
				}
			}
		}()
	}
	sock := udpSocket(t)
	for i, q := range d.Queues() {
		send := func() arrival {
			if err := unix.Sendto(sock, []byte("question"), 0, &unix.SockaddrInet4{Port: 7000 + i, Addr: [4]byte{10, 9, 0, 2}}); err != nil {
				t.Fatal(err)
			}
			return <-arrivals
		}
		if n, err := q.WriteBatch(batchOf(reversed(send().packet))); n != 1 {
			t.Fatal(n, err)
		}
		if got := send(); got.queue != i {
			t.Errorf("answered by queue %d, and the next came by %d", i, got.queue)
		}
	}
}

func BenchmarkDeviceRead(b *testing.B) {
	namespace(b)
	d := open(b, Options{})
	up(b, d.Name())
	sock := udpSocket(b)
	to := &unix.SockaddrInet4{Port: 7, Addr: [4]byte{10, 9, 0, 2}}
	payload := make([]byte, 1372)
	batch := buf.NewBatch(64, buf.DefaultSize)
	b.SetBytes(64 * 1400)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for range 64 {
			if err := unix.Sendto(sock, payload, 0, to); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if _, err := d.ReadBatch(batch); err != nil {
			b.Fatal(err)
		}
	}
}
