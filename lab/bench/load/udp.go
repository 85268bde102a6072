//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The search for the highest rate without loss (RFC 2544, section 26.1, with
// short trials): an interval is halved until it is narrow. A trial counts as
// without loss up to lossAllowed, since other work on the machine can hold up
// any process for longer than a queue lasts; one that fails is tried again, up
// to tries times.
const (
	trialLength = 500 * time.Millisecond
	settleTime  = 50 * time.Millisecond
	lossAllowed = 0.001
	steps       = 7
	tries       = 3
)

// Rate is the result of a search, in packets per second.
type Rate struct {
	Lossless  float64 // the highest rate without loss
	Saturated float64 // what arrives when as much is sent as can be
}

type search struct {
	fd      int
	control string
	trial   uint32
	out     *vector
}

func searchRate(to netip.AddrPort, control string, size int) (r Rate, err error) {
	s, err := newSearch(to, control, size)
	if err != nil {
		return r, err
	}
	sent, arrived, err := s.try(0)
	if err != nil {
		return r, err
	}
	r.Saturated = arrived
	r.Lossless, err = s.halve(0, sent, min(arrived, sent))
	return r, err
}

// newSearch is ready to send.
func newSearch(to netip.AddrPort, control string, size int) (*search, error) {
	// One thread with fine timers keeps the pace.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	s := &search{control: control, out: newVector(32, size), trial: uint32(time.Now().UnixNano()) % (maxTrials / 2)}
	var err error
	if s.fd, err = openUDP(0); err != nil {
		return nil, err
	}
	return s, unix.Connect(s.fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
}

// Loss is what became of a number of packets.
type Loss struct{ Sent, Arrived uint64 }

// Share is how many of them were lost, 0 to 1.
func (l Loss) Share() float64 { return 1 - float64(l.Arrived)/float64(l.Sent) }

// longestPath is how long a packet may be on its way.
const longestPath = time.Second

// measureLoss sends packets at a rate for a time.
func measureLoss(to netip.AddrPort, control string, size, rate int, length time.Duration) (l Loss, err error) {
	s, err := newSearch(to, control, size)
	if err != nil {
		return l, err
	}
	s.mark()
	n, err := s.pace(float64(rate), length)
	if err != nil {
		return l, err
	}
	time.Sleep(longestPath)
	l.Sent = uint64(n)
	l.Arrived, err = s.count()
	return l, err
}

// mark gives the packets a trial of their own.
func (s *search) mark() {
	s.trial = s.trial%(maxTrials-1) + 1
	for _, packet := range s.out.store {
		binary.BigEndian.PutUint32(packet, s.trial)
	}
}

// halve narrows the interval from low, without loss, to high, beginning at
// guess.
func (s *search) halve(low, high, guess float64) (float64, error) {
	for range steps {
		good, err := s.lossless(guess)
		if err != nil {
			return 0, err
		}
		if good {
			low = guess
		} else {
			high = guess
		}
		guess = (low + high) / 2
	}
	if low == 0 {
		return 0, fmt.Errorf("no rate down to %.0f packets per second was without loss", high)
	}
	return low, nil
}

func (s *search) lossless(rate float64) (bool, error) {
	for range tries {
		sent, arrived, err := s.try(rate)
		if err != nil || arrived >= sent*(1-lossAllowed) && sent >= rate*0.98 {
			return err == nil, err
		}
	}
	return false, nil
}

// try sends for the length of a trial, as fast as can be with rate 0, and
// returns what was sent and what arrived, in packets per second.
func (s *search) try(rate float64) (sent, arrived float64, err error) {
	s.mark()
	before, err := s.count()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	n, err := s.pace(rate, trialLength)
	length := time.Since(began).Seconds()
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(settleTime)
	after, err := s.count()
	return float64(n) / length, float64(after-before) / length, err
}

// pace sends what is due, in small batches, and sleeps between.
func (s *search) pace(rate float64, length time.Duration) (sent int, err error) {
	began := time.Now()
	for {
		elapsed := time.Since(began)
		if elapsed >= length {
			return sent, nil
		}
		due := len(s.out.messages)
		if rate > 0 {
			due = min(due, int(rate*elapsed.Seconds())-sent)
		}
		if due < 1 {
			rest := unix.NsecToTimespec(int64(20 * time.Microsecond))
			unix.Nanosleep(&rest, nil)
			continue
		}
		n, err := s.out.send(s.fd, due)
		if err != nil {
			return sent, err
		}
		sent += n
	}
}

func (s *search) count() (uint64, error) {
	r, err := http.Get(fmt.Sprintf("http://%s/?trial=%d", s.control, s.trial))
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(text), 10, 64)
}
