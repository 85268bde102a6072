package policy

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"culvert/tunnel"
)

const (
	syn = flagSYN
	ack = flagACK
)

// TestOneWay has one client open connections to another, which cannot open any itself.
func TestOneWay(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to user bob\n")
	w.expect(false, "an answer before there was a question", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, syn|ack))
	w.expect(true, "SYN", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, syn))
	w.expect(true, "its answer", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, syn|ack))
	w.expect(true, "data", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, ack))
	w.expect(false, "another port", "bob", "alice", tcpPacket("bob", "alice", 22, 40001, syn|ack))
	w.expect(false, "a SYN the other way", "bob", "alice", tcpPacket("bob", "alice", 40000, 22, syn))
	w.expect(false, "a SYN between the ports of a connection", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, syn))

	w.expect(false, "UDP", "bob", "alice", udpPacket("bob", "alice", 53, 5000))
	w.expect(true, "UDP", "alice", "bob", udpPacket("alice", "bob", 5000, 53))
	w.expect(true, "its answer", "bob", "alice", udpPacket("bob", "alice", 53, 5000))

	w.expect(false, "ping", "bob", "alice", echoPacket("bob", "alice", false, 7))
	w.expect(false, "an answer to no ping", "bob", "alice", echoPacket("bob", "alice", true, 7))
	w.expect(true, "ping", "alice", "bob", echoPacket("alice", "bob", false, 7))
	w.expect(true, "its answer", "bob", "alice", echoPacket("bob", "alice", true, 7))
	w.expect(false, "a ping with the identifier of the other's", "bob", "alice", echoPacket("bob", "alice", false, 7))

	gre := func(from, to string) []byte { return ip(where(from), where(to), 47, make([]byte, 8)) }
	w.expect(false, "GRE", "bob", "alice", gre("bob", "alice"))
	w.expect(true, "GRE", "alice", "bob", gre("alice", "bob"))
	w.expect(true, "its answer", "bob", "alice", gre("bob", "alice"))
	w.expect(false, "a third", "carol", "bob", tcpPacket("carol", "bob", 1, 2, syn))
}

// TestIdle forgets connections that were silent.
func TestIdle(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to user bob\n")
	opened, answer := udpPacket("alice", "bob", 5000, 53), udpPacket("bob", "alice", 53, 5000)
	w.expect(true, "UDP", "alice", "bob", opened)
	w.now = w.now.Add((idleAsked + 1) * time.Second)
	w.expect(false, "a late answer", "bob", "alice", answer)
	w.expect(true, "UDP", "alice", "bob", opened)
	w.expect(true, "an answer", "bob", "alice", answer)
	w.now = w.now.Add((idleAsked + 1) * time.Second)
	w.expect(true, "another", "bob", "alice", answer)
	w.now = w.now.Add((idleUDP + 1) * time.Second)
	w.expect(false, "after the end", "bob", "alice", answer)

	for _, end := range []struct {
		last []uint8
		idle int
	}{{nil, idleTCP}, {[]uint8{flagRST}, idleReset}, {[]uint8{flagFIN | ack}, idleHalf}} {
		w.expect(true, "SYN", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, syn))
		w.expect(true, "SYN+ACK", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, syn|ack))
		for _, flags := range end.last {
			w.expect(true, "the end", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, flags))
		}
		w.now = w.now.Add(time.Duration(end.idle-1) * time.Second)
		w.expect(true, "in time", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, ack))
		w.now = w.now.Add(time.Duration(end.idle+1) * time.Second)
		w.expect(false, "too late", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, ack))
		w.expect(true, "who opened it goes on", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, ack))
		w.expect(true, "and is answered", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, ack))
		w.expect(true, "reset", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, flagRST))
		w.now = w.now.Add(3 * time.Hour)
	}
}

