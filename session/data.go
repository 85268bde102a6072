package session

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"

	"culvert/internal/buf"
	"culvert/session/framing"
	"culvert/session/seal"
	"culvert/session/wire"
)

// Data is the data side of a session: it seals and opens the packets of the
// data channel. Its methods may be called from any goroutine, beside each other
// and beside those of the control side, which installs the keys.
type Data struct {
	born     time.Time
	fragment int // the longest datagram, bytes; 0: no limit
	ring     seal.Ring
	static   *seal.Static                  // of two hosts that share a key; nil: ring has the keys
	stage    atomic.Pointer[framing.Stage] // nil: packets stand alone
	trouble  atomic.Pointer[error]         // the first with framing
	failed   atomic.Bool                   // packets did that no summary has yet
	alarmed  atomic.Bool                   // Alarm has said so
	unkeyed  [8]atomic.Uint64              // packets under a key that is not here, by its id
	forged   atomic.Uint64                 // packets that the static key does not fit
	replayed atomic.Uint64                 // packets that came twice, or too late, with a static key
	loads    loads
	echoes   atomic.Pointer[echoes] // of the path's measuring; nil: it asks by no pings
	Answers  Answers

	// Each direction is written by a goroutine of its own, for every packet.
	_            cpu.CacheLinePad
	lastSent     atomic.Int64 // since born; of either channel
	sent         carried
	_            cpu.CacheLinePad
	lastReceived atomic.Int64 // the same
	received     carried
	_            cpu.CacheLinePad
}

// carried is what passed in one direction, without what daemons send each other.
type carried struct{ bytes, last atomic.Int64 } // last: since born

// newData makes the data side of a session that begins now. static is nil
// where the keys are still to be negotiated.
func newData(fragment int, static *seal.Static, now time.Time) *Data {
	d := &Data{born: now, fragment: fragment, static: static}
	d.noteSent(now)
	d.noteReceived(now)
	return d
}

// Seal turns an IP packet into a packet of the data channel, in place. It
// fails with seal.ErrNoKey until the session can send, with seal.ErrExhausted
// when a key was used up, and with framing.ErrTooLarge when p has to go in
// pieces: then p is what Cut wants.
func (d *Data) Seal(now time.Time, p *buf.Packet) error {
	d.carry(&d.sent, now, p.Len())
	return d.sealOwn(now, p)
}

// sealOwn is Seal for a packet of the daemon's own, which is not counted as
// carried.
func (d *Data) sealOwn(now time.Time, p *buf.Packet) error {
	if stage := d.stage.Load(); stage != nil {
		if err := stage.Wrap(p, d.pieceLimit()); err != nil {
			return err
		}
	}
	return d.sealFramed(now, p)
}

func (d *Data) sealFramed(now time.Time, p *buf.Packet) error {
	var err error
	if d.static != nil {
		err = d.static.Seal(now, p)
	} else {
		err = d.ring.Seal(p)
	}
	if err != nil {
		return err
	}
	d.noteSent(now)
	return nil
}

// Cut takes a packet apart that Seal found too large. Give each piece to
// SealPiece. It fails with framing.ErrTooLarge.
func (d *Data) Cut(p *buf.Packet) (framing.Pieces, error) {
	return d.stage.Load().Cut(p, d.pieceLimit())
}

// SealPiece makes p a packet of the data channel that holds the next piece;
// more is false when there is none. It fails as Seal does.
func (d *Data) SealPiece(now time.Time, pieces *framing.Pieces, p *buf.Packet) (more bool, err error) {
	if !pieces.Next(p) {
		return false, nil
	}
	return true, d.sealFramed(now, p)
}

// Open turns a packet of the data channel into what it carries, in place. It
// fails as seal.Ring.Open and framing.Stage.Unwrap do; the session goes on all
// the same.
func (d *Data) Open(now time.Time, p *buf.Packet) (Kind, error) {
	since, size := int64(now.Sub(d.born)), p.Len()
	head := p.Bytes()
	if err := d.open(p, since); err != nil {
		d.fail(head, err)
		return KindOther, err
	}
	d.noteReceived(now)
	if stage := d.stage.Load(); stage != nil {
		if err := stage.Unwrap(p, since); err != nil {
			d.misframed(err)
			p.TrimBack(p.Len())
			return KindOther, err
		}
		if p.Len() == 0 {
			return KindOther, nil
		}
	}
	kind := kindOf(p.Bytes())
	switch kind {
	case KindPacket:
		if d.Answers.take(p.Bytes(), since) {
			return KindOther, nil
		}
		if e := d.echoes.Load(); e != nil && e.take(p.Bytes()) {
			if d.loads.news() {
				return KindMTUTest, nil
			}
			return KindOther, nil
		}
		d.carry(&d.received, now, p.Len())
	case KindMTUTest:
		if p.Bytes()[len(occMagic)] == occReport {
			d.Answers.byMessage(since)
		}
		if !d.loads.take(size, p.Bytes()) {
			kind = KindOther
		}
	}
	return kind, nil
}

