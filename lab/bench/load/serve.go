//go:build linux

package load

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// serve is the sink, on all addresses of its host.
func serve() error {
	tcp, err := net.Listen("tcp4", at("", tcpPort))
	if err != nil {
		return err
	}
	udp, err := openUDP(udpPort)
	if err != nil {
		return err
	}
	s := &sink{udp: udp}
	ended := make(chan error, 3)
	go func() { ended <- s.serveUDP() }()
	go func() { ended <- http.ListenAndServe(at("", controlPort), http.HandlerFunc(s.count)) }()
	go func() { ended <- acceptTCP(tcp) }()
	fmt.Println("ready")
	return <-ended
}

func acceptTCP(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go serveTCP(c.(*net.TCPConn))
	}
}

// A UDP packet to the sink begins with the number of a trial, by which it is
// counted. Those of trial 0 are sent back.
const (
	trialLen  = 4
	maxTrials = 1 << 16
)

// sink counts UDP packets by trial.
type sink struct {
	udp    int
	counts [maxTrials]atomic.Uint64
}

func (s *sink) serveUDP() error {
	v := newVector(64, 2048)
	for {
		n, err := v.receive(s.udp)
		if err != nil {
			return fmt.Errorf("udp: %w", err)
		}
		for i := range n {
			if packet := v.packet(i); len(packet) >= trialLen {
				s.take(packet, v.from(i))
			}
		}
	}
}

func (s *sink) take(packet []byte, from *unix.SockaddrInet4) {
	trial := binary.BigEndian.Uint32(packet) % maxTrials
	if trial == 0 {
		unix.Sendto(s.udp, packet, 0, from) // one lost is one the other side misses
		return
	}
	s.counts[trial].Add(1)
}

// count answers how many packets of a trial have come.
func (s *sink) count(w http.ResponseWriter, r *http.Request) {
	trial, err := strconv.Atoi(r.FormValue("trial"))
	if err != nil || trial < 0 || trial >= maxTrials {
		http.Error(w, "trial: expected a number", http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, s.counts[trial].Load())
}