// TestBehindTheServer has hosts behind the server reach a client, and clients those.
func TestBehindTheServer(t *testing.T) {
	w := newWorld(t, "default deny\nset office = 10.1.0.0/16 fd00:1::/64\nallow group staff to office tcp/443 icmp\nallow office to user bob tcp/22\nallow everyone to server udp/53\n")
	const host, there = "10.1.2.3", ""
	w.expect(true, "https", "alice", there, tcpPacket("alice", host, 40000, 443, syn))
	w.expect(true, "its answer", there, "alice", tcpPacket(host, "alice", 443, 40000, syn|ack))
	w.expect(false, "another port", "alice", there, tcpPacket("alice", host, 40000, 80, syn))
	w.expect(true, "ping", "alice", there, echoPacket("alice", host, false, 1))
	w.expect(false, "who is not in the group", "bob", there, tcpPacket("bob", host, 40000, 443, syn))
	w.expect(true, "ssh to a client", there, "bob", tcpPacket(host, "bob", 40000, 22, syn))
	w.expect(true, "its answer", "bob", there, tcpPacket("bob", host, 22, 40000, syn|ack))
	w.expect(false, "ssh to another", there, "alice", tcpPacket(host, "alice", 40000, 22, syn))
	w.expect(false, "ssh from elsewhere", there, "bob", tcpPacket("10.2.0.1", "bob", 40000, 22, syn))
	w.expect(true, "DNS", "bob", there, udpPacket("bob", "10.8.0.1", 5000, 53))
	w.expect(true, "DNS at the outer address", "bob", there, udpPacket("bob", "198.51.100.1", 5000, 53))
	w.expect(false, "DNS elsewhere", "bob", there, udpPacket("bob", "198.51.100.2", 5000, 53))
}

// TestErrors has ICMP errors pass that are about a known connection, and no others.
func TestErrors(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to anything udp\n")
	sent := udpPacket("alice", "10.1.2.3", 5000, 53)
	w.expect(false, "an error about nothing", "", "alice", errorPacket("10.1.0.1", "alice", sent))
	w.expect(true, "UDP", "alice", "", sent)
	w.expect(true, "a router's error about it", "", "alice", errorPacket("10.1.0.1", "alice", sent))
	w.expect(false, "one about another port", "", "alice", errorPacket("10.1.0.1", "alice", udpPacket("alice", "10.1.2.3", 5001, 53)))
	w.expect(false, "one to another client", "", "bob", errorPacket("10.1.0.1", "bob", udpPacket("bob", "10.1.2.3", 5000, 53)))
	toBob := udpPacket("alice", "bob", 5000, 53)
	w.expect(true, "UDP to a client", "alice", "bob", toBob)
	w.expect(true, "its error", "bob", "alice", errorPacket("bob", "alice", toBob))
	w.expect(false, "an error that holds too little", "bob", "alice", errorPacket("bob", "alice", toBob[:22]))
	w.expect(false, "an error about an error", "bob", "alice", errorPacket("bob", "alice", errorPacket("alice", "bob", toBob)))
	w.expect(false, "a redirect", "", "alice", func() []byte {
		p := errorPacket("10.1.0.1", "alice", sent)
		p[20] = 5
		return p
	}())
	w.expect(true, "a router's error about a packet between clients", "", "alice", errorPacket("10.8.0.1", "alice", toBob))
	w.expect(false, "a third client's error about it", "carol", "alice", errorPacket("carol", "alice", toBob))
	w.expect(false, "a third client's error about another connection", "carol", "alice", errorPacket("carol", "alice", sent))
	w.expect(true, "the answer", "bob", "alice", udpPacket("bob", "alice", 53, 5000))
	w.expect(true, "a router's error about the answer", "", "bob", errorPacket("10.8.0.1", "bob", udpPacket("bob", "alice", 53, 5000)))
	six := ip(where("fd00::1"), where("fd00::2"), protoUDP, ports4(5000, 53, 12, 11, 0))
	w.expect(true, "UDP by IPv6", "alice", "", six)
	w.expect(true, "its error", "", "alice", errorPacket("fd00::9", "fd00::1", six))
}

