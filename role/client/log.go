package client

import "culvert/role/event"

// Event is what a client reports: a value of package event.
type Event = event.Event

// words are a client's in the log.
var words = event.Words{
	Other: "the server", OtherKey: "server",
	Looped: "packets to the server's own address come out of the tunnel's adapter and are dropped: " +
		"a route sends them into the tunnel; remove it, or leave out the `local` flag of redirect-gateway",
}

// remark reports a remark.
func (c *Client) remark(text string) { c.emit(event.Remark{Text: text}) }

// emit reports an event: to the log, and to whoever else wants to know. The log has
// why a connection was lost once, with when the next try is.
func (c *Client) emit(e Event) {
	if _, lost := e.(event.Lost); !lost {
		c.said.Read(e)
	}
	if c.opts.Events != nil {
		c.opts.Events(e)
	}
}
