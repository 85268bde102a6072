package server_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
	"culvert/nic/frame"
	"culvert/nic/nictest"
	"culvert/role/server"
)

// ethernet are the lines that make a server or client one of Ethernet.
const ethernet = "dev tap\n"

var (
	macAnna = frame.MAC{2, 0, 0, 0, 0, 0xa}
	macBert = frame.MAC{2, 0, 0, 0, 0, 0xb}
)

// arpFrame is a frame that is not IP, as long as the shortest on a wire.
func arpFrame(dst, src frame.MAC) []byte {
	return append(frame.Header{Dst: dst, Src: src, Type: frame.TypeARP}.Append(nil), make([]byte, 46)...)
}

// gets fails unless exactly these frames are on an adapter.
func gets(t *testing.T, who string, nic *nictest.Pipe, frames ...[]byte) {
	t.Helper()
	synctest.Wait()
	if got := nic.Drain(); !slices.EqualFunc(got, frames, slices.Equal) {
		t.Errorf("%s got %x, want %x", who, got, frames)
	}
}

// TestEthernetServer is a switch between its adapter and two clients.
func TestEthernetServer(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		s := w.serve(ethernet + "client-to-client")
		a, b := w.connect("anna", ethernet+"explicit-exit-notify 1"), w.connect("bert", ethernet)
		if got := a.states[0].Addresses[0].Prefix; got.Bits() != 24 || got.Addr().String() != "10.8.0.2" {
			t.Errorf("the client has %v", got)
		}
		broadcast := arpFrame(frame.Broadcast, macAnna)
		a.nic.Inject(broadcast)
		gets(t, "bert", b.nic, broadcast)
		gets(t, "the server", s.nic, broadcast)
		gets(t, "anna", a.nic)
		reply := arpFrame(macAnna, macBert)
		b.nic.Inject(reply)
		gets(t, "anna", a.nic, reply)
		gets(t, "the server", s.nic)
		own := arpFrame(macBert, deviceMAC)
		s.nic.Inject(own)
		gets(t, "bert", b.nic, own)
		gets(t, "anna", a.nic)

		a.nic.Inject(arpFrame(frame.Broadcast, deviceMAC)) // anna as the server
		a.nic.Inject(arpFrame(frame.Broadcast, macBert))   // and as bert
		gets(t, "bert", b.nic)
		gets(t, "the server", s.nic)
		if len(happened[server.BadMAC](s)) == 0 {
			t.Error("the server's log says nothing of the spoofed source")
		}
		if status := string(s.Status(2)); !strings.Contains(status, "ROUTING_TABLE,"+macAnna.String()+"@0,anna,") || strings.Contains(status, "ROUTING_TABLE,10.8") {
			t.Errorf("status:\n%s", status)
		}
		// A client that comes back under another name keeps its address at once.
		a.stop()
		w.until(time.Minute, "anna is gone", func() bool { return len(s.Clients()) == 1 })
		c := w.connect("carl", ethernet)
		c.nic.Inject(broadcast)
		gets(t, "bert", b.nic, broadcast)
	})
}

// TestBridgeWithoutAddresses: with a bare server-bridge, clients come in and
// are told to look for a DHCP server.
func TestBridgeWithoutAddresses(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		s := w.serveText(ours().bridgeConf("server-bridge"))
		a, b := w.connect("anna", ethernet+"route 10.99.0.0 255.255.0.0"), w.connect("bert", ethernet)
		if n := len(a.states[0].Addresses) + len(b.states[0].Addresses); n != 0 {
			t.Errorf("the clients have %d addresses", n)
		}
		if !logged(&a.process, "routes through the tunnel are left out") || len(a.states[0].Routes) != 0 {
			t.Errorf("routes %v", a.states[0].Routes)
		}
		a.nic.Inject(arpFrame(frame.Broadcast, macAnna))
		gets(t, "the server", s.nic, arpFrame(frame.Broadcast, macAnna))
		gets(t, "bert", b.nic)
	})
}

// TestBridgeRange: addresses come from the range, with the LAN's netmask.
func TestBridgeRange(t *testing.T) {
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		w.serveText(ours().bridgeConf("server-bridge 10.20.0.1 255.255.252.0 10.20.0.200 10.20.0.201"))
		a := w.connect("anna", ethernet+"route 10.99.0.0 255.255.0.0\nlladdr "+macAnna.String())
		state := a.states[0]
		if state.Addresses[0].Prefix.String() != "10.20.0.200/22" || state.LLAddr != macAnna.String() ||
			len(state.Routes) != 1 || state.Routes[0].Via.String() != "10.20.0.1" {
			t.Errorf("the client's host: %+v", state)
		}
	})
}

// TestVLANOfClient has two clients in VLANs by their own files.
func TestVLANOfClient(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bert"), []byte("vlan-pvid 20\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
		s := w.serve(ethernet + "client-to-client\nvlan-tagging\nclient-config-dir " + dir)
		a, b := w.connect("anna", ethernet), w.connect("bert", ethernet)
		b.nic.Inject(arpFrame(frame.Broadcast, macBert))
		gets(t, "anna", a.nic)
		want := frame.Header{Dst: frame.Broadcast, Src: macBert, Tagged: true, VLAN: 20, Type: frame.TypeARP}
		gets(t, "the server", s.nic, append(want.Append(nil), make([]byte, 46)...))
		want.Dst, want.Src = macBert, deviceMAC
		s.nic.Inject(append(want.Append(nil), make([]byte, 46)...))
		gets(t, "bert", b.nic, arpFrame(macBert, deviceMAC))
	})
}

// TestRoutesOfEthernetServer: the server's own routes have a next hop, as its
// configuration or else the manual says.
func TestRoutesOfEthernetServer(t *testing.T) {
	for lines, want := range map[string]string{
		"route 10.66.0.0 255.255.0.0":                                  "10.8.0.2",
		"route 10.66.0.0 255.255.0.0\nroute-gateway 10.8.0.9":          "10.8.0.9",
		"route 10.66.0.0 255.255.0.0 10.8.0.7\nroute-gateway 10.8.0.9": "10.8.0.7",
		"route-ipv6 2001:db8::/32\nroute 10.66.0.0 255.255.0.0":        "10.8.0.2", // the first is left out
		"route-ipv6 2001:db8::/32 fd00:8::7":                           "fd00:8::7",
	} {
		inBubble(t, simnet.Options{}, func(t *testing.T, w *world) {
			s := w.serve(ethernet + lines)
			if routes := s.states[0].Routes; len(routes) != 1 || routes[0].Via.String() != want {
				t.Errorf("%q makes %v, want one by %s", lines, routes, want)
			}
		})
	}
}