// TestParts has the parts of a packet follow the first.
func TestParts(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to 10.1.0.0/16 udp/53\nallow user alice to fd00:1::/64 udp/53\n")
	part := func(p []byte, id, offset uint16, more bool) []byte {
		binary.BigEndian.PutUint16(p[4:], id)
		binary.BigEndian.PutUint16(p[6:], offset/8)
		if more {
			p[6] |= 0x20
		}
		return p
	}
	w.expect(false, "a part whose first did not come", "alice", "", part(udpPacket("alice", "10.1.2.3", 1, 2), 9, 8, true))
	w.expect(true, "the first", "alice", "", part(udpPacket("alice", "10.1.2.3", 5000, 53), 9, 0, true))
	w.expect(true, "the second", "alice", "", part(udpPacket("alice", "10.1.2.3", 1, 2), 9, 1480, true))
	w.expect(true, "the last", "alice", "", part(udpPacket("alice", "10.1.2.3", 1, 2), 9, 2960, false))
	w.expect(false, "a part of another packet", "alice", "", part(udpPacket("alice", "10.1.2.3", 1, 2), 10, 1480, false))
	w.expect(false, "the same the other way", "", "alice", part(udpPacket("10.1.2.3", "alice", 1, 2), 9, 1480, false))
	w.expect(false, "a first that is not allowed", "alice", "", part(udpPacket("alice", "10.1.2.3", 5000, 54), 11, 0, true))
	w.expect(false, "what follows it", "alice", "", part(udpPacket("alice", "10.1.2.3", 5000, 54), 11, 1480, false))
	w.now = w.now.Add((idleFragment + 1) * time.Second)
	w.expect(false, "a part that is late", "alice", "", part(udpPacket("alice", "10.1.2.3", 1, 2), 9, 2960, false))

	six := func(offset uint16, more uint16, inner []byte) []byte {
		h := []byte{protoUDP, 0, byte(offset >> 8), byte(offset)&^7 | byte(more), 0, 0, 0, 7}
		return ip(where("fd00:8::2"), where("fd00:1::3"), protoFragment, append(h, inner...))
	}
	w.expect(false, "IPv6, before the first", "alice", "", six(8, 0, make([]byte, 8)))
	w.expect(true, "IPv6, the first", "alice", "", six(0, 1, ports4(5000, 53, 12, 11, 0)))
	w.expect(true, "IPv6, the last", "alice", "", six(1448, 0, make([]byte, 8)))
	w.expect(true, "IPv6, a single part", "alice", "", six(0, 0, ports4(5000, 53, 12, 11, 0)))

	w = newWorld(t, "default deny\nallow user alice to anything\n")
	w.expect(true, "the first of TCP", "alice", "", part(tcpPacket("alice", "10.1.2.3", 5000, 53, syn), 9, 0, true))
	w.expect(false, "a part that overwrites TCP's header", "alice", "", part(tcpPacket("alice", "10.1.2.3", 5000, 53, syn), 9, 8, true))

	behind := append([]byte{protoTCP, 0, 1, 4, 0, 0, 0, 0}, ports4(5000, 53, 20, 13, syn)...)
	options := func(offset, more uint16, b []byte) []byte {
		h := []byte{protoOptions, 0, byte(offset >> 8), byte(offset)&^7 | byte(more), 0, 0, 0, 8}
		return ip(where("fd00:8::2"), where("fd00:1::3"), protoFragment, append(h, b...))
	}
	w.expect(true, "a first one with options before TCP", "alice", "", options(0, 1, append(behind, make([]byte, 4)...)))
	w.expect(true, "what lies behind it", "alice", "", options(32, 1, make([]byte, 8)))
	w.expect(false, "a part over the ports behind the options", "alice", "", options(8, 1, make([]byte, 8)))
	w.expect(true, "a shorter first one", "alice", "", options(0, 1, behind))
	w.expect(false, "a part over the longer first one", "alice", "", options(24, 1, make([]byte, 8)))
}

// TestFlood has one client open connections without end, which takes no room from another,
// nor from its own that were answered.
func TestFlood(t *testing.T) {
	w := newWorld(t, "default deny\nallow group staff to 10.1.0.0/16\nallow user bob to user carol\n")
	for from, to := range map[string]string{"alice": "10.1.2.3", "bob": "carol"} {
		w.expect(true, "before", from, map[bool]string{true: to}[to == "carol"], tcpPacket(from, to, 40000, 22, syn))
		w.expect(true, "its answer", map[bool]string{true: to}[to == "carol"], from, tcpPacket(to, from, 22, 40000, syn|ack))
	}
	for i := range 40_000 {
		w.send("alice", "", tcpPacket("alice", "10.1.2.4", uint16(i), uint16(i>>16), syn))
	}
	w.expect(true, "the flood's own, which was answered", "", "alice", tcpPacket("10.1.2.3", "alice", 22, 40000, ack))
	w.expect(true, "another client's", "carol", "bob", tcpPacket("carol", "bob", 22, 40000, ack))
	if s := w.guard.Statistics(); s.Places > 2*MaxFlows || s.Evicted < 20_000 {
		t.Errorf("%+v", s)
	}
}

