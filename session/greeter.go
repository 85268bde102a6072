package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"culvert/session/wire"
	"culvert/session/wrap"
)

// cookieSlot is how long a session id made by a Greeter stays good at least. It
// is twice that at most.
const cookieSlot = 30 * time.Second

// ErrCookie means that a first packet named a session id that its sender was
// never given, or was given too long ago.
var ErrCookie = errors.New("session id is not one this server gave to the sender")

// ErrNoCookie means that a client cannot prove its address unless the server
// keeps state for it, which the armour forbids.
var ErrNoCookie = errors.New("a tls-crypt-v2 client from before OpenVPN 2.6, which force-cookie keeps out: update it, or write tls-crypt-v2 FILE allow-noncookie")

// ErrTooMany means that a source sent more first packets than are answered.
// Anybody may have sent them in its name: the limit keeps answers from flooding
// it, and does not affect clients elsewhere.
var ErrTooMany = errors.New("more first packets came from there than are answered")

// ErrTooManyInAll means that all sources together sent more first packets than are
// answered.
var ErrTooManyInAll = errors.New("more first packets came than are answered (connect-freq-initial)")

// ErrOver means that a packet acknowledges more than a reset, although its
// sender has no session: it is a late packet of a session that is over.
var ErrOver = errors.New("the session is over")

// ErrNoReset means that a first packet holds more than a reset does. Packets
// with armour that this server does not have look like that.
var ErrNoReset = errors.New("the packet is not a client's reset: it holds more than one does")

// SourceAnswers is the rate of answers to one source. It is enough for a large
// office whose clients all come back at once.
var SourceAnswers = Rate{N: 1000, Per: 10 * time.Second}

// Greeter answers clients that have proven nothing, and keeps nothing for them:
// the session id in its reset is a keyed hash of the client's address and
// session id. A client that repeats it has shown that packets reach it. A
// Greeter is safe for concurrent use.
type Greeter struct {
	armour   atomic.Pointer[wrap.Armour]
	key      [32]byte
	limits   atomic.Pointer[answerLimits]
	answered answered
}

// NewGreeter returns a Greeter for a server with this armour. It answers first
// packets of all sources together at the rate inAll, to which those of clients that
// prove their address do not count (connect-freq-initial); the zero Rate is no such
// limit. In any case, each source (Source) gets answers at no more than SourceAnswers,
// or inAll if that is more.
func NewGreeter(armour wrap.Armour, inAll Rate) *Greeter {
	g := new(Greeter)
	g.Adopt(armour, inAll)
	rand.Read(g.key[:])
	return g
}

// Adopt has a Greeter answer by another armour and at another rate from now on, as
// NewGreeter takes them. A client that was answered under another armour begins anew.
func (g *Greeter) Adopt(armour wrap.Armour, inAll Rate) {
	g.armour.Store(&armour)
	if before := g.limits.Load(); before == nil || before.inAll.rate != inAll {
		g.limits.Store(newAnswerLimits(inAll))
	}
}

// Opening describes a client that may have a session.
type Opening struct {
	Client, Server wire.SessionID
	Wrapper        wrap.Wrapper // fresh: it has seen no packet
	Metadata       []byte       // of the client's tls-crypt-v2 key; nil without
	Key            []byte       // that key as the packet has it, wrapped; nil without
	// Proven: the client repeated the server's session id. Otherwise its packet
	// was a reset, from a client that needs no proof or is too old to give one.
	Proven bool
	// Unproven: the path does not show who is at the other end. Until the
	// client has acknowledged its reset, the session sends no more bytes than
	// it received.
	Unproven bool
	proves   func() // to call once such a client has; nil without Unproven
	// RoundTrip is how long the client's answer took, 0 if that is not known.
	RoundTrip time.Duration
}

// Greet takes a control packet that belongs to no session. It returns a reply
// to send, or an opening for Accept: give the same packet to the new session's
// Input. An error, such as ErrTooMany or ErrTooManyInAll, says why the packet is dropped. It is
// for the log only: an unproven sender is never told.
func (g *Greeter) Greet(now time.Time, from netip.AddrPort, packet []byte) (reply []byte, in *Opening, err error) {
	armour := g.armour.Load()
	c, wrapper, opening, err := unwrap(armour, packet)
	if err != nil {
		return nil, nil, err
	}
	switch c.Op {
	case wire.PControlHardResetClientV2, wire.PControlHardResetClientV3:
		id, _ := wrapper.LastID()
		old := c.Op == wire.PControlHardResetClientV3 && !wrap.EarlyNegotiation(id)
		if old && armour.ForceCookie {
			return nil, nil, ErrNoCookie // takes no place of those who get an answer
		}
		limits, who := g.limits.Load(), g.answered.key(from, c.Session)
		if err := limits.allow(now, from.Addr(), who); err != nil {
			return nil, nil, err
		}
		if old {
			opening.Unproven, opening.proves = true, func() { limits.inAll.giveBack(who) }
			return nil, opening, openAfresh(armour, opening, packet)
		}
		g.answered.note(now, who)
		return g.reset(now, from, c, wrapper), nil, nil
	case wire.PControlV1, wire.PAckV1, wire.PControlWKcV1:
		if c.Key != 0 || !slices.Contains(c.Acks, 0) || !g.valid(now, from, c.Session, c.Peer) {
			return nil, nil, fmt.Errorf("%w: %v", ErrCookie, c.Op)
		}
		if slices.Max(c.Acks) > 0 {
			return nil, nil, fmt.Errorf("%w: %v", ErrOver, c.Op)
		}
		opening.Server, opening.Proven = c.Peer, true
		who := g.answered.key(from, c.Session)
		opening.RoundTrip = g.answered.roundTrip(now, who)
		g.limits.Load().inAll.giveBack(who)
		opening.Wrapper, _, err = armour.Wrapper(packet, wrap.FirstID(2))
		return nil, opening, err
	}
	return nil, nil, fmt.Errorf("%w: %v without a session", wire.ErrMalformed, c.Op)
}

