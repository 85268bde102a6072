package p2p

import "culvert/role/event"

// Event is what a host reports: a value of package event.
type Event = event.Event

// words are a host's in the log.
var words = event.Words{
	Other: "the other host", OtherKey: "remote",
	Looped: "packets to the other host's outer address come out of the tunnel's adapter and are dropped: a route sends them into the tunnel; remove it",
}

// emit reports an event: to the log, and to whoever else wants to know.
func (h *Host) emit(e Event) {
	h.said.Read(e)
	if h.opts.Events != nil {
		h.opts.Events(e)
	}
}

// remark reports a remark.
func (h *Host) remark(text string) { h.emit(event.Remark{Text: text}) }
