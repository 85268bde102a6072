package server_test

import (
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
)

// TestAdopt: who is in stays in while the server takes another configuration, newcomers
// meet the new one, and one that is faulty changes nothing.
func TestAdopt(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("push \"dhcp-option DNS 192.0.2.1\"")
		a := w.connect("anna", "")
		lists := newList(t)
		lists.revoke("ben")
		adopt := func(more string) error { return s.Adopt(parse(t, "server.conf", ours().serverConf(more))) }
		if err := adopt("push \"dhcp-option DNS 192.0.2.2\"\ncrl-verify " + lists.path); err != nil {
			t.Fatal(err)
		}
		exchange(t, s, a)
		ben, carl := w.dial("ben", ""), w.connect("carl", "")
		exchange(t, s, carl)
		if dns := carl.states[0].DNS; dns == nil || len(dns.Servers) != 1 || dns.Servers[0].Addr().String() != "192.0.2.2" {
			t.Errorf("a newcomer's name servers: %+v", dns)
		}
		w.until(time.Minute, "ben is refused", func() bool { return strings.Contains(ben.log.String(), "revoked") })
		if err := adopt("client-config-dir /nonexistent"); err == nil {
			t.Error("a directory that is not there is taken")
		}
		dora := w.connect("dora", "")
		exchange(t, s, dora)
		lists.revoke("anna") // who came in when there were no lists
		w.until(time.Minute, "anna is shut out", func() bool { return len(s.Server.Clients()) == 2 })
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if err := adopt(""); err == nil {
			t.Error("a server that has ended takes a configuration")
		}
	})
}
