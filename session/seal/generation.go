package seal

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/internal/digest"
	"culvert/session/wire"
)

const (
	maxPacketID = math.MaxUint32 // a 32-bit packet-id must never wrap
	maxFailures = 1 << 36        // draft, "AEAD usage limits"
	maxPeerID   = 1<<24 - 1
)

// GenerationConfig is what NewGeneration needs.
type GenerationConfig struct {
	KeyID    wire.KeyID // 0 to 7
	Cipher   Cipher
	Material KeyMaterial
	Server   bool // this end is the TLS server

	// Digest authenticates packets under ciphers that are not AEAD.
	Digest digest.Digest
	// Epoch selects the format with 64-bit packet-ids and keys that renew
	// themselves. It needs an AEAD cipher and V2.
	Epoch bool
	// Insecure allows the cipher None, and no Digest where one is needed.
	Insecure bool

	// V2 sends P_DATA_V2 with PeerID, otherwise P_DATA_V1. Both are received,
	// whatever the peer-id: finding the session by it is the caller's part, and
	// it cannot be changed on the way.
	V2     bool
	PeerID wire.PeerID

	// Window is how far packets may be reordered, 1 to 65,536; 0 is 8,192.
	Window int
	// ReplayTime is how long after a later packet one may come; 0 is no limit.
	ReplayTime time.Duration

	Limits Limits
}

// Limits are the counts from which a new generation is due; with Epoch, those
// of Usage and Packets from which the next epoch is. A zero field is seven
// eighths of the most that is safe.
type Limits struct {
	// Usage is packets plus 16-byte blocks in one direction; 2^36 are safe with
	// AES-GCM, any with CHACHA20-POLY1305. It is counted a little high: two for
	// each packet, and the blocks all bytes together fill.
	Usage uint64
	// Packets is packets sent; 2^32-1 are possible.
	Packets uint64
	// Failures is packets that failed authentication; 2^36 are safe.
	Failures uint64
}

func (l Limits) orSafe(c Cipher) Limits {
	soften := func(limit *uint64, safe uint64) {
		if *limit == 0 {
			*limit = safe - safe/8
		}
	}
	soften(&l.Usage, ciphers[c].maxUsage)
	soften(&l.Packets, maxPacketID)
	soften(&l.Failures, maxFailures)
	return l
}

// Usage is what a generation did so far. Bytes are of plaintext.
type Usage struct {
	Sent, SentBytes         uint64
	Received, ReceivedBytes uint64
	AuthFailures            uint64
	Replays                 uint64 // packet-id 0 or received before
	TooOld                  uint64 // behind the window, or too late
	DeepestReorder          uint64 // farthest an accepted packet was behind the highest
	Highest                 uint64 // packets that the peer has sent at least, by their packet-ids
	DeepestRefused          uint64 // the same of those refused as TooOld, which nobody has authenticated
}

// Generation is the keys of one key id with their counters. A Ring makes use
// of it; its own methods may be called at any time.
type Generation struct {
	key    wire.KeyID
	cipher Cipher
	header header
	format format
	limits Limits
	most   Limits // what must not be passed

	// The directions run on different cores: each has its cache lines.
	_                         [64]byte
	sent                      tally
	_                         [64]byte
	received                  tally
	failures, replays, tooOld atomic.Uint64
}

// NewGeneration fails when a field is out of its range.
func NewGeneration(c GenerationConfig) (*Generation, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("data channel key %d: %w", c.KeyID, err)
	}
	f, err := newFormat(&c)
	if err != nil {
		return nil, fmt.Errorf("data channel key %d: %s: %w", c.KeyID, c.Cipher.Name(), err)
	}
	g := &Generation{
		key:    c.KeyID,
		cipher: c.Cipher,
		header: newHeader(c.V2, c.KeyID, c.PeerID),
		format: f,
		limits: c.Limits.orSafe(c.Cipher),
		most:   Limits{Usage: ciphers[c.Cipher].maxUsage, Packets: maxPacketID},
	}
	if c.Epoch {
		g.most = Limits{Usage: math.MaxUint64, Packets: math.MaxUint64}
		g.limits.Usage, g.limits.Packets = math.MaxUint64, math.MaxUint64
	}
	return g, nil
}

func newFormat(c *GenerationConfig) (format, error) {
	switch {
	case c.Epoch:
		return newEpochFormat(c)
	case c.Cipher.IsAEAD():
		return newAEADFormat(c)
	}
	return newCBCFormat(c)
}

func (c *GenerationConfig) window() window {
	if c.Window == 0 {
		return newWindow(defaultWindow, c.ReplayTime)
	}
	return newWindow(c.Window, c.ReplayTime)
}

