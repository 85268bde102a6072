package seal

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"culvert/internal/buf"
	"culvert/internal/digest"
)

// Static is the data channel of two hosts that share a static key: one set of
// keys for good, and packets without a head, encrypt-then-MAC:
//
//	HMAC | IV 16 | encrypted: packet-id 4 | time 4 | text | padding
//
// Time is when the sender began to count packet-ids, in seconds since 1970:
// it lets a receiver refuse packets of earlier runs. What was received before
// this process began cannot be told from new, unless Resume says how far that went.
// Safe for concurrent use.
type Static struct {
	sealing sync.Mutex
	send    cbcKey
	sent    uint32 // the last packet-id
	since   uint32 // and the time that goes with it

	opening sync.Mutex
	recv    cbcKey
	latest  uint32 // time of the peer's run
	window  window
	config  StaticConfig
}

// StaticConfig is what NewStatic needs.
type StaticConfig struct {
	Cipher   Cipher // in CBC mode
	Digest   digest.Digest
	Material KeyMaterial // this end sends with the client's half
	Window   int         // as in GenerationConfig
	// ReplayTime is how long after a later packet one may come; 0 is no limit.
	ReplayTime time.Duration
}

const longIDLen = 8

// NewStatic fails when cipher or digest do not fit this format.
func NewStatic(c StaticConfig) (*Static, error) {
	if !c.Cipher.valid() || ciphers[c.Cipher].block == nil {
		return nil, fmt.Errorf("static key: cipher %q; it must be one in CBC mode, such as AES-256-CBC", c.Cipher.Name())
	}
	if c.Digest.New == nil {
		return nil, errors.New("static key: packets must be authenticated; give a digest such as SHA256")
	}
	if c.Window < 0 || c.Window > maxWindow {
		return nil, fmt.Errorf("static key: replay window of %d packets; it must be 1 to %d, or 0 for %d", c.Window, maxWindow, defaultWindow)
	}
	send, recv := c.Material.split(false)
	s := &Static{config: c}
	if err := s.send.init(c.Cipher, c.Digest, send, cipher.NewCBCEncrypter); err != nil {
		return nil, err
	}
	if err := s.recv.init(c.Cipher, c.Digest, recv, cipher.NewCBCDecrypter); err != nil {
		return nil, err
	}
	s.config.Material = KeyMaterial{}
	s.window = s.newWindow()
	return s, nil
}

func (s *Static) newWindow() window {
	size := s.config.Window
	if size == 0 {
		size = defaultWindow
	}
	return newWindow(size, s.config.ReplayTime)
}

// Fit is the longest plaintext whose packet is no longer than size bytes.
func (s *Static) Fit(size int) int {
	room := size - s.send.macLen - s.send.block
	return max(room-room%s.send.block-1-longIDLen, 0)
}

// Seal makes the plaintext p a whole packet, in place. It panics when p lacks
// the headroom for 88 bytes or the tailroom for 16.
func (s *Static) Seal(now time.Time, p *buf.Packet) error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if s.sent == 0 || s.sent == maxPacketID {
		// Time must not run backwards, or the peer refuses all that follows;
		// and within a second, packet-ids must not begin where those of a
		// process that ended just now did.
		s.since, s.sent = max(uint32(now.Unix()), s.since+1), uint32(now.Nanosecond())
	}
	s.sent++
	id := p.Prepend(longIDLen)
	binary.BigEndian.PutUint32(id, s.sent)
	binary.BigEndian.PutUint32(id[4:], s.since)
	s.send.encrypt(p)
	sum := s.send.authenticate(p.Bytes())
	copy(p.Prepend(s.send.macLen), sum)
	return nil
}

// Open makes the packet p plaintext, in place. now is in nanoseconds on a
// monotonic clock. It fails with ErrShort, ErrAuth or ErrReplay, and p is then
// empty.
func (s *Static) Open(p *buf.Packet, now int64) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	err := s.open(p, now)
	if err != nil {
		p.TrimBack(p.Len())
	}
	return err
}

func (s *Static) open(p *buf.Packet, now int64) error {
	k := &s.recv
	if p.Len() < k.macLen+k.block+longIDLen {
		return ErrShort
	}
	tag, rest := p.Bytes()[:k.macLen], p.Bytes()[k.macLen:]
	if subtle.ConstantTimeCompare(tag, k.authenticate(rest)) != 1 {
		return ErrAuth
	}
	p.TrimFront(k.macLen)
	if err := k.decrypt(p); err != nil {
		return err
	}
	if p.Len() < longIDLen {
		return ErrShort
	}
	id, since := binary.BigEndian.Uint32(p.Bytes()), binary.BigEndian.Uint32(p.Bytes()[4:])
	p.TrimFront(longIDLen)
	return s.accept(id, since, now)
}

// Received returns how far the peer has come: the time of its run, and the highest
// packet-id of it; zeros before its first packet.
func (s *Static) Received() (since, id uint32) {
	s.opening.Lock()
	defer s.opening.Unlock()
	return s.latest, uint32(s.window.top)
}

// Resume refuses what the peer sent up to a packet, as Received returned it in a process
// before this one. Call it before the first Open.
func (s *Static) Resume(since, id uint32) {
	s.opening.Lock()
	defer s.opening.Unlock()
	s.latest, s.window = since, s.newWindow()
	if id > 0 && s.window.accept(uint64(id), 0) == nil {
		s.window.floor = uint64(id)
	}
}

// errEarlierRun is a packet of a run of the peer before its present one.
var errEarlierRun = fmt.Errorf("%w: from an earlier run of the peer", ErrReplay)

func (s *Static) accept(id, since uint32, now int64) error {
	switch {
	case since < s.latest:
		return errEarlierRun
	case since > s.latest:
		s.latest, s.window = since, s.newWindow()
	}
	return s.window.accept(uint64(id), now)
}
