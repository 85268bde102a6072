package wrap

import (
	"crypto/hmac"
	"fmt"
	"strings"

	"culvert/internal/digest"
	"culvert/session/wire"
)

// Diagnose says what a packet that failed was armoured with. It tries every
// other way to use the keys at hand, and looks at the shape of the packet. The
// answer is for the log, never for the sender. It costs some thirty HMACs over
// the packet, so the caller limits its rate.
func (a *Armour) Diagnose(packet []byte) string {
	var c wire.Control
	body, err := c.ParseHeader(packet)
	if err != nil {
		return diagnoseHeader(packet)
	}
	if c.Op.HasWKc() {
		return a.diagnoseV2(packet)
	}
	if s := a.diagnoseKeys(packet); s != "" {
		return s
	}
	if looksClear(c, body) {
		return a.diagnoseClear()
	}
	return a.diagnoseShape(c, body)
}

// diagnoseHeader is for packets of no known control opcode.
func diagnoseHeader(packet []byte) string {
	if len(packet) < wire.ControlHeaderLen {
		return fmt.Sprintf("%d bytes are no control packet: noise", len(packet))
	}
	op, _ := wire.ParseHead(packet[0])
	switch {
	case op.IsData():
		return "a data packet of a session that is not known here: the peer has not noticed yet that it ended"
	case op == wire.PControlHardResetClientV1 || op == wire.PControlHardResetServerV1:
		return "the peer uses key method 1, which is gone since OpenVPN 2.5, or this is noise"
	}
	return fmt.Sprintf("%v is not an opcode of OpenVPN: noise, or another protocol on this port", op)
}

func (a *Armour) diagnoseV2(packet []byte) string {
	if a.V2 == nil {
		return "the peer uses tls-crypt-v2, and this server has no tls-crypt-v2 key: give the server its key, or the peer another profile"
	}
	rest, wkc, err := SplitWKc(packet)
	if err != nil {
		return fmt.Sprintf("the opcode is of tls-crypt-v2, but there is no wrapped client key (%v): noise, or a packet cut short", err)
	}
	kc, _, err := a.V2.UnwrapClientKey(wkc)
	if err != nil {
		return "the peer uses tls-crypt-v2 with a client key that another server key wrapped: make a new profile for it"
	}
	if s := diagnoseTLSCrypt(kc, "tls-crypt-v2", rest, true); s != "" {
		return s
	}
	return "the peer's wrapped tls-crypt-v2 key belongs to this server, but the packet was not made with it: damaged or forged"
}

// diagnoseKeys tries the static keys in all their uses.
func (a *Armour) diagnoseKeys(packet []byte) string {
	if a.TLSAuth != nil {
		if s := a.diagnoseTLSAuth(a.TLSAuth.Key, packet); s != "" {
			return s
		}
		if s := diagnoseTLSCrypt(a.TLSAuth.Key, "tls-crypt", packet, false); s != "" {
			return s
		}
	}
	if a.TLSCrypt != nil {
		if s := diagnoseTLSCrypt(a.TLSCrypt, "tls-crypt", packet, true); s != "" {
			return s
		}
		return a.diagnoseTLSAuth(a.TLSCrypt, packet)
	}
	return ""
}

// senders are how the ends that send with half 0 and 1 of a key are set.
var senders = [2]string{"key-direction 0, or none", "key-direction 1"}

func (a *Armour) diagnoseTLSAuth(key *StaticKey, packet []byte) string {
	for _, d := range digest.All() {
		for half, sender := range senders {
			if verifyTLSAuth(key, half, d, packet) {
				return fmt.Sprintf("the peer uses tls-auth with the same key, digest %s and %s; %s", d.Name, sender, a.expects(half, d))
			}
		}
	}
	return ""
}

func verifyTLSAuth(key *StaticKey, half int, d digest.Digest, packet []byte) bool {
	if len(packet) < wire.ControlHeaderLen+d.Size()+replayLen {
		return false
	}
	p := splitAuth(packet, d.Size())
	return hmac.Equal(p.tag, p.sum(newAuthHash(key, half, d)))
}

