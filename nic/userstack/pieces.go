package userstack

import "sync"

// pieceCost is about what gVisor takes for each write that it holds, in addition to
// the bytes of the write. It counts only those.
const pieceCost = 1 << 10

// pieces bounds how many unacknowledged writes a connection holds, by setting the
// size of the send buffer: the size of the last writes, as many as may be held.
// Small pieces then wait outside, where they are joined to larger ones. The zero
// value is ready.
type pieces struct {
	mu      sync.Mutex
	step    [32]int64 // bytes of the last writes, perStep of them in each
	current int       // the step being filled
	writes  int       // in it
	full    bool      // all steps have been filled
	sum     int64     // of all steps
}

// next notes an imminent write of n bytes to a buffer of size bytes, and returns
// how large the buffer may be for it.
func (p *pieces) next(n int, size int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writes >= p.perStep(size) {
		p.advance()
	}
	p.writes++
	p.step[p.current] += int64(n)
	p.sum += int64(n)
	if !p.full {
		return size
	}
	return min(size, p.sum)
}

func (p *pieces) perStep(size int64) int {
	return max(1, int(size/pieceCost)/len(p.step))
}

// advance forgets the oldest step.
func (p *pieces) advance() {
	p.current = (p.current + 1) % len(p.step)
	p.full = p.full || p.current == 0
	p.sum -= p.step[p.current]
	p.step[p.current] = 0
	p.writes = 0
}
