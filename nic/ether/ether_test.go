package ether

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
	"culvert/nic/nictest"
)

func newNIC(t *testing.T, network Network) (*NIC, *nictest.Pipe) {
	t.Helper()
	frames := nictest.New("tap0", mtu+frame.HeaderLen)
	n, err := New(frames, Options{FollowMAC: always(host), Network: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n, frames
}

// always is an adapter whose MAC stays.
func always(mac frame.MAC) func(func(frame.MAC)) error {
	return func(told func(frame.MAC)) error { told(mac); return nil }
}

// TestBothWays: packets go through in order, and questions are answered without
// reaching the tunnel.
func TestBothWays(t *testing.T) {
	n, frames := newNIC(t, Network{IPv4: pushed.IPv4})
	second := ip4(6, "192.0.2.2", ports(1, 2))
	for _, b := range [][]byte{arp("10.8.0.6", "10.8.0.1"), framed(frame.TypeIPv4, plain4), framed(0x88cc, plain4), framed(frame.TypeIPv4, second)} {
		frames.Inject(b)
	}
	batch := buf.NewBatch(8, buf.DefaultSize)
	got, err := n.ReadBatch(batch)
	if err != nil || got != 2 || !bytes.Equal(batch[0].Bytes(), plain4) || !bytes.Equal(batch[1].Bytes(), second) {
		t.Errorf("%d packets, %v", got, err)
	}
	if answers := frames.Drain(); len(answers) != 1 || n.Counters().Of(AnsweredARP) != 1 || n.Counters().Of(NotIP) != 1 {
		t.Errorf("%d answers, %v", len(answers), n.Counters().Snapshot())
	}
	if n.Kind() != nic.IP {
		t.Errorf("kind %v", n.Kind())
	}
	wrote, err := n.WriteBatch([]*buf.Packet{pkt(plain4), pkt([]byte("rubbish")), pkt(plain6)})
	if inside := frames.Drain(); err != nil || wrote != 2 || len(inside) != 2 || !bytes.Equal(inside[1][frame.HeaderLen:], plain6) {
		t.Errorf("%d written, %v", wrote, err)
	}
	if wrote, err := n.WriteBatch([]*buf.Packet{pkt([]byte("rubbish"))}); wrote != 0 || err != nil {
		t.Errorf("rubbish: %d, %v", wrote, err)
	}
}

// TestQuestionsAlone do not wake the tunnel.
func TestQuestionsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, frames := newNIC(t, Network{IPv4: pushed.IPv4})
		read := make(chan error, 1)
		go func() {
			_, err := n.ReadBatch(buf.NewBatch(8, buf.DefaultSize))
			read <- err
		}()
		for range 3 {
			frames.Inject(arp("10.8.0.6", "10.8.0.1"))
			synctest.Wait()
		}
		if got := len(frames.Drain()); got != 3 || len(read) > 0 {
			t.Errorf("%d answers, %d reads came back", got, len(read))
		}
		n.Close()
		if err := <-read; !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after closing: %v", err)
		}
	})
}

// TestTellsInTime: the timer keeps what the router said alive, and ends with
// the adapter.
func TestTellsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, frames := newNIC(t, pushed)
		told := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			return len(frames.Drain())
		}
		if got := []int{told(0), told(2 * advertiseSoon), told(advertiseOften), told(advertiseFor)}; got[0] != 1 || got[1] != 2 || got[2] != 1 || got[3] != 3 {
			t.Errorf("told %v times", got)
		}
		n.Update(Network{MTU: 1300, DHCP: true, IPv6: pushed.IPv6})
		if got := told(0); got != 1 {
			t.Errorf("told %d times of a change", got)
		}
		n.Update(Network{MTU: 1300, DHCP: true, IPv6: pushed.IPv6})
		if got := told(0); got != 0 {
			t.Errorf("told %d times of no change", got)
		}
		n.Close()
		if got := told(time.Hour); got != 0 {
			t.Errorf("told %d times after the end", got)
		}
	})
}

// adapter is one whose MAC the test changes.
type adapter struct{ told func(frame.MAC) }

func (a *adapter) follow(told func(frame.MAC)) error {
	a.told = told
	told(host)
	return nil
}

// TestAnotherMAC: an adapter that is given another MAC is known by it at once, and
// finds the gateway where it was. Frames from a former MAC are accepted.
func TestAnotherMAC(t *testing.T) {
	var a adapter
	frames := nictest.New("tap0", mtu+frame.HeaderLen)
	born := frame.MAC{2, 0, 0, 0, 0, 0x30}
	n, err := New(frames, Options{FollowMAC: a.follow, FormerMACs: []frame.MAC{born}, Network: Network{IPv4: pushed.IPv4}})
	if err != nil {
		t.Fatal(err)
	}
	other := frame.MAC{2, 0, 0, 0, 0, 0x20}
	a.told(other)
	a.told(frame.MAC{}) // no adapter has it
	send := func(from ...frame.MAC) (carried int, spoofed uint64) {
		for _, mac := range from {
			h := frame.Header{Dst: Gateway(host), Src: mac, Type: frame.TypeIPv4}
			frames.Inject(append(h.Append(nil), plain4...))
		}
		carried, _ = n.ReadBatch(buf.NewBatch(8, buf.DefaultSize))
		return carried, n.Counters().Of(SpoofedMAC)
	}
	if carried, spoofed := send(born, host, other, Gateway(host), frame.MAC{2, 0, 0, 0, 0, 0x40}); carried != 3 || spoofed != 2 {
		t.Errorf("%d packets, %d spoofed", carried, spoofed)
	}
	n.WriteBatch([]*buf.Packet{pkt(plain4)})
	if in, _ := frame.Parse(frames.Drain()[0]); in.Dst != other || in.Src != Gateway(host) {
		t.Errorf("%+v", in)
	}
	a.told(Gateway(host))
	a.told(host)
	if m := n.framer.macs.Load(); m.gateway == m.adapter {
		t.Errorf("adapter and gateway are both %v", m.gateway)
	}
	for i := range byte(2 * maxFormer) {
		a.told(frame.MAC{2, 0, 0, 1, 0, i})
	}
	if m := n.framer.macs.Load(); len(m.former) != maxFormer || !m.host(frame.MAC{2, 0, 0, 1, 0, 2*maxFormer - 2}) || m.host(born) {
		t.Errorf("of %d former addresses %v", 2*maxFormer, m.former)
	}
}

