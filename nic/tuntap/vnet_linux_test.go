package tuntap

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
	"culvert/nic"
)

// vnetPair is two devices that take super-packets, each the other's driver.
func vnetPair(t testing.TB) (a, b *Device) {
	t.Helper()
	x, y := sockets(t)
	for _, fd := range []int{x, y} {
		d, err := newDevice(nic.IP, fd, "test0", 1500, newVnet(nic.IP, true))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		a, b = b, d
	}
	return a, b
}

// A batch crosses as a few super-packets, and what a reader's batch has no
// room for comes with the next.
func TestSuperPacketsCross(t *testing.T) {
	a, b := vnetPair(t)
	sent := append(tcp4().pieces(bytesUpTo(50000), 1000), udp6().pieces(bytesUpTo(9999), 900)...)
	n, err := a.WriteBatch(batchOf(sent...))
	if n != len(sent) || err != nil {
		t.Fatal(n, err)
	}
	batch := buf.NewBatch(7, 2000)
	var got [][]byte
	for len(got) < len(sent) {
		n, err := b.ReadBatch(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range batch[:n] {
			got = append(got, append([]byte(nil), p.Bytes()...))
		}
	}
	equalPackets(t, got, sent)
	if s := b.Stats(); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}

// What a batch leaves is told as waiting.
func TestWaiting(t *testing.T) {
	a, b := vnetPair(t)
	for range 3 {
		a.WriteBatch(batchOf(udp4().build([]byte("datagram"))))
	}
	batch := buf.NewBatch(1, 2000)
	for left := uint64(2); ; left-- {
		if n, err := b.ReadBatch(batch); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if waiting, room := b.Waiting(); waiting != left || room != maxWaiting {
			t.Errorf("%d wait of %d, want %d", waiting, room, left)
		}
		if left == 0 {
			return
		}
	}
}

func TestSuperPacketsOneWrite(t *testing.T) {
	fd, driver := sockets(t)
	defer unix.Close(driver)
	d, err := newDevice(nic.IP, fd, "test0", 1500, newVnet(nic.IP, true))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	payload := bytesUpTo(40000)
	if n, err := d.WriteBatch(batchOf(tcp6().pieces(payload, 1000)...)); n != 40 || err != nil {
		t.Fatal(n, err)
	}
	b := make([]byte, 1<<17)
	n, err := unix.Read(driver, b)
	if want := vnetHeaderLen + ipv6Len + tcpLen + len(timestamps) + len(payload); n != want || err != nil {
		t.Errorf("one write of %d bytes, %v; want %d", n, err, want)
	}
}

func TestMalformedSuperPacketsAreCounted(t *testing.T) {
	fd, driver := sockets(t)
	defer unix.Close(driver)
	d, err := newDevice(nic.IP, fd, "test0", 1500, newVnet(nic.IP, true))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	send(t, driver, "short", string(tcp4().buildSuper(bytesUpTo(5000), 2500)), string(make([]byte, vnetHeaderLen))+"after")
	batch := buf.NewBatch(4, 2000)
	n, err := d.ReadBatch(batch)
	if got := contents(batch[:n]); got != "after" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if s := d.Stats(); s != (Stats{Malformed: 1, Oversize: 2}) {
		t.Errorf("%+v", s)
	}
}

func TestSuperPacketsDoNotAllocate(t *testing.T) {
	a, b := vnetPair(t)
	packets := append(tcp4().pieces(bytesUpTo(20000), 1000), udp4().build([]byte("datagram")))
	out, in := batchOf(packets...), buf.NewBatch(len(packets), 2000)
	allocs := testing.AllocsPerRun(100, func() {
		out[0].Set(packets[0]) // as before it was joined
		if n, err := a.WriteBatch(out); n != len(out) {
			t.Fatal(n, err)
		}
		for n := 0; n < len(in); {
			got, err := b.ReadBatch(in)
			if err != nil {
				t.Fatal(err)
			}
			n += got
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}

// TestIdleDevicesShareRoom: what is read ahead is kept in one store for all
// devices, and an idle device holds nothing of it.
func TestIdleDevicesShareRoom(t *testing.T) {
	const devices = 40
	packet, batch := tcp4().pieces(bytesUpTo(1000), 1000), buf.NewBatch(7, 2000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range devices {
		a, b := vnetPair(t)
		if n, err := a.WriteBatch(batchOf(packet...)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := b.ReadBatch(batch); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	runtime.ReadMemStats(&after)
	// The race detector has pools drop some of what they are given.
	if each := (after.TotalAlloc - before.TotalAlloc) / devices >> 10; each > 600 {
		t.Errorf("%d KiB for each device", each)
	}
}
