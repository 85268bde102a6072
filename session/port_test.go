package session

import (
	"crypto/rand"
	"testing"

	"culvert/internal/digest"
	"culvert/session/reliable"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestUnprovenCredit: the answer to a reset may be as long as what came.
func TestUnprovenCredit(t *testing.T) {
	auth := wrap.NewTLSAuth(must(wrap.GenerateStaticKey(rand.Reader))(t), wrap.Bidirectional, must(digest.Lookup("SHA256"))(t))
	for _, w := range []wrap.Wrapper{wrap.None{}, auth} {
		p := &port{wrapper: w}
		answer := reliable.Packet{Op: wire.PControlHardResetServerV2, Acks: []wire.PacketID{0}}
		reset := len(p.wrap(virtual, nil, 0, answer))
		if got := p.resetLen(); got != reset {
			t.Errorf("a reset has %d bytes, not %d", reset, got)
		}
		p.unproven = unproven{holds: true}
		for _, step := range []struct {
			n    int
			want bool
		}{{reset - 1, false}, {1, true}} {
			if p.unproven.received(step.n, false); p.maySend() != step.want {
				t.Errorf("with %d bytes of credit it sends: %v", p.unproven.credit, p.maySend())
			}
		}
		if p.wrap(virtual, make([]byte, 7), 0, answer); p.unproven.credit != 0 || p.maySend() {
			t.Errorf("more is sent than came: %d bytes of credit are left", p.unproven.credit)
		}
		if p.unproven.received(0, true); !p.maySend() {
			t.Error("an answer proves nothing")
		}
	}
}

// TestPeerNamesItself: by its reset, in the first handshake, until it has
// acknowledged something.
func TestPeerNamesItself(t *testing.T) {
	us, first, second := wire.SessionID{1}, wire.SessionID{2}, wire.SessionID{3}
	const reset = wire.PControlHardResetServerV2
	packet := func(op wire.Opcode, from wire.SessionID, acks ...wire.PacketID) *wire.Control {
		return &wire.Control{Op: op, Session: from, Acks: acks, Peer: us}
	}
	p := &port{names: reset, local: us}
	for _, step := range []struct {
		what        string
		c           *wire.Control
		greeting    bool
		is, renamed bool
	}{
		{"data before a reset", packet(wire.PControlV1, first), true, false, false},
		{"another kind of reset", packet(wire.PControlHardResetClientV2, first), true, false, false},
		{"a reset too late", packet(reset, first), false, false, false},
		{"a reset", packet(reset, first), true, true, false},
		{"another that acknowledges nothing", packet(reset, second), true, false, false},
		{"another that acknowledges", packet(reset, second, 0), true, true, true},
		{"the first again", packet(reset, first, 0), true, false, false},
		{"an acknowledgement for somebody else", &wire.Control{Op: wire.PAckV1, Session: second, Acks: []wire.PacketID{0}, Peer: first}, true, false, false},
		{"data", packet(wire.PControlV1, second, 1), true, true, false},
	} {
		if is, renamed := p.isPeers(step.c, step.greeting); is != step.is || renamed != step.renamed {
			t.Errorf("%s: %v, renamed %v", step.what, is, renamed)
		}
	}
	if p.remote != second || !p.confirmed {
		t.Errorf("%+v", p)
	}
	server := &port{local: us, remote: first}
	if is, _ := server.isPeers(packet(wire.PControlHardResetClientV2, second, 0), true); is || server.remote != first {
		t.Error("a server's peer took another name")
	}
}

// TestWrappedKeyIsSentOnce: in the first packet of TLS after it was asked for.
func TestWrappedKeyIsSentOnce(t *testing.T) {
	p := &port{resendWKc: true}
	if first, second := p.opcode(), p.opcode(); first != wire.PControlWKcV1 || second != wire.PControlV1 {
		t.Errorf("%v, then %v", first, second)
	}
}
