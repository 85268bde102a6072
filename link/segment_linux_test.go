package link

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
)

// sized are packets for to of those sizes, each of a letter.
func sized(to netip.AddrPort, sizes ...int) []*buf.Packet {
	batch := buf.NewBatch(len(sizes), 2000)
	for i, n := range sizes {
		batch[i].Set(bytes.Repeat([]byte{'a' + byte(i%26)}, n))
		batch[i].Path.Remote = to
	}
	return batch
}

func times(n, size int) []int { return slices.Repeat([]int{size}, n) }

// runs are how many datagrams each message of a batch would carry.
func runs(v *vector, batch []*buf.Packet, limits runLimits) (counts []int) {
	n, _ := v.prepareWrite(batch, false, &limits)
	for _, r := range v.runs[:n] {
		counts = append(counts, r.count)
	}
	return counts
}

func TestRuns(t *testing.T) {
	here, there := addrPort("192.0.2.1:1194"), addrPort("192.0.2.2:1194")
	elsewhere := func(batch []*buf.Packet, change func(*buf.Path)) []*buf.Packet {
		change(&batch[1].Path)
		return batch
	}
	for name, c := range map[string]struct {
		batch []*buf.Packet
		want  []int
	}{
		"equal":            {sized(here, 100, 100, 100), []int{3}},
		"the last shorter": {sized(here, 100, 100, 9, 9), []int{3, 1}},
		"longer":           {sized(here, 100, 101, 101), []int{1, 2}},
		"empty":            {sized(here, 0, 0, 5, 0), []int{1, 1, 1, 1}},
		"too many":         {sized(here, times(maxRun+1, 10)...), []int{maxRun, 1}},
		"too many bytes":   {sized(here, times(34, 2000)...), []int{32, 2}},
		"above the limit":  {sized(here, 1501, 1501, 1500, 1500), []int{1, 1, 2}},
		"another host":     {elsewhere(sized(here, 9, 9, 9), func(p *buf.Path) { p.Remote = there }), []int{1, 1, 1}},
		"another address":  {elsewhere(sized(here, 9, 9, 9), func(p *buf.Path) { p.Local = there.Addr() }), []int{1, 1, 1}},
		"no address":       {elsewhere(sized(here, 9, 9, 9), func(p *buf.Path) { *p = buf.Path{} }), []int{2}},
	} {
		limits := runLimits{}
		if name == "above the limit" {
			limits.hosts = map[netip.Addr]int{here.Addr(): 1500}
		}
		v := newVector()
		if got := runs(v, c.batch, limits); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if got := runs(v, c.batch, runLimits{none: true}); slices.Max(got) != 1 {
			t.Errorf("%s: %v without runs", name, got)
		}
	}
}

// readSizes reads n datagrams by batches of a few and describes them.
func readSizes(t *testing.T, u *UDP, n int, path buf.Path) (seen []string) {
	t.Helper()
	batch := buf.NewBatch(5, 2000)
	for len(seen) < n {
		got, err := u.ReadBatch(batch)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range batch[:got] {
			if p.Path != path {
				t.Fatalf("path %v, want %v", p.Path, path)
			}
			seen = append(seen, describe(p))
		}
	}
	return seen
}

func describe(p *buf.Packet) string {
	if p.Len() == 0 {
		return "empty"
	}
	return fmt.Sprintf("%d %c%c", p.Len(), p.Bytes()[0], p.Bytes()[p.Len()-1])
}

// Datagrams arrive as they were sent, whatever they were joined to on the way,
// with the address they came to.
func TestRunsArrive(t *testing.T) {
	sizes := slices.Concat(times(70, 1300), []int{3, 0, 1, 2000}, times(40, 700), []int{1}, times(9, 1999))
	for _, both := range []Options{{Addr: addrPort(loopback4)}, {Addr: addrPort("0.0.0.0:0")}, {}} {
		to := listen(t, both)
		from := listen(t, Options{Addr: addrPort(loopback4)})
		asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.LocalAddr().Port())
		batch := sized(asked, sizes...)
		var want []string
		for _, p := range batch {
			want = append(want, describe(p))
		}
		write(t, from, batch)
		got := readSizes(t, to, len(want), buf.Path{Remote: from.LocalAddr(), Local: asked.Addr()})
		if !slices.Equal(got, want) {
			t.Errorf("%v:\n%v, want\n%v", both.Addr, got, want)
		}
	}
}

// On loopback nothing cuts what is sent as one, and so it arrives as one.
func TestRunArrivesInOneMessage(t *testing.T) {
	from, to := listen(t, Options{Addr: addrPort(loopback4)}), listen(t, Options{Addr: addrPort(loopback4)})
	write(t, from, sized(to.LocalAddr(), times(40, 1300)...))
	if _, err := to.ReadBatch(buf.NewBatch(64, 2000)); err != nil {
		t.Fatal(err)
	}
	if to.in.received != 1 {
		t.Errorf("%d messages", to.in.received)
	}
}

