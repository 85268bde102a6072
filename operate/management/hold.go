package management

import (
	"context"
	"fmt"
	"time"
)

// hold is the state of `hold`. The Interface's lock guards it.
type hold struct {
	flag bool // of management-hold, or as readers set it
	// released is set by a release that came while nobody waited: it counts for the
	// next hold, since readers may be faster than this process.
	released bool
	waiting  chan struct{} // closed by a release; nil: nobody waits
}

// holding is the kind of the standing message of a hold.
const holding = "HOLD"

// Holds reports whether Hold would wait.
func (i *Interface) Holds() bool {
	if i == nil {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hold.flag && !i.hold.released
}

// Hold waits for `hold release`, if the hold flag is set. wait is how long the caller
// would wait without this; readers are told. It reports whether it waited, and fails when
// ctx ends.
func (i *Interface) Hold(ctx context.Context, wait time.Duration) (held bool, err error) {
	if i == nil {
		return false, nil
	}
	i.mu.Lock()
	if !i.hold.flag || i.hold.released {
		held := i.hold.flag
		i.hold.released = false
		i.mu.Unlock()
		return held, nil
	}
	released := make(chan struct{})
	i.hold.waiting = released
	i.mu.Unlock()
	stand(i, holding, alike(fmt.Sprintf(">HOLD:Waiting for hold release:%d", int(wait/time.Second))))
	defer withdraw(i, holding)
	select {
	case <-released:
		return true, nil
	case <-ctx.Done():
		i.mu.Lock()
		defer i.mu.Unlock()
		i.hold.waiting = nil
		return true, ctx.Err()
	}
}

func doHold(r *reader, args []string) {
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	h := &i.hold
	switch word := first(args); {
	case len(args) == 0:
		r.ok("hold=%d", map[bool]int{true: 1}[h.flag])
	case word == "on" || word == "off":
		h.flag = word == "on"
		r.ok("hold flag set to %s", map[bool]string{true: "ON", false: "OFF"}[h.flag])
	case word == "release":
		if h.waiting != nil {
			close(h.waiting)
			h.waiting = nil
		} else {
			h.released = true
		}
		r.ok("hold release succeeded")
	default:
		r.refuse("bad hold command parameter")
	}
}

// up forgets a release that came too late for a hold.
func (h *hold) up() { h.released = false }

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
