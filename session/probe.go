package session

import (
	"bytes"
	"time"

	"culvert/internal/buf"
)

// probe sends the daemon's own packets on the data channel.
type probe struct {
	data   *Data
	packet *buf.Packet // for all of them, nil before the first
	wanted bool        // a ping at once
	knocks bool        // and a question at once
	asked  int         // questions by a message
}

// due reports whether a ping is to be sent: one was asked for, or nothing was
// sent for that long; 0: for however long.
func (p *probe) due(now time.Time, idle time.Duration) bool {
	return p.wanted || idle > 0 && now.Sub(p.data.LastSent()) >= idle
}

// ping sends a ping.
func (p *probe) ping(now time.Time, emit func([]byte)) {
	p.wanted = false
	p.send(now, pingMagic, emit)
}

// knock sends a question that the peer answers at once. Unlike a ping of the daemons it shows
// whether packets come back. Most peers answer a message; until this one has done so, it is
// asked by a ping in the tunnel, too, and then no more by messages if it answers pings alone.
func (p *probe) knock(now time.Time, emit func([]byte)) {
	p.knocks = false
	if p.asked < helloTries || !p.data.Answers.PingsOnly() {
		p.asked++
		p.send(now, append(bytes.Clone(occMagic), occAskReport), emit)
	}
	if q := p.data.Answers.pings.Load(); q != nil && !p.data.Answers.messages.Load() {
		q.ask(now, p.data, 0, emit)
	}
}

// exit sends an exit notice.
func (p *probe) exit(now time.Time, emit func([]byte)) {
	p.send(now, append(bytes.Clone(occMagic), occExit), emit)
}

func (p *probe) send(now time.Time, message []byte, emit func([]byte)) {
	if p.packet == nil {
		p.packet = buf.New(len(occMagic) + 1)
	}
	p.packet.Set(message)
	// Without a key to send with yet, the ping counts as sent all the same,
	// so that the next one is not due at once.
	p.data.noteSent(now)
	if p.data.sealOwn(now, p.packet) == nil {
		emit(p.packet.Bytes())
	}
}
