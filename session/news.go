package session

// news is what a session reports to its owner: events in order, the last of
// which says why it ended.
type news struct {
	events []Event
	err    error // why the session ended; nil while it lives
}

// emit reports an event. Nothing follows Closed, so that the owner can let go
// of what the session had.
func (n *news) emit(e Event) {
	if n.err == nil {
		n.events = append(n.events, e)
	}
}

// remark reports a Remark, unless it is empty.
func (n *news) remark(text string) {
	if text != "" {
		n.emit(Remark{text})
	}
}

// fail ends the session. The first reason stays.
func (n *news) fail(err error) {
	n.emit(Closed{Err: err})
	if n.err == nil {
		n.err = err
	}
}

// take returns what happened since the last call.
func (n *news) take() []Event {
	events := n.events
	n.events = nil
	return events
}
