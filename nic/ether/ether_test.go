package ether

import (
	"bytes"
	"errors"
	"io/fs"
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
	n, err := New(frames, Options{Adapter: host, Network: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n, frames
}

// TestBothWays: packets go through in order, and questions are answered
// without the tunnel hearing of them.
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
	if answers := frames.Drain(); len(answers) != 1 || n.Counters()[AnsweredARP].Load() != 1 || n.Counters()[NotIP].Load() != 1 {
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

// TestAnotherMAC: an adapter that was given another MAC is known by it.
func TestAnotherMAC(t *testing.T) {
	n, frames := newNIC(t, Network{IPv4: pushed.IPv4})
	other := frame.MAC{2, 0, 0, 0, 0, 0x20}
	if err := n.SetMAC(other); err != nil {
		t.Fatal(err)
	}
	if err := n.SetMAC(frame.MAC{}); err == nil {
		t.Error("no MAC passes for one")
	}
	frames.Inject(framed(frame.TypeIPv4, plain4))
	h := frame.Header{Dst: Gateway(other), Src: other, Type: frame.TypeIPv4}
	frames.Inject(append(h.Append(nil), plain4...))
	if got, err := n.ReadBatch(buf.NewBatch(8, buf.DefaultSize)); got != 1 || err != nil || n.Counters()[SpoofedMAC].Load() != 1 {
		t.Errorf("%d packets, %v, %v", got, err, n.Counters().Snapshot())
	}
	n.WriteBatch([]*buf.Packet{pkt(plain4)})
	if in, _ := frame.Parse(frames.Drain()[0]); in.Dst != other || in.Src != Gateway(other) {
		t.Errorf("%+v", in)
	}
}

func TestNewRefusesAMAC(t *testing.T) {
	for _, mac := range []frame.MAC{{}, frame.Broadcast} {
		if _, err := New(nictest.New("tap0", mtu), Options{Adapter: mac}); err == nil {
			t.Errorf("%v passes", mac)
		}
	}
	for _, mac := range []frame.MAC{{}, {0x52, 0x54}, {2, 0, 0, 0, 0, 1}} {
		if g := Gateway(mac); !g.IsStation() || g == mac || g[0]&2 == 0 {
			t.Errorf("the gateway beside %v is %v", mac, g)
		}
	}
}
