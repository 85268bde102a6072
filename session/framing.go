package session

import (
	"time"

	"culvert/internal/buf"
	"culvert/session/framing"
	"culvert/session/negotiate"
	"culvert/session/wire"
)

// agreeFraming settles what stands between packets and the data channel, by
// what was pushed, configured, and said in the peer's options string.
func (s *Session) agreeFraming(options string) {
	p := &s.params
	if !p.CompressionSet {
		var remark string
		p.Compression, remark = negotiate.AgreeCompression(s.cfg.Compression, options)
		s.remark(remark)
	}
	var remark string
	p.Fragments, remark = negotiate.AgreeFragments(s.cfg.Fragment > 0, options)
	s.remark(remark)
	s.stage.Store(framing.New(framing.Config{
		Compression: p.Compression, Refuse: s.cfg.RefuseCompressed, Fragments: p.Fragments,
	}))
}

func (s *Session) remark(text string) {
	if text != "" {
		s.emit(Remark{text})
	}
}

// pieceLimit is the longest plaintext of a packet with `fragment`, 0 for any.
func (s *Session) pieceLimit() int {
	if s.cfg.Fragment == 0 {
		return 0
	}
	n, ok := s.fitData(s.cfg.Fragment)
	if !ok {
		return 0
	}
	return max(n, 1)
}

// Cut takes a packet apart that Seal found too large. Give each piece to
// SealPiece. It fails with framing.ErrTooLarge. Any goroutine may call it.
func (s *Session) Cut(p *buf.Packet) (framing.Pieces, error) {
	return s.stage.Load().Cut(p, s.pieceLimit())
}

// SealPiece makes p a packet of the data channel that holds the next piece;
// more is false when there is none. It fails as Seal does.
func (s *Session) SealPiece(now time.Time, pieces *framing.Pieces, p *buf.Packet) (more bool, err error) {
	if !pieces.Next(p) {
		return false, nil
	}
	return true, s.sealFramed(now, p)
}

// Fit is the longest IP packet whose datagram, in one piece, has no more than
// size bytes of payload; 0 while that cannot be known. Any goroutine may call
// it.
func (s *Session) Fit(size int) int {
	n, ok := s.fitData(size)
	if !ok {
		return 0
	}
	if stage := s.stage.Load(); stage != nil {
		n -= stage.Overhead()
	}
	return max(n, 0)
}

// Malformed is told of what came out of the data channel and is not a packet of
// the kind that the tunnel carries. Any goroutine may call it.
func (s *Session) Malformed(b []byte) {
	if len(b) == 0 {
		return
	}
	switch b[0] {
	case wire.FramePlain, wire.FramePlainSwap, wire.FrameLZO, wire.FrameLZ4Swap, wire.FrameV2:
		s.report.misframed(errPeerFrames)
	}
}