// expects compares what tls-auth was found to what this server is set to.
func (a *Armour) expects(half int, d digest.Digest) string {
	t := a.TLSAuth
	if t == nil {
		return "this server expects tls-crypt: set both to the same"
	}
	var mend []string
	if d.Name != t.Digest.Name {
		mend = append(mend, "this server has digest "+t.Digest.Name+": set auth alike")
	}
	if half != t.Direction.receive() {
		mend = append(mend, fmt.Sprintf("this server has %v: the peer needs %v", t.Direction, t.Direction.Peer()))
	}
	if len(mend) == 0 {
		return authentic
	}
	return strings.Join(mend, "; ")
}

// authentic is for packets that were refused for another reason.
const authentic = "that fits: the packet is authentic, so it is a replay or malformed inside"

// diagnoseTLSCrypt tries a key in both roles. expected says whether this server
// has the key for this armour.
func diagnoseTLSCrypt(key *StaticKey, armour string, packet []byte, expected bool) string {
	switch {
	case verifyTLSCrypt(key, Inverse.send(), packet) && expected:
		return "the peer uses " + armour + " with the same key; " + authentic
	case verifyTLSCrypt(key, Inverse.send(), packet):
		return "the peer uses tls-crypt with the same key; this server expects tls-auth: set both to the same"
	case verifyTLSCrypt(key, Normal.send(), packet):
		return "the peer uses " + armour + " with the same key, but as a server: two servers talk to each other, or a packet came back"
	}
	return ""
}

func verifyTLSCrypt(key *StaticKey, half int, packet []byte) bool {
	if len(packet) < cryptADLen {
		return false
	}
	_, ok := halfSIV(key, half).open(packet[:cryptADLen], packet[cryptADLen:])
	return ok
}

func (a *Armour) diagnoseClear() string {
	switch {
	case a.TLSCrypt != nil:
		return "control packet in clear: the peer has no tls-crypt key; add tls-crypt to its profile"
	case a.TLSAuth != nil:
		return "control packet in clear: the peer has no tls-auth key; add tls-auth to its profile"
	case a.V2 != nil:
		return "control packet in clear: the peer has no tls-crypt-v2 key; make a new profile for it"
	}
	return "control packet in clear, as expected: it belongs to no session, or is malformed inside"
}

// looksClear reports whether body belongs to a packet without armour.
func looksClear(c wire.Control, body []byte) bool {
	if c.ParseBody(body) != nil {
		return false
	}
	switch {
	case c.Op.IsHardReset(), c.Op == wire.PControlSoftResetV1:
		return len(c.Payload) == 0 && c.ID == 0
	case c.Op == wire.PAckV1:
		return len(c.Payload) == 0 && len(c.Acks) > 0
	}
	return looksTLS(c.Payload)
}

// looksTLS reports whether a payload begins a TLS record.
func looksTLS(b []byte) bool {
	return len(b) >= 2 && b[0] >= 20 && b[0] <= 23 && b[1] == 3
}

// diagnoseShape is for packets that no key at hand fits.
func (a *Armour) diagnoseShape(c wire.Control, body []byte) string {
	another, mend := " with another key", "give it the key file of this server"
	switch {
	case a.V2 != nil && a.TLSAuth == nil && a.TLSCrypt == nil:
		another, mend = "", "this server takes tls-crypt-v2 alone: make a new profile for it"
	case *a == (Armour{}):
		another, mend = "", "this server has none: give the server the line and the key file, or remove both from the peer's profile"
	}
	for _, d := range digest.All() {
		if n := d.Size() + replayLen; len(body) >= n && looksClear(c, body[n:]) {
			return fmt.Sprintf("the peer seems to use tls-auth%s, with a digest of %d bytes; %s", another, d.Size(), mend)
		}
	}
	const reset = 5 // no acknowledgements and a packet-id
	if c.Op.IsHardReset() && len(body) == cryptOverhead+reset {
		return "the peer seems to use tls-crypt" + another + "; " + mend
	}
	return "no armour with the keys of this server fits: another key, a damaged packet or noise"
}