// What a host refused is not sent to it again; others are not affected.
func TestRefusedRuns(t *testing.T) {
	here, there := addrPort("192.0.2.1:1"), netip.MustParseAddr("192.0.2.2")
	for _, c := range []struct {
		errno   unix.Errno
		limit   int
		refused bool
	}{
		{unix.EIO, 0, true},
		{unix.EINVAL, 99, true},
		{unix.EMSGSIZE, 99, true},
		{unix.EPERM, maxRunBytes, false},
		{unix.ENETUNREACH, maxRunBytes, false},
	} {
		l := runLimits{hosts: make(map[netip.Addr]int)}
		r := run{count: 2, bytes: 200, segment: 100, path: buf.Path{Remote: here}}
		if got := l.refused(&r, c.errno); got != c.refused || l.of(here.Addr()) != c.limit || l.of(there) != maxRunBytes {
			t.Errorf("%v: %v, limits %v", c.errno, got, l)
		}
		if r.count = 1; l.refused(&r, c.errno) {
			t.Errorf("%v: a single datagram to be tried again", c.errno)
		}
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	l := runLimits{hosts: make(map[netip.Addr]int)}
	r := run{count: 2, segment: 100}
	addr := netip.MustParseAddr("10.0.0.1")
	for range 3 * maxHosts {
		r.path.Remote = netip.AddrPortFrom(addr, 1)
		l.refused(&r, unix.EIO)
		addr = addr.Next()
	}
	if n := len(l.hosts); n == 0 || n > maxHosts {
		t.Errorf("%d hosts kept", n)
	}
}

// A socket that makes no checksums cannot send runs; what it was given arrives
// nevertheless, once and in order.
func TestRunsFallBack(t *testing.T) {
	for _, o := range []Options{{Addr: addrPort(loopback4)}, {Addr: addrPort(loopback4), Refusals: true}} {
		from, to := listen(t, o), listen(t, Options{Addr: addrPort(loopback4)})
		err := from.raw.Control(func(fd uintptr) {
			if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		batch := sized(to.LocalAddr(), 50, 100, 100, 100, 60, 60)
		batch[4].Path = buf.Path{} // has no destination
		n, err := from.WriteBatch(batch)
		if n != 5 || err != nil && !strings.Contains(err.Error(), "destination") && !o.Refusals {
			t.Errorf("WriteBatch: %d, %v", n, err)
		}
		if n := from.out.limits.of(to.LocalAddr().Addr()); n >= 100 {
			t.Errorf("limit %d", n)
		}
		want := []string{"50 aa", "100 bb", "100 cc", "100 dd", "60 ff"}
		if got := readSizes(t, to, 5, buf.Path{Remote: from.LocalAddr(), Local: to.LocalAddr().Addr()}); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestRunsDoNotAllocate(t *testing.T) {
	from, to := listen(t, Options{Addr: addrPort(loopback4)}), listen(t, Options{Addr: addrPort(loopback4)})
	out, in := sized(to.LocalAddr(), times(60, 1300)...), buf.NewBatch(64, 2000)
	allocs := testing.AllocsPerRun(100, func() {
		write(t, from, out)
		for got := 0; got < len(out); {
			n, err := to.ReadBatch(in)
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

// FuzzControl reads control messages as a kernel might have left them.
func FuzzControl(f *testing.F) {
	var c control
	size := c.setSegment(c.setLocal(netip.MustParseAddr("192.0.2.1"), false), 1300)
	f.Add(c[0], c[1], c[2], c[3], c[4], c[5], size)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g uint64, size int) {
		x := control{a, b, c, d, e, g}
		x.parse(size)
	})
}

// TestClass: datagrams arrive with the class of their packet, each in runs of its own.
func TestClass(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to Options
		v6       bool
	}{
		{"IPv4", Options{Addr: addrPort(loopback4)}, Options{Addr: addrPort(loopback4)}, false},
		{"IPv6", Options{Addr: addrPort(loopback6)}, Options{Addr: addrPort(loopback6)}, true},
		{"IPv4 on a socket for both", Options{}, Options{Addr: addrPort(loopback4)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := listen(t, c.from), listen(t, c.to)
			level, option, kind := unix.IPPROTO_IP, unix.IP_RECVTOS, int32(unix.IP_TOS)
			if c.v6 {
				level, option, kind = unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, int32(unix.IPV6_TCLASS)
			}
			packets := sized(to.LocalAddr(), times(6, 1000)...)
			want := []uint8{0xb8, 0xb8, 0, 0, 0x20, 0xb8}
			for i, p := range packets {
				p.Class = want[i]
				p.Path.Local = from.LocalAddr().Addr()
				if p.Path.Local.IsUnspecified() {
					p.Path.Local = addrPort(loopback4).Addr()
				}
			}
			var got []uint8
			err := to.raw.Control(func(fd uintptr) {
				if err := unix.SetsockoptInt(int(fd), level, option, 1); err != nil {
					t.Error(err)
				}
				if err := unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 0); err != nil {
					t.Error(err)
				}
				write(t, from, packets)
				data, control := make([]byte, 2000), make([]byte, 200)
				for range packets {
					_, n, _, _, err := unix.Recvmsg(int(fd), data, control, 0)
					if err != nil {
						t.Error(err)
						return
					}
					messages, _ := unix.ParseSocketControlMessage(control[:n])
					for _, m := range messages {
						if m.Header.Level == int32(level) && m.Header.Type == kind {
							got = append(got, classOf(m.Data))
						}
					}
				}
			})
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("% x, want % x: %v", got, want, err)
			}
		})
	}
}

// classOf reads a class of traffic, one byte of IPv4 or the number of IPv6.
func classOf(data []byte) uint8 {
	if len(data) >= 4 {
		return uint8(binary.NativeEndian.Uint32(data))
	}
	return data[0]
}

func TestControlMessages(t *testing.T) {
	for _, addr := range []string{"192.0.2.1", "2001:db8::1"} {
		local := netip.MustParseAddr(addr)
		var c control
		size := c.setLocal(local, local.Is6())
		_, data, after := c.next(0, size)
		if data == nil || after != size {
			t.Errorf("%s: the next at %d of %d", addr, after, size)
		}
		data, size = c.put(size, unix.SOL_UDP, unix.UDP_GRO, 4)
		*(*int32)(data) = 1300
		if size > len(c)*8 {
			t.Fatalf("%d bytes", size)
		}
		if got, segment := c.parse(size); segment != 1300 {
			t.Errorf("%v, %d", got, segment)
		}
	}
}
