package server

import (
	"slices"
	"sync"
	"time"

	"culvert/nic/frame"
	"culvert/role/server/segment"
)

// refusedTime is how long a station that learn-address refused is not asked about again.
const refusedTime = 10 * time.Second

// stations asks learn-address about the stations that show themselves behind clients
// (dev tap), and knows which were admitted.
type stations struct {
	most   int // of one client
	report func(c *client, l Learned)

	mu    sync.Mutex
	of    map[*client]map[string]*question
	owner map[string]*client // of those that were admitted
}

// question is what learn-address was asked about a station behind a client.
type question struct {
	running, admitted bool
	refused           time.Time // when it said no
}

func newStations(most int, report func(*client, Learned)) *stations {
	return &stations{most: most, report: report, of: make(map[*client]map[string]*question), owner: make(map[string]*client)}
}

// admit reports whether a station may be behind a port. It never waits: the first frames
// of a station are lost while the program is asked.
func (s *stations) admit(now time.Time, vlan uint16, mac frame.MAC, port *segment.Port, elsewhere bool) bool {
	c, address := port.Peer.Owner.(*client), macAtVLAN(vlan, mac)
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.of[c]
	if asked == nil {
		return false // it is not in, or no longer
	}
	q := asked[address]
	switch {
	case q != nil && q.admitted:
		return true
	case q != nil && (q.running || now.Sub(q.refused) < refusedTime), q == nil && len(asked) >= s.most:
		return false
	case q == nil:
		q = new(question)
		asked[address] = q
	}
	q.running = true
	change := AddressAdded
	if before := s.owner[address]; elsewhere || before != nil && before != c {
		change = AddressUpdated
	}
	c.visit.Scripts().Station(change.String(), address, func(err error) { s.answered(c, address, change, err) })
	return false
}

// answered notes what learn-address said.
func (s *stations) answered(c *client, address string, change AddressChange, err error) {
	s.mu.Lock()
	asked := s.of[c]
	if asked != nil {
		if q := asked[address]; err == nil {
			q.running, q.admitted = false, true
			if before := s.owner[address]; before != nil && before != c {
				delete(s.of[before], address)
			}
			s.owner[address] = c
		} else {
			q.running, q.refused = false, time.Now()
		}
	}
	s.mu.Unlock()
	if asked == nil {
		if err == nil {
			c.visit.Scripts().Forget(address)
		}
		return
	}
	s.report(c, Learned{Address: address, Change: change, Refused: err})
}

// join begins to ask about stations behind a client.
func (s *stations) join(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[c] = make(map[string]*question)
}

// leave forgets a client, and returns the stations that are forgotten with it.
func (s *stations) leave(c *client) (addresses []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address := range s.of[c] {
		if s.owner[address] == c {
			delete(s.owner, address)
			addresses = append(addresses, address)
		}
	}
	delete(s.of, c)
	slices.Sort(addresses)
	return addresses
}