// TestUnjudged drops what nobody can judge.
func TestUnjudged(t *testing.T) {
	w := newWorld(t, "allow user alice to anything\ndeny user alice to 10.1.0.0/16\n")
	routed := func(b ...byte) []byte {
		p := tcpPacket("alice", "10.2.0.1", 1, 2, syn)
		p[0] += byte(len(b) / 4)
		p = append(p[:20:20], append(b, p[20:]...)...)
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		return p
	}
	extension := func(first byte, headers ...byte) []byte {
		return ip(where("fd00::1"), where("fd00::2"), first, append(headers, ports4(1, 2, 20, 13, syn)...))
	}
	hops := func(n int) (all []byte) {
		for range n {
			all = append(all, protoOptions, 0, 1, 4, 0, 0, 0, 0)
		}
		return append(all, protoTCP, 0, 1, 4, 0, 0, 0, 0)
	}
	for name, p := range map[string][]byte{
		"nothing": {}, "IPv5": {0x50, 0, 0, 0}, "cut": tcpPacket("alice", "bob", 1, 2, syn)[:19], "cut TCP": tcpPacket("alice", "bob", 1, 2, syn)[:39],
		"cut UDP": udpPacket("alice", "bob", 1, 2)[:27], "cut behind UDP": udpPacket("alice", "bob", 1, 2)[:30], "cut IPv6": ip(where("fd00::1"), where("fd00::2"), protoUDP, make([]byte, 20))[:52], "loose source route": routed(131, 7, 4, 10, 1, 0, 1, 0), "bad option": routed(7, 1, 0, 0),
		"routing header": extension(protoRouting, protoTCP, 0, 0, 1, 0, 0, 0, 0), "too many headers": extension(protoOptions, hops(maxExtensions)...),
		"mapped": ip(where("::ffff:10.8.0.2"), where("::ffff:10.1.0.1"), protoTCP, ports4(1, 2, 20, 13, syn)), "header cut": extension(protoAH, protoTCP, 200, 0, 0),
	} {
		if drop, _ := w.guard.Judge(w.now, w.seats["alice"], nil, p); drop != tunnel.Unjudged {
			t.Errorf("%s: %v", name, drop)
		}
	}
	for name, p := range map[string][]byte{
		"router alert": routed(148, 4, 0, 0), "no operation": routed(1, 1, 1, 0), "headers": extension(protoHopByHop, hops(maxExtensions-2)...),
		"routing header that has done its part": extension(protoRouting, protoTCP, 0, 0, 0, 0, 0, 0, 0),
	} {
		if drop, why := w.guard.Judge(w.now, w.seats["alice"], nil, p); drop != tunnel.Kept {
			t.Errorf("%s: %v %s", name, drop, why)
		}
	}
}

// TestLive changes the policy under connections.
func TestLive(t *testing.T) {
	both := "default deny\nallow user alice with user bob\n"
	w := newWorld(t, both)
	aliceOpens, bobAnswers := tcpPacket("alice", "bob", 40000, 22, ack), tcpPacket("bob", "alice", 22, 40000, ack)
	bobOpens, aliceAnswers := tcpPacket("bob", "alice", 50000, 80, ack), tcpPacket("alice", "bob", 80, 50000, ack)
	w.expect(true, "SYN", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, syn))
	w.expect(true, "SYN", "bob", "alice", tcpPacket("bob", "alice", 50000, 80, syn))
	for _, p := range [][]byte{bobAnswers, bobOpens} {
		w.expect(true, "both ways", "bob", "alice", p)
	}
	w.adopt("default deny\nallow user alice to user bob\n")
	w.expect(true, "the connection that is allowed still", "bob", "alice", bobAnswers)
	w.expect(true, "the same", "alice", "bob", aliceOpens)
	w.expect(false, "the one that is not", "bob", "alice", bobOpens)
	w.expect(false, "the other side of it", "alice", "bob", aliceAnswers)
	w.expect(false, "again", "bob", "alice", bobOpens)
	if got := w.guard.Statistics().Barred; got != 1 {
		t.Errorf("%d connections ended", got)
	}
	w.expect(true, "a new one between the same ports", "alice", "bob", tcpPacket("alice", "bob", 80, 50000, syn))
	w.expect(true, "its answer", "bob", "alice", tcpPacket("bob", "alice", 50000, 80, syn|ack))
	w.adopt("default deny\n")
	w.expect(false, "all are over", "bob", "alice", bobAnswers)
	w.expect(false, "the same", "alice", "bob", aliceOpens)
	w.adopt(both)
	w.expect(true, "allowed again", "alice", "bob", aliceOpens)
	w.expect(true, "its answer", "bob", "alice", bobAnswers)
}

