//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"time"
)

// pingInterval is the pause after each answer: long enough that everything on
// the way has gone to sleep.
const pingInterval = 5 * time.Millisecond

// RoundTrip is how long a small UDP packet takes to the sink and back.
type RoundTrip struct {
	Median, P99 time.Duration
	Sent, Lost  int
}

func ping(to string, length time.Duration) (r RoundTrip, err error) {
	c, err := net.Dial("udp4", to)
	if err != nil {
		return r, err
	}
	defer c.Close()
	var times []time.Duration
	packet, answer := make([]byte, 64), make([]byte, 64)
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(pingInterval) {
		r.Sent++
		binary.BigEndian.PutUint64(packet[trialLen:], uint64(r.Sent))
		began := time.Now()
		if _, err := c.Write(packet); err != nil {
			return r, err
		}
		if await(c, answer, uint64(r.Sent)) {
			times = append(times, time.Since(began))
		} else {
			r.Lost++
		}
	}
	if len(times) == 0 {
		return r, fmt.Errorf("none of %d packets came back", r.Sent)
	}
	slices.Sort(times)
	r.Median, r.P99 = times[len(times)/2], times[len(times)*99/100]
	return r, nil
}

// await reads until the answer of that number comes, or a second is over.
func await(c net.Conn, answer []byte, number uint64) bool {
	c.SetReadDeadline(time.Now().Add(time.Second))
	for {
		n, err := c.Read(answer)
		if err != nil {
			return false
		}
		if n == len(answer) && binary.BigEndian.Uint64(answer[trialLen:]) == number {
			return true
		}
	}
}
