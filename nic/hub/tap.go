package hub

import (
	"slices"

	"culvert/internal/buf"
)

// Direction is the direction of a frame at a port.
type Direction int

// Directions.
const (
	In  Direction = iota // from the adapter into the hub
	Out                  // from the hub to the adapter
)

// TapFunc gets a frame as it is at a port's adapter. It is called by several
// goroutines, must not block, and must not keep the frame.
type TapFunc func(d Direction, frame []byte)

// Tap makes the port call f, until remove is called, with every frame that the
// adapter sends, before it is judged, or is given.
func (p *Port) Tap(f TapFunc) (remove func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setTaps(append(p.tapsNow(), &f))
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.setTaps(slices.DeleteFunc(p.tapsNow(), func(t *TapFunc) bool { return t == &f }))
	}
}

// tapsNow returns the present taps, for the caller to change.
func (p *Port) tapsNow() []*TapFunc {
	if taps := p.taps.Load(); taps != nil {
		return slices.Clone(*taps)
	}
	return nil
}

func (p *Port) setTaps(taps []*TapFunc) {
	if len(taps) == 0 {
		p.taps.Store(nil)
		return
	}
	p.taps.Store(&taps)
}

// show shows frames to the taps.
func (p *Port) show(d Direction, frames []*buf.Packet) {
	taps := p.taps.Load()
	if taps == nil {
		return
	}
	for _, f := range frames {
		for _, tap := range *taps {
			(*tap)(d, f.Bytes())
		}
	}
}
