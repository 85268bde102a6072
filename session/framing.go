package session

import (
	"culvert/session/framing"
	"culvert/session/negotiate"
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
	s.data.stage.Store(framing.New(framing.Config{
		Compression: p.Compression, Refuse: s.cfg.RefuseCompressed, Fragments: p.Fragments,
	}))
}

func (s *Session) remark(text string) {
	if text != "" {
		s.emit(Remark{text})
	}
}
