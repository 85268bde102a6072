//go:build interop

package tuntap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"testing"

	"culvert/internal/buf"
	"culvert/nic/frame"
)

// wire makes a pair of adapters joined by a wire, in a network namespace of its
// own without anything that speaks by itself, and opens one.
func wire(t *testing.T) (left *Physical, right string) {
	t.Helper()
	namespace(t)
	run(t, "ip link add left type veth peer name right")
	for _, name := range []string{"left", "right"} {
		run(t, "ip link set "+name+" addrgenmode none", "ip link set "+name+" up")
	}
	settle(t, "left")
	settle(t, "right")
	return openPhysical(t, "left"), "right"
}

func openPhysical(t *testing.T, name string) *Physical {
	t.Helper()
	p, err := OpenPhysical(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// framesOf are TCP segments of one flow, which cross as one.
func framesOf(count, payload int) (frames [][]byte) {
	for _, packet := range tcp4().pieces(bytesUpTo(count*payload), payload) {
		b := frame.Header{Dst: frame.Broadcast, Src: frame.MAC{2}, Type: frame.TypeIPv4}.Append(nil)
		frames = append(frames, append(b, packet...))
	}
	return frames
}

// receiveAll reads so many frames.
func receiveAll(t *testing.T, p *Physical, count int) (frames [][]byte) {
	t.Helper()
	batch := buf.NewBatch(16, 2000)
	for len(frames) < count {
		n, err := p.ReadBatch(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range batch[:n] {
			frames = append(frames, bytes.Clone(f.Bytes()))
		}
	}
	return frames
}

func equalFrames(t *testing.T, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames arrived, expected %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("frame %d arrived as\n%x, was\n%x", i, got[i], want[i])
		}
	}
}

// TestFramesCrossTheWire as super-packets, and come out as they went in. The
// sender does not see its own.
func TestFramesCrossTheWire(t *testing.T) {
	left, name := wire(t)
	right := openPhysical(t, name)
	want := framesOf(40, 1000)
	if n, err := left.WriteBatch(batchOf(want...)); n != len(want) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	equalFrames(t, receiveAll(t, right, len(want)), want)
	if n := packetsOf(t, "right"); n != 1 {
		t.Errorf("they crossed as %d packets, expected one", n)
	}
	back := framesOf(1, 10)
	if n, err := right.WriteBatch(batchOf(back...)); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	equalFrames(t, receiveAll(t, left, 1), back)
}

// packetsOf is how many packets the adapter received.
func packetsOf(t *testing.T, name string) (n int) {
	t.Helper()
	out, err := exec.Command("ip", "-s", "-o", "link", "show", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, received, _ := strings.Cut(string(out), "RX:")
	_, received, _ = strings.Cut(received, `\`)
	var size int
	if _, err := fmt.Sscan(received, &size, &n); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return n
}

// TestTagsArrive, also those that the kernel takes off, of segments that cross
// as one included.
func TestTagsArrive(t *testing.T) {
	left, name := wire(t)
	right := openPhysical(t, name)
	want := framesOf(20, 1000)
	batch := batchOf(want...)
	for i, p := range batch {
		frame.Tag(p, 42, 5)
		want[i] = bytes.Clone(p.Bytes())
	}
	service := batchOf(framesOf(1, 100)...)
	frame.Tag(service[0], 7, 0)
	binary.BigEndian.PutUint16(service[0].Bytes()[12:], frame.TypeQinQ)
	want = append(want, bytes.Clone(service[0].Bytes()))
	if n, err := left.WriteBatch(append(batch, service...)); n != len(want) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	equalFrames(t, receiveAll(t, right, len(want)), want)
}

func TestPhysicalDoesNotAllocate(t *testing.T) {
	left, name := wire(t)
	right := openPhysical(t, name)
	frames := framesOf(8, 1000)
	batch := batchOf(frames...)
	allocs := testing.AllocsPerRun(100, func() {
		for i, b := range frames {
			batch[i].Set(b)
		}
		if n, err := left.WriteBatch(batch); n != len(batch) {
			t.Fatal(n, err)
		}
		for got := 0; got < len(batch); {
			n, err := right.ReadBatch(batch)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
}

func TestPromiscuousUntilClosed(t *testing.T) {
	left, _ := wire(t)
	promiscuous := func() bool {
		out, err := exec.Command("ip", "-d", "-o", "link", "show", "left").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(out), "promiscuity 1")
	}
	if !promiscuous() {
		t.Error("it is not promiscuous")
	}
	if err := left.Close(); err != nil || promiscuous() {
		t.Errorf("closed (%v), it is promiscuous still", err)
	}
	if _, err := left.ReadBatch(buf.NewBatch(1, 100)); !errors.Is(err, fs.ErrClosed) {
		t.Error(err)
	}
}

// TestDownIsNotGone: an adapter may go down and come up.
func TestDownIsNotGone(t *testing.T) {
	left, name := wire(t)
	right := openPhysical(t, name)
	run(t, "ip link set left down")
	if n, err := left.WriteBatch(batchOf(framesOf(1, 10)...)); n != 0 || errors.Is(err, fs.ErrClosed) || err == nil {
		t.Errorf("written while down: %d, %v", n, err)
	}
	run(t, "ip link set left up")
	settle(t, "left")
	settle(t, "right")
	want := framesOf(1, 20)
	if n, err := right.WriteBatch(batchOf(want...)); n != 1 {
		t.Fatal(err)
	}
	equalFrames(t, receiveAll(t, left, 1), want)
}

func TestPhysicalRemoved(t *testing.T) {
	left, _ := wire(t)
	run(t, "ip link del left")
	if _, err := left.ReadBatch(buf.NewBatch(1, 100)); !errors.Is(err, ErrRemoved) {
		t.Errorf("%v, expected ErrRemoved", err)
	}
}

func TestPhysicalErrors(t *testing.T) {
	namespace(t)
	run(t, "ip link add idle type veth peer name other", "ip link set lo up")
	for name, want := range map[string]string{
		"nowhere": "no such device", "lo": "choose an Ethernet adapter", "idle": "`ip link set idle up`",
	} {
		if _, err := OpenPhysical(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %q", name, err, want)
		}
	}
}
