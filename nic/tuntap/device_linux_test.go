package tuntap

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
	"culvert/nic"
)

// sockets is a pair of them. As with the driver of a TUN device, a system call
// moves one packet.
func sockets(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// deviceOn takes over fd.
func deviceOn(t testing.TB, fd int) *Device {
	t.Helper()
	d, err := newDevice(nic.IP, fd, "test0", 1500, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// socketDevice is a device and the socket in its driver's place.
func socketDevice(t testing.TB) (d *Device, driver int) {
	t.Helper()
	fd, driver := sockets(t)
	t.Cleanup(func() { unix.Close(driver) })
	return deviceOn(t, fd), driver
}

// devicePair is two devices, each the other's driver.
func devicePair(t testing.TB) (a, b *Device) {
	t.Helper()
	x, y := sockets(t)
	return deviceOn(t, x), deviceOn(t, y)
}

func send(t testing.TB, fd int, packets ...string) {
	t.Helper()
	for _, p := range packets {
		if _, err := unix.Write(fd, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
}

func contents(batch []*buf.Packet) string {
	var s []string
	for _, p := range batch {
		s = append(s, string(p.Bytes()))
	}
	return strings.Join(s, " ")
}

func TestReadBatchDrains(t *testing.T) {
	d, driver := socketDevice(t)
	send(t, driver, "one", "two", "three", "four")
	batch := buf.NewBatch(3, 100)
	batch[0].Segment = 7
	for _, want := range []string{"one two three", "four"} {
		n, err := d.ReadBatch(batch)
		if got := contents(batch[:n]); got != want || err != nil {
			t.Fatalf("ReadBatch: %q, %v; want %q", got, err, want)
		}
	}
	if batch[0].Segment != 0 {
		t.Error("Segment left from an earlier use")
	}
	batch[0].Prepend(buf.Headroom)
}

func TestReadBatchWaits(t *testing.T) {
	d, driver := socketDevice(t)
	batch := buf.NewBatch(1, 100)
	got := make(chan string)
	go func() {
		n, _ := d.ReadBatch(batch)
		got <- contents(batch[:n])
	}()
	send(t, driver, "late")
	if s := <-got; s != "late" {
		t.Errorf("read %q", s)
	}
}

func TestReadBatchDropsOversize(t *testing.T) {
	d, driver := socketDevice(t)
	send(t, driver, "12345678", "123456789", "after")
	batch := buf.NewBatch(4, 8)
	n, err := d.ReadBatch(batch)
	if got := contents(batch[:n]); got != "12345678 after" || err != nil {
		t.Errorf("ReadBatch: %q, %v", got, err)
	}
	if s := d.Stats(); s != (Stats{Oversize: 1}) {
		t.Errorf("stats %+v", s)
	}
}

func TestWriteBatchWaitsForRoom(t *testing.T) {
	d, driver := socketDevice(t)
	batch := buf.NewBatch(500, 100) // more than the socket queues
	for i, p := range batch {
		p.Set(fmt.Append(nil, i))
	}
	done := make(chan error)
	go func() {
		n, err := d.WriteBatch(batch)
		if err == nil && n != len(batch) {
			err = fmt.Errorf("took %d", n)
		}
		done <- err
	}()
	if err := unix.SetNonblock(driver, false); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	for i := range batch {
		n, err := unix.Read(driver, b)
		if want := fmt.Append(nil, i); err != nil || !bytes.Equal(b[:n], want) {
			t.Fatalf("packet %d: %q, %v", i, b[:max(n, 0)], err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWriteBatchSkipsRefused(t *testing.T) {
	d, driver := socketDevice(t)
	var err error
	if e := d.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	}); e != nil || err != nil {
		t.Fatal(e, err)
	}
	batch := buf.NewBatch(3, 60000)
	batch[0].Set([]byte("first"))
	batch[1].Set(make([]byte, 60000))
	batch[2].Set([]byte("last"))
	n, err := d.WriteBatch(batch)
	if n != 2 || !errors.Is(err, unix.EMSGSIZE) || errors.Is(err, fs.ErrClosed) {
		t.Errorf("WriteBatch: %d, %v; want 2 and EMSGSIZE", n, err)
	}
	if s := d.Stats(); s != (Stats{Refused: 1}) {
		t.Errorf("stats %+v", s)
	}
	b := make([]byte, 100)
	for _, want := range []string{"first", "last"} {
		if n, _ := unix.Read(driver, b); string(b[:n]) != want {
			t.Errorf("got %q, want %q", b[:n], want)
		}
	}
}

func TestClose(t *testing.T) {
	d, _ := socketDevice(t)
	batch := buf.NewBatch(1, 100)
	failed := make(chan error)
	go func() {
		_, err := d.ReadBatch(batch)
		failed <- err
	}()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("pending read: %v", err)
	}
	if _, err := d.WriteBatch(buf.NewBatch(1, 10)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestErrorsTellCauses(t *testing.T) {
	for _, c := range []struct {
		err   error
		cause error
		mend  string
	}{
		{nodeError(defaultNode, unix.ENOENT), ErrNoDriver, "modprobe tun"},
		{nodeError(defaultNode, unix.ENODEV), ErrNoDriver, "modprobe tun"},
		{nodeError(defaultNode, unix.ENXIO), ErrNoDriver, "--device /dev/net/tun"},
		{nodeError(defaultNode, unix.EACCES), ErrNodeDenied, "chmod 0666 /dev/net/tun"},
		{nodeError(defaultNode, unix.EPERM), ErrNodeDenied, "--device /dev/net/tun"},
		{nodeError("/dev/other", unix.ENOENT), ErrNoDriver, "/dev/other is not there"},
		{attachError("tun7", false, unix.EPERM), ErrDenied, "--cap-add NET_ADMIN"},
		{attachError("tun%d", false, unix.EPERM), ErrDenied, "a new device"},
		{attachError("tun7", true, unix.EPERM), ErrNotOwner, "make it for your user"},
	} {
		if !errors.Is(c.err, c.cause) || !strings.Contains(c.err.Error(), c.mend) {
			t.Errorf("%v: want it to wrap %q and say %q", c.err, c.cause, c.mend)
		}
		if !strings.Contains(c.err.Error(), "--userspace") {
			t.Errorf("%v: names no mode without a device", c.err)
		}
	}
	for _, c := range []struct{ err, cause error }{
		{attachError("tun7", true, unix.EBUSY), ErrBusy},
		{attachError("eth0", true, unix.EINVAL), ErrKind},
		{attachError("tun7", false, unix.EINVAL), ErrName},
		{attachError("tun7", false, unix.ENOMEM), unix.ENOMEM},
	} {
		if !errors.Is(c.err, c.cause) {
			t.Errorf("%v: want it to wrap %q", c.err, c.cause)
		}
	}
}

func BenchmarkWriteRead(b *testing.B) {
	d, peer := devicePair(b)
	out, in := buf.NewBatch(8, 1500), buf.NewBatch(8, 1500)
	for _, p := range out {
		p.Set(make([]byte, 1400))
	}
	b.SetBytes(8 * 1400)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := d.WriteBatch(out); n != len(out) {
			b.Fatal(n, err)
		}
		for read := 0; read < len(out); {
			n, err := peer.ReadBatch(in)
			if err != nil {
				b.Fatal(err)
			}
			read += n
		}
	}
}

func TestBatchesDoNotAllocate(t *testing.T) {
	d, peer := devicePair(t)
	batch := buf.NewBatch(8, 1500)
	for _, p := range batch {
		p.Set([]byte("packet"))
	}
	allocs := testing.AllocsPerRun(100, func() {
		if n, err := d.WriteBatch(batch); n != 8 {
			t.Fatal(n, err)
		}
		if n, err := peer.ReadBatch(batch); n != 8 {
			t.Fatal(n, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}