// TestReconsider has a user change groups under a connection.
func TestReconsider(t *testing.T) {
	w := newWorld(t, "default deny\nallow group guests to 10.1.0.0/16\n")
	w.expect(true, "SYN", "bob", "", tcpPacket("bob", "10.1.2.3", 40000, 22, syn))
	before := testGroups["bob"]
	defer func() { testGroups["bob"] = before }()
	testGroups["bob"] = []string{"staff"}
	w.expect(true, "before the guard knows", "bob", "", tcpPacket("bob", "10.1.2.3", 40000, 22, ack))
	w.guard.Reconsider()
	w.expect(false, "then", "bob", "", tcpPacket("bob", "10.1.2.3", 40000, 22, ack))
	w.expect(false, "the answer", "", "bob", tcpPacket("10.1.2.3", "bob", 22, 40000, ack))
}

// TestResumed takes up connections that were there before the policy, from who opened them.
func TestResumed(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to user bob\n")
	w.expect(true, "data of a connection to port 22", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, ack))
	w.expect(true, "its answer", "bob", "alice", tcpPacket("bob", "alice", 22, 40000, ack))
	w.expect(true, "data from port 22, which alice may send", "alice", "bob", tcpPacket("alice", "bob", 22, 40001, ack))
	w.expect(false, "but bob opened that connection", "bob", "alice", tcpPacket("bob", "alice", 40001, 22, ack))
	w.expect(true, "a reset opens nothing", "alice", "bob", tcpPacket("alice", "bob", 40002, 22, flagRST))
	w.expect(false, "a reset opens nothing", "bob", "alice", tcpPacket("bob", "alice", 22, 40002, ack))
}

// TestAddressOfAnother gives a client the address of one that has gone: it has none of its
// connections.
func TestAddressOfAnother(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to user bob\n")
	w.expect(true, "SYN", "alice", "bob", tcpPacket("alice", "bob", 40000, 22, syn))
	w.expect(false, "another client with the address", "carol", "alice", tcpPacket("bob", "alice", 22, 40000, ack))
	w.expect(false, "what is behind the server", "", "alice", tcpPacket("bob", "alice", 22, 40000, ack))
	w.expect(false, "to another client with the address", "alice", "carol", tcpPacket("alice", "bob", 40000, 22, ack))
}

// TestBound has one client open more connections than it may have.
func TestBound(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to user bob\nallow user carol to user bob\n")
	w.expect(true, "of another client", "carol", "bob", tcpPacket("carol", "bob", 40000, 22, syn))
	for port := range 40000 {
		w.expect(true, "SYN", "alice", "bob", tcpPacket("alice", "bob", uint16(port), 22, syn))
	}
	known := 0
	for port := range 40000 {
		if w.send("bob", "alice", tcpPacket("bob", "alice", 22, uint16(port), ack)) {
			known++
		}
	}
	s := w.guard.Statistics()
	if known > MaxFlows || known < MaxFlows/2 || s.Evicted == 0 || s.Places != MaxFlows+firstLevel {
		t.Errorf("%d connections are known of at most %d; %+v", known, MaxFlows, s)
	}
	w.expect(true, "the newest", "bob", "alice", tcpPacket("bob", "alice", 22, 39999, ack))
	w.expect(true, "of another client", "bob", "carol", tcpPacket("bob", "carol", 22, 40000, syn|ack))
	w.guard.Leave(w.seats["alice"])
	w.guard.Leave(w.seats["alice"])
	w.expect(true, "a packet that was on its way", "alice", "bob", tcpPacket("alice", "bob", 1, 22, syn))
	if got := w.guard.Statistics().Places; got != firstLevel {
		t.Errorf("%d places are kept", got)
	}
}

