package doctor

import (
	"context"
	"sync"
	"time"
)

// pick chooses the first server that answers, in the order of the profile, without
// waiting long for those before it.
type pick struct {
	mu      sync.Mutex
	open    []bool // by place in the order: it is not known yet whether this one answers
	best    *knocking
	at      int           // best's place
	changed chan struct{} // is closed and replaced when something is known
}

// prefer is how long servers before one that answers are waited for.
const prefer = 700 * time.Millisecond

func newPick(places int) *pick {
	p := &pick{open: make([]bool, places), changed: make(chan struct{})}
	for i := range p.open {
		p.open[i] = true
	}
	return p
}

// settle says what came of the server at a place; nil: there is none.
func (p *pick) settle(place int, k *knocking) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[place] = false
	if k != nil && k.Answered && (p.best == nil || place < p.at) {
		own := *k
		p.best, p.at = &own, place
	}
	p.tell()
}

// end says that nothing more will be known.
func (p *pick) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.open)
	p.tell()
}

func (p *pick) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// look returns the best so far, whether none before it may still answer, and what is
// closed when that changes.
func (p *pick) look() (best *knocking, sure bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.open)
	if p.best != nil {
		before = p.at
	}
	sure = true
	for _, open := range p.open[:before] {
		sure = sure && !open
	}
	return p.best, sure, p.changed
}

// wait returns the server to connect to, nil if none answers.
func (p *pick) wait(ctx context.Context) *knocking {
	var enough <-chan time.Time
	for {
		best, sure, changed := p.look()
		if sure {
			return best
		}
		if best != nil && enough == nil {
			enough = time.After(prefer)
		}
		select {
		case <-changed:
		case <-enough:
			best, _, _ = p.look()
			return best
		case <-ctx.Done():
			return best
		}
	}
}