func (c *GenerationConfig) validate() error {
	switch {
	case !c.Cipher.valid():
		return fmt.Errorf("cipher not set; take one from LookupCipher")
	case !c.Insecure && !c.Cipher.IsAEAD() && (c.Cipher == None || c.Digest.New == nil):
		return fmt.Errorf("cipher %s and digest %q: packets would not be encrypted, or not authenticated", c.Cipher.Name(), c.Digest.Name)
	case c.Epoch && (!c.Cipher.IsAEAD() || !c.V2):
		return fmt.Errorf("epoch keys with cipher %s; they need an AEAD cipher and P_DATA_V2", c.Cipher.Name())
	case c.KeyID > 7:
		return fmt.Errorf("key id %d; it must be 0 to 7", c.KeyID)
	case c.PeerID > maxPeerID:
		return fmt.Errorf("peer-id %d; it must be 0 to %d", c.PeerID, maxPeerID)
	case c.Window < 0 || c.Window > maxWindow:
		return fmt.Errorf("replay window of %d packets; it must be 1 to %d, or 0 for %d", c.Window, maxWindow, defaultWindow)
	case c.ReplayTime < 0:
		return fmt.Errorf("replay time %s; it must not be negative", c.ReplayTime)
	}
	return nil
}

// KeyID is the key id of the generation.
func (g *Generation) KeyID() wire.KeyID { return g.key }

// Received is how many packets were opened; above 0 the peer is known to have
// the keys.
func (g *Generation) Received() uint64 { return g.received.packets.Load() }

// Fit is the longest plaintext whose packet is no longer than size bytes; 0 or
// less when there is none.
func (g *Generation) Fit(size int) int {
	fixed, block := g.format.overhead()
	room := size - g.header.len - fixed
	if block > 1 {
		room = room/block*block - idLen - 1 // packet-id and padding are in the blocks
	}
	return room
}

// Due reports whether a limit is reached, and a new generation needed.
func (g *Generation) Due() bool {
	if e, ok := g.format.(*epochFormat); ok && e.ending() {
		return true
	}
	return g.sent.packets.Load() >= g.limits.Packets ||
		max(g.sent.usage(), g.received.usage()) >= g.limits.Usage ||
		g.failures.Load() >= g.limits.Failures
}

// Usage reads the counters. While packets flow they may be some packets apart.
func (g *Generation) Usage() Usage {
	order := g.format.reorder()
	return Usage{
		Sent:           g.sent.packets.Load(),
		SentBytes:      g.sent.bytes.Load(),
		Received:       g.received.packets.Load(),
		ReceivedBytes:  g.received.bytes.Load(),
		AuthFailures:   g.failures.Load(),
		Replays:        g.replays.Load(),
		TooOld:         g.tooOld.Load(),
		DeepestReorder: order.deepest,
		Highest:        order.highest,
		DeepestRefused: order.refused,
	}
}

func (g *Generation) seal(p *buf.Packet) error {
	if g.sent.usage() >= g.most.Usage {
		return ErrExhausted
	}
	id, ok := g.sent.next(g.most.Packets)
	if !ok {
		return ErrExhausted
	}
	g.sent.bytes.Add(uint64(p.Len()))
	return g.format.seal(p, &g.header, id)
}

func (g *Generation) open(p *buf.Packet, headLen int, now int64) error {
	if g.failures.Load() >= maxFailures {
		return ErrExhausted
	}
	if err := g.format.open(p, headLen, now); err != nil {
		g.countFailure(err)
		return err
	}
	g.received.bytes.Add(uint64(p.Len()))
	g.received.packets.Add(1)
	return nil
}

func (g *Generation) countFailure(err error) {
	switch {
	case err == ErrAuth:
		g.failures.Add(1)
	case err == errTooOld || err == errLate:
		g.tooOld.Add(1)
	case errors.Is(err, ErrReplay):
		g.replays.Add(1)
	}
}

// tally counts one direction. Sent packets number their packet-ids.
type tally struct{ packets, bytes atomic.Uint64 }

// next counts a packet and returns its number, unless that would pass limit.
func (t *tally) next(limit uint64) (id uint64, ok bool) {
	for {
		n := t.packets.Load()
		if n >= limit {
			return 0, false
		}
		if t.packets.CompareAndSwap(n, n+1) {
			return n + 1, true
		}
	}
}

// usage bounds packets plus blocks from above: the blocks of a packet are at
// most one more than its bytes/16.
func (t *tally) usage() uint64 { return 2*t.packets.Load() + t.bytes.Load()/16 }

// guard is a replay window for several goroutines.
type guard struct {
	mu sync.Mutex
	w  window
}

func (g *guard) check(id uint64, now int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.w.check(id, now)
}

func (g *guard) accept(id uint64, now int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.w.accept(id, now)
}

func (g *guard) reorder() reorder {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.w.reorder
	r.highest = g.w.top
	return r
}

// reorder is the farthest that packets were behind the highest, among those
// accepted and those refused for it, and the highest packet-id.
type reorder struct{ deepest, refused, highest uint64 }

// and is for another window: each counts from 1.
func (r reorder) and(o reorder) reorder {
	return reorder{max(r.deepest, o.deepest), max(r.refused, o.refused), r.highest + o.highest}
}