// TestAllBounded gives no client another level when all together have too much.
func TestAllBounded(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to user bob\n")
	w.guard.counters.places.Store(maxAll)
	for port := range 1000 {
		w.expect(true, "SYN", "alice", "bob", tcpPacket("alice", "bob", uint16(port), 22, syn))
	}
	if got := w.guard.Statistics().Places; got != maxAll+firstLevel {
		t.Errorf("%d places", got-maxAll)
	}
	w.expect(true, "the newest", "bob", "alice", tcpPacket("bob", "alice", 22, 999, ack))
}

// TestFree costs clients nothing that no rule is about.
func TestFree(t *testing.T) {
	w := newWorld(t, "deny group guests to 10.1.0.0/16\n")
	w.expect(true, "even what nobody can judge", "alice", "", []byte{0x45})
	w.expect(false, "a guest", "bob", "", tcpPacket("bob", "10.1.2.3", 1, 2, syn))
	w.expect(true, "who opens to a guest", "", "bob", tcpPacket("10.1.2.3", "bob", 40000, 22, syn))
	w.expect(true, "and gets an answer", "bob", "", tcpPacket("bob", "10.1.2.3", 22, 40000, syn|ack))
}

// TestAnything has a word for clients and everything else.
func TestAnything(t *testing.T) {
	w := newWorld(t, "deny anything to server\ndeny anything to user alice\n")
	w.expect(false, "to the server", "bob", "", tcpPacket("bob", "10.8.0.1", 1, 2, syn))
	w.expect(false, "to a client", "bob", "alice", tcpPacket("bob", "alice", 1, 2, syn))
	w.expect(false, "to a client", "", "alice", tcpPacket("10.1.2.3", "alice", 1, 2, syn))
	w.expect(true, "to another", "alice", "bob", tcpPacket("alice", "bob", 1, 2, syn))
	w.adopt("default deny\nallow anything to anything tcp\n")
	w.expect(true, "TCP", "", "alice", tcpPacket("10.1.2.3", "alice", 1, 2, syn))
	w.expect(false, "UDP", "bob", "alice", udpPacket("bob", "alice", 1, 2))
}

// TestAllocations judges packets without any.
func TestAllocations(t *testing.T) {
	w := newWorld(t, "default deny\nallow user alice to user bob\n")
	p, back, bad := tcpPacket("alice", "bob", 40000, 22, syn), tcpPacket("bob", "alice", 22, 40000, ack), tcpPacket("bob", "alice", 1, 2, syn)
	w.expect(true, "SYN", "alice", "bob", p)
	a, b := w.seats["alice"], w.seats["bob"]
	if n := testing.AllocsPerRun(100, func() {
		w.guard.Judge(w.now, a, b, p)
		w.guard.Judge(w.now, b, a, back)
		w.guard.Judge(w.now, b, a, bad)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestTogether judges on several cores while the policy changes. Whatever changes, what no
// policy allows never passes, and what all do always does.
func TestTogether(t *testing.T) {
	always := "default deny\nallow group staff to 10.1.0.0/16 tcp/443\n"
	w := newWorld(t, always)
	var judging sync.WaitGroup
	for core := range 4 {
		judging.Go(func() {
			a, b := w.seats["alice"], w.seats["bob"]
			for i := range 3000 {
				port := uint16(core*10000 + i%500)
				if drop, why := w.guard.Judge(w.now, a, nil, tcpPacket("alice", "10.1.2.3", port, 443, syn)); drop != tunnel.Kept {
					t.Errorf("https: %v, %s", drop, why)
					return
				}
				if drop, _ := w.guard.Judge(w.now, b, a, tcpPacket("bob", "alice", port, 22, syn)); drop == tunnel.Kept {
					t.Error("bob reached alice")
					return
				}
				w.guard.Judge(w.now, a, b, tcpPacket("alice", "bob", port, 22, syn))
			}
		})
	}
	for i := range 50 {
		w.adopt(always + []string{"", "allow user alice to user bob\n"}[i%2])
		w.guard.Reconsider()
	}
	judging.Wait()
}