// GreetConnected is Greet for a client whose TCP connection has shown where it
// is: its reset opens a session at once. Greet would make it acknowledge the
// server's reset first, which some clients do late.
func (g *Greeter) GreetConnected(packet []byte) (*Opening, error) {
	armour := g.armour.Load()
	c, _, opening, err := unwrap(armour, packet)
	if err != nil {
		return nil, err
	}
	if c.Op != wire.PControlHardResetClientV2 && c.Op != wire.PControlHardResetClientV3 {
		return nil, fmt.Errorf("%w: %v without a session", wire.ErrMalformed, c.Op)
	}
	if err := openAfresh(armour, opening, packet); err != nil {
		return nil, err
	}
	return opening, nil
}

// unwrap takes the armour off a first packet.
func unwrap(armour *wrap.Armour, packet []byte) (*wire.Control, wrap.Wrapper, *Opening, error) {
	wrapper, metadata, err := armour.Wrapper(packet)
	if err != nil {
		return nil, nil, nil, err
	}
	var c wire.Control
	if err := wrapper.Unwrap(&c, packet); err != nil {
		return nil, nil, nil, err
	}
	later := func(id wire.PacketID) bool { return id > 0 } // nobody has sent those to a newcomer
	if c.Op == wire.PControlHardResetClientV2 && (len(c.Payload) > 0 || slices.ContainsFunc(c.Acks, later)) {
		return nil, nil, nil, ErrNoReset
	}
	in := &Opening{Client: c.Session, Metadata: metadata}
	if c.Op.HasWKc() {
		if _, in.Key, err = wrap.SplitWKc(packet); err != nil {
			return nil, nil, nil, err
		}
	}
	return &c, wrapper, in, nil
}

// openAfresh makes an opening of a reset, which is to be given to Input again.
func openAfresh(armour *wrap.Armour, in *Opening, packet []byte) (err error) {
	in.Server = newSessionID()
	in.Wrapper, _, err = armour.Wrapper(packet)
	return err
}

// reset is P_CONTROL_HARD_RESET_SERVER_V2 for a client, without keeping it.
func (g *Greeter) reset(now time.Time, from netip.AddrPort, c *wire.Control, wrapper wrap.Wrapper) []byte {
	var payload []byte
	if c.Op == wire.PControlHardResetClientV3 {
		payload = binary.BigEndian.AppendUint16(payload, tlvFlags)
		payload = binary.BigEndian.AppendUint16(payload, 2)
		payload = binary.BigEndian.AppendUint16(payload, flagResendWKc)
	}
	return wrapper.Wrap(nil, &wire.Control{
		Op:      wire.PControlHardResetServerV2,
		Session: g.cookie(slot(now), from, c.Session),
		Acks:    []wire.PacketID{0},
		Peer:    c.Session,
		Payload: payload,
	}, now)
}

func slot(now time.Time) uint64 { return uint64(now.Unix()) / uint64(cookieSlot/time.Second) }

// cookie is the server's session id for a client at an address in a slot of
// time.
func (g *Greeter) cookie(slot uint64, from netip.AddrPort, client wire.SessionID) (id wire.SessionID) {
	mac := hmac.New(sha256.New, g.key[:])
	addr := from.Addr().As16()
	message := binary.BigEndian.AppendUint64(nil, slot)
	message = append(message, addr[:]...)
	message = binary.BigEndian.AppendUint16(message, from.Port())
	mac.Write(append(message, client[:]...))
	copy(id[:], mac.Sum(nil))
	return id
}

func (g *Greeter) valid(now time.Time, from netip.AddrPort, client, server wire.SessionID) bool {
	for _, at := range []uint64{slot(now), slot(now) - 1} {
		want := g.cookie(at, from, client)
		if hmac.Equal(want[:], server[:]) {
			return true
		}
	}
	return false
}

// CookieKeyLen is the length of a key for Greeter.UseKey, bytes.
const CookieKeyLen = 32

// UseKey makes session ids by a key that was in use before, so that a client
// that was answered then need not begin anew. Call it before the first packet.
func (g *Greeter) UseKey(key [CookieKeyLen]byte) { g.key = key }
