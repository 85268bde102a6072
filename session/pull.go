package session

import (
	"time"

	"culvert/session/negotiate"
)

// A client asks for its push again after pushInterval, and from then on at
// intervals that grow by it. A server older than 2.5 passes over what comes
// before it has let the client in, which it does in the second after the keys.
const (
	pushInterval    = time.Second
	maxPushInterval = 5 * time.Second
)

// pull is a client's part in the exchange of PUSH_REQUEST and PUSH_REPLY, and
// what the server changes of it later. The zero value does not ask.
type pull struct {
	next     time.Time // when to ask again; zero: not asking
	interval time.Duration
	reply    negotiate.PushReader
	update   negotiate.PushReader
}

// begin asks for the push from now on.
func (p *pull) begin(now time.Time) { p.next = now }

// asking reports whether a reply is waited for.
func (p *pull) asking() bool { return !p.next.IsZero() }

// due reports whether a request is to be sent now. It counts as sent.
func (p *pull) due(now time.Time) bool {
	if !p.asking() || now.Before(p.next) {
		return false
	}
	p.interval = min(p.interval+pushInterval, maxPushInterval)
	p.next = now.Add(p.interval)
	return true
}

// addReply takes a part of the reply, and reports whether the options are whole,
// upon which it asks no more. It fails as negotiate.PushReader.Add does.
func (p *pull) addReply(part string) (options []string, whole bool, err error) {
	if whole, err = p.reply.Add(part); err != nil || !whole {
		return nil, false, err
	}
	p.next = time.Time{}
	return p.reply.Options(), true, nil
}

// addUpdate does the same with a part of a PUSH_UPDATE.
func (p *pull) addUpdate(part string) (options []string, whole bool, err error) {
	if whole, err = p.update.Add(part); err != nil || !whole {
		return nil, false, err
	}
	options = p.update.Options()
	p.update = negotiate.PushReader{}
	return options, true, nil
}
