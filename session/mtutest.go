package session

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
)

// Codes of messages behind occMagic, as recorded between two OpenVPN 2.6.14 with
// mtu-test. Sizes are those of datagrams, without the headers of UDP and IP.
const (
	occAskLoad   = 2 // and a size: send me a load of it
	occLoad      = 3 // and padding up to its size
	occAskReport = 4 // what did you get?
	occReport    = 5 // and two sizes, of the largest datagram that was received and of the largest sent
)

const (
	// mostLoad limits what a peer may ask for.
	mostLoad = 9216
	// leastLoad is the smallest size that is tried.
	leastLoad = 576
	// answerGap is the least time between two answers to a peer.
	answerGap = 10 * time.Millisecond
)

// loads are the messages that came, left by the data side for the control side, and
// the largest sizes that passed.
type loads struct {
	received atomic.Int32 // size of the largest load
	echo     atomic.Int32 // size of the last load, while one is expected; 0: none came
	expects  atomic.Bool  // the control side waits for a load
	asked    atomic.Int32 // size of the load that the peer wants; 0: none
	wanted   atomic.Bool  // the peer wants a report
	waiting  atomic.Bool  // the control side was told that there is something
}

// take keeps what a message says, which came in a datagram of size bytes. It reports
// whether the control side is to be told.
func (l *loads) take(size int, message []byte) (news bool) {
	body := message[len(occMagic)+1:]
	switch message[len(occMagic)] {
	case occAskLoad:
		if len(body) < 2 {
			return false
		}
		l.asked.Store(int32(binary.BigEndian.Uint16(body)))
	case occLoad:
		if int32(size) > l.received.Load() {
			l.received.Store(int32(size))
		}
		if !l.expects.Load() {
			return false
		}
		l.echo.Store(int32(size))
	case occAskReport:
		l.wanted.Store(true)
	default: // a report, which is an answer, whatever it says
		return false
	}
	return l.news()
}

// news reports whether the control side is to be told that there is something.
func (l *loads) news() bool { return !l.waiting.Swap(true) }

// loadMessages asks and answers by packets of known size.
type loadMessages struct {
	data     *Data
	largest  int // size of the largest load that was sent
	answered time.Time
}

// output sends the answers that are due.
func (t *loadMessages) output(now time.Time, emit func([]byte)) {
	l := &t.data.loads
	l.waiting.Store(false)
	size, wanted := int(l.asked.Swap(0)), l.wanted.Swap(false)
	if now.Sub(t.answered) < answerGap || size == 0 && !wanted {
		return
	}
	t.answered = now
	if size > 0 {
		size = min(size, mostLoad)
		if t.send(now, []byte{occLoad}, size, emit) > 0 {
			t.largest = max(t.largest, size)
		}
	}
	if wanted {
		both := binary.BigEndian.AppendUint16([]byte{occReport}, uint16(l.received.Load()))
		t.send(now, binary.BigEndian.AppendUint16(both, uint16(t.largest)), 0, emit)
	}
}

// send sends a message, padded to a datagram of size bytes, or a little less where a cipher
// has blocks. It returns how long the datagram was; 0: it was not sent.
func (t *loadMessages) send(now time.Time, message []byte, size int, emit func([]byte)) (long int) {
	b := append(bytes.Clone(occMagic), message...)
	if n := t.data.Fit(size) - len(b); size > 0 && n > 0 {
		padding := make([]byte, n)
		_, _ = rand.Read(padding) // never fails
		b = append(b, padding...)
	}
	p := buf.New(len(b))
	p.Set(b)
	if t.data.sealOwn(now, p) != nil {
		return 0
	}
	emit(p.Bytes())
	return p.Len()
}