// TestStrangers: frames from another address are logged once, with what to do,
// except those on their way while the address changed.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a adapter
		var log bytes.Buffer
		frames := nictest.New("tap0", mtu+frame.HeaderLen)
		n, err := New(frames, Options{FollowMAC: a.follow, Network: pushed, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
		if err != nil {
			t.Fatal(err)
		}
		go n.ReadBatch(buf.NewBatch(8, buf.DefaultSize))
		stranger := frame.MAC{2, 0, 0, 0, 0, 0x20}
		send := func(after time.Duration) int {
			time.Sleep(after)
			frames.Inject(append(frame.Header{Dst: frame.Broadcast, Src: stranger, Type: frame.TypeARP}.Append(nil), make([]byte, 46)...))
			synctest.Wait()
			return strings.Count(log.String(), "frames from 02:00:00:00:00:20 are dropped, the adapter is 02:00:00:00:00:10:")
		}
		if got := []int{send(0), send(stray / 2)}; got[1] != 0 {
			t.Errorf("named %v times while the address may change", got)
		}
		a.told(frame.MAC{2, 0, 0, 0, 0, 0x30})
		a.told(host)
		if got := []int{send(stray), send(stray), send(stray)}; got[0] != 0 || got[1] != 1 || got[2] != 1 {
			t.Errorf("named %v times\n%s", got, log.String())
		}
		n.Close()
	})
}

// TestVLANOnTop: frames of a VLAN are explained, once.
func TestVLANOnTop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		frames := nictest.New("tap0", mtu+frame.HeaderLen)
		n, err := New(frames, Options{FollowMAC: always(host), Network: pushed, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		go n.ReadBatch(buf.NewBatch(8, buf.DefaultSize))
		for range 3 {
			frames.Inject(framed(frame.TypeVLAN, make([]byte, 46)))
			synctest.Wait()
		}
		if got := strings.Count(log.String(), "frames with a VLAN tag are dropped"); got != 1 || n.Counters().Of(Tagged) != 3 {
			t.Errorf("said %d times of %v", got, n.Counters().Snapshot())
		}
		n.Close()
	})
}

// plugged is an adapter of frames with a cable.
type plugged struct {
	*nictest.Pipe
	unplugged atomic.Bool
	pulled    atomic.Int32
}

func (p *plugged) SetCarrier(on bool) error {
	if p.unplugged.Store(!on); !on {
		p.pulled.Add(1)
	}
	return nil
}

// TestReplug: the cable is pulled for as long as it takes the host to notice,
// and a change while it is does not leave it so.
func TestReplug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plugged{Pipe: nictest.New("tap0", mtu+frame.HeaderLen)}
		n, err := New(p, Options{FollowMAC: always(host), Network: pushed})
		if err != nil {
			t.Fatal(err)
		}
		if p.pulled.Load() > 0 {
			t.Error("pulled before anything changed")
		}
		n.Replug()
		time.Sleep(unplugged / 2)
		n.Replug()
		time.Sleep(unplugged - 1)
		if synctest.Wait(); !p.unplugged.Load() {
			t.Error("plugged in before the host could notice")
		}
		time.Sleep(time.Nanosecond)
		if synctest.Wait(); p.unplugged.Load() || p.pulled.Load() != 2 {
			t.Errorf("unplugged %v, pulled %d times", p.unplugged.Load(), p.pulled.Load())
		}
		n.Replug()
		n.Close()
		time.Sleep(2 * unplugged)
	})
}

// TestReplugWithoutCable: adapters that have none go on.
func TestReplugWithoutCable(t *testing.T) {
	n, _ := newNIC(t, pushed)
	n.Replug()
}

// TestUpdateReports: which changes are worth asking anew for.
func TestUpdateReports(t *testing.T) {
	n, _ := newNIC(t, pushed)
	other, static := pushed, pushed
	other.DNS, static.DHCP, static.MTU = nil, false, 1300
	if n.Update(pushed) || !n.Update(other) || n.Update(other) || n.Update(static) {
		t.Error("a host is to ask anew only when what DHCP tells it changed")
	}
}

func TestNewRefusesAMAC(t *testing.T) {
	for _, mac := range []frame.MAC{{}, frame.Broadcast} {
		if _, err := New(nictest.New("tap0", mtu), Options{FollowMAC: always(mac)}); err == nil {
			t.Errorf("%v passes", mac)
		}
	}
	failed := errors.New("no netlink")
	if _, err := New(nictest.New("tap0", mtu), Options{FollowMAC: func(func(frame.MAC)) error { return failed }}); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	for _, mac := range []frame.MAC{{}, {0x52, 0x54}, {2, 0, 0, 0, 0, 1}} {
		if g := Gateway(mac); !g.IsStation() || g == mac || g[0]&2 == 0 {
			t.Errorf("the gateway beside %v is %v", mac, g)
		}
	}
}