func (d *Data) open(p *buf.Packet, since int64) error {
	if d.static != nil {
		return d.static.Open(p, since)
	}
	return d.ring.Open(p, since)
}

// fail notes that a packet failed. packet is as it came.
func (d *Data) fail(packet []byte, err error) {
	switch {
	case d.static != nil && errors.Is(err, seal.ErrAuth):
		d.forged.Add(1)
	case d.static != nil && errors.Is(err, seal.ErrReplay):
		d.replayed.Add(1)
	case len(packet) > 0 && errors.Is(err, seal.ErrNoKey):
		_, key := wire.ParseHead(packet[0])
		d.unkeyed[key&7].Add(1)
	}
	if !d.failed.Load() {
		d.failed.Store(true)
	}
}

// Alarm returns true after the first packet that failed since the last summary: then
// the session is to be given its turn, by Advance.
func (d *Data) Alarm() (first bool) {
	return d.failed.Load() && !d.alarmed.Load() && !d.alarmed.Swap(true)
}

// Fit is the longest IP packet whose datagram, in one piece, has no more than
// size bytes of payload; 0 while that cannot be known.
func (d *Data) Fit(size int) int {
	n, ok := d.fit(size)
	if !ok {
		return 0
	}
	if stage := d.stage.Load(); stage != nil {
		n -= stage.Overhead()
	}
	return max(n, 0)
}

// fit is the longest plaintext of a packet of size bytes; ok is false while
// that cannot be known.
func (d *Data) fit(size int) (n int, ok bool) {
	if d.static != nil {
		return d.static.Fit(size), true
	}
	return d.ring.Fit(size)
}

// pieceLimit is the longest plaintext of a packet with `fragment`, 0 for any.
func (d *Data) pieceLimit() int {
	if d.fragment == 0 {
		return 0
	}
	n, ok := d.fit(d.fragment)
	if !ok {
		return 0
	}
	return max(n, 1)
}

// Malformed takes note of what came out of the data channel and is not a packet
// of the kind that the tunnel carries.
func (d *Data) Malformed(b []byte) {
	if len(b) == 0 {
		return
	}
	switch b[0] {
	case wire.FramePlain, wire.FramePlainSwap, wire.FrameLZO, wire.FrameLZ4Swap, wire.FrameV2:
		d.misframed(errPeerFrames)
	}
}

// misframed notes the first trouble with framing.
func (d *Data) misframed(err error) {
	if d.trouble.Load() == nil {
		d.trouble.Store(&err)
		d.failed.Store(true)
	}
}

// LastReceived is when an authentic packet last came, of either channel; before
// the first, it is when the session began.
func (d *Data) LastReceived() time.Time { return d.after(d.lastReceived.Load()) }

// LastAnswer is when the peer last answered a question (Session.Ping); before the first
// answer, it is when the session began.
func (d *Data) LastAnswer() time.Time { return d.after(d.Answers.last.Load()) }

// LastSent is when a packet was last sent, on either channel; before the first,
// it is when the session began.
func (d *Data) LastSent() time.Time { return d.after(d.lastSent.Load()) }

// CipherName is the data channel's cipher by OpenVPN's name, "" while no data
// can be sent.
func (d *Data) CipherName() string { return d.ring.Cipher().Name() }

// Used is how many bytes a session's tunnel has carried both ways, without what daemons send
// each other.
func Used(d *Data) int64 {
	bytes, _ := d.traffic()
	return bytes
}

// traffic is how much was carried both ways, and when the last packet was; before
// the first, when the session began.
func (d *Data) traffic() (bytes int64, last time.Time) {
	return d.sent.bytes.Load() + d.received.bytes.Load(), d.after(max(d.sent.last.Load(), d.received.last.Load()))
}

func (d *Data) carry(c *carried, now time.Time, n int) {
	c.bytes.Add(int64(n))
	c.last.Store(d.since(now))
}

// noteSent and noteReceived note the time of a packet of either channel.
func (d *Data) noteSent(now time.Time)     { d.lastSent.Store(d.since(now)) }
func (d *Data) noteReceived(now time.Time) { d.lastReceived.Store(d.since(now)) }

func (d *Data) since(now time.Time) int64   { return int64(now.Sub(d.born)) }
func (d *Data) after(since int64) time.Time { return d.born.Add(time.Duration(since)) }
