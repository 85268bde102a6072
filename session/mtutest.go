package session

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
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
	// loadSizes are tried, each loadRounds times in both directions.
	loadSizes, loadRounds = 10, 3
	// reportTries is how often a peer is asked for its report.
	reportTries = 5
	// loadInterval is the time between two messages of a test: as with OpenVPN, it
	// takes three minutes.
	loadInterval = 3 * time.Second
	// answerGap is the least time between two answers to a peer.
	answerGap = 10 * time.Millisecond
)

// loads are the messages that came, left by the data side for the control side, and
// the largest sizes that passed.
type loads struct {
	received atomic.Int32  // size of the largest load
	echo     atomic.Int32  // size of the last load, while one is expected; 0: none came
	expects  atomic.Bool   // the control side waits for a load
	asked    atomic.Int32  // size of the load that the peer wants; 0: none
	report   atomic.Uint64 // the peer's two sizes, with reported
	wanted   atomic.Bool   // the peer wants a report
	waiting  atomic.Bool   // the control side was told that there is something
}

// reported marks a report that came, above its two sizes.
const reported = 1 << 32

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
	case occReport:
		if len(body) < 4 {
			return false
		}
		l.report.Store(reported | uint64(binary.BigEndian.Uint32(body)))
	}
	return !l.waiting.Swap(true)
}

// mtuTest measures which datagrams pass, as `mtu-test` asks for, and answers a peer
// that does.
type mtuTest struct {
	news *news
	data *Data
	mtu  int // of the adapter whose packets are to pass; 0: nothing is measured
	most int // the longest datagram, bytes; 0: no limit

	step     int       // of a running test
	next     time.Time // when to make it; zero: no test has begun
	largest  int       // size of the largest load that was sent
	answered time.Time
}

// advance begins a test once the session is up, and ends it.
func (t *mtuTest) advance(now time.Time) {
	if t.mtu == 0 || t.data.Fit(leastLoad) <= 0 {
		return
	}
	r := t.data.loads.report.Load()
	switch {
	case t.next.IsZero():
		t.next = now
		t.news.remark("NOTE: Beginning empirical MTU test -- results should be available in 3 to 4 minutes.")
	case r&reported != 0 && t.step > testSteps:
		t.news.remark(fmt.Sprintf("NOTE: Empirical MTU test completed [Tried,Actual] local->remote=[%d,%d] remote->local=[%d,%d]",
			t.largest, r>>16&0xffff, r&0xffff, t.data.loads.received.Load()))
		t.mtu = 0
	case t.step >= testSteps+reportTries && !now.Before(t.next):
		t.news.remark("mtu-test: the other end does not say what it received, so nothing is known of the path; OpenVPN since 1.5 and Culvert do")
		t.mtu = 0
	}
}

// testSteps is how many messages are sent before the report is asked for.
const testSteps = 2 * loadSizes * loadRounds

// deadline is when the next step is due, zero if none is.
func (t *mtuTest) deadline() time.Time {
	if t.mtu == 0 {
		return time.Time{}
	}
	return t.next
}

// output sends the answers that are due, and the next message of a test.
func (t *mtuTest) output(now time.Time, emit func([]byte)) {
	l := &t.data.loads
	l.waiting.Store(false)
	size, wanted := int(l.asked.Swap(0)), l.wanted.Swap(false)
	if (size > 0 || wanted) && now.Sub(t.answered) >= answerGap {
		t.answered = now
		if size > 0 {
			t.load(now, min(size, mostLoad), emit)
		}
		if wanted {
			both := binary.BigEndian.AppendUint16([]byte{occReport}, uint16(l.received.Load()))
			t.send(now, binary.BigEndian.AppendUint16(both, uint16(t.largest)), 0, emit)
		}
	}
	if t.mtu == 0 || t.next.IsZero() || now.Before(t.next) {
		return
	}
	switch size := t.size(t.step / 2); {
	case t.step >= testSteps:
		if t.step == testSteps {
			t.data.loads.report.Store(0) // one that nobody asked for
		}
		t.send(now, []byte{occAskReport}, 0, emit)
	case t.step%2 == 0:
		t.send(now, binary.BigEndian.AppendUint16([]byte{occAskLoad}, uint16(size)), 0, emit)
	default:
		t.load(now, size, emit)
	}
	t.step++
	t.next = now.Add(loadInterval)
}

// size is the i-th size to try, from that of the adapter's largest packets down.
func (t *mtuTest) size(i int) int {
	most := min(mostLoad, t.mtu+leastLoad-t.data.Fit(leastLoad))
	if t.most > 0 {
		most = min(most, t.most)
	}
	least := min(most, leastLoad)
	return most - (most-least)*(i%loadSizes)/(loadSizes-1)
}

// load sends a load in a datagram of size bytes.
func (t *mtuTest) load(now time.Time, size int, emit func([]byte)) {
	if t.send(now, []byte{occLoad}, size, emit) {
		t.largest = max(t.largest, size)
	}
}

// send sends a message, padded to a datagram of size bytes, and reports whether it was
// sealed.
func (t *mtuTest) send(now time.Time, message []byte, size int, emit func([]byte)) bool {
	b := append(bytes.Clone(occMagic), message...)
	if n := t.data.Fit(size) - len(b); size > 0 && n > 0 {
		padding := make([]byte, n)
		_, _ = rand.Read(padding) // never fails
		b = append(b, padding...)
	}
	p := buf.New(len(b))
	p.Set(b)
	if t.data.sealOwn(now, p) != nil {
		return false
	}
	emit(p.Bytes())
	return true
}
