package server

import (
	"maps"
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

	mu     sync.Mutex
	of     map[*client]map[string]*question
	owner  map[string]*client // of those that were admitted
	asking map[string]int     // how many programs run that decide about a station
}

// question is what learn-address was asked about a station behind a client.
type question struct {
	vlan       uint16
	mac        frame.MAC
	running    bool // a program runs
	admitted   bool
	forgetting bool      // that program is told that the station is forgotten
	answered   time.Time // when it said yes or no
}

func newStations(most int, report func(*client, Learned)) *stations {
	return &stations{most: most, report: report, of: make(map[*client]map[string]*question), owner: make(map[string]*client), asking: make(map[string]int)}
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
	case q != nil && (q.running || now.Sub(q.answered) < refusedTime), q == nil && len(asked) >= s.most, s.isForgotten(address):
		return false
	case q == nil:
		q = &question{vlan: vlan, mac: mac}
		asked[address] = q
	}
	q.running = true
	s.asking[address]++
	change := AddressAdded
	if before := s.owner[address]; elsewhere || before != nil && before != c {
		change = AddressUpdated
	}
	c.visit.Scripts().Station(change.String(), address, func(err error) { s.answered(c, address, change, err) })
	return false
}

// isForgotten reports whether learn-address is just told that a station is forgotten. The
// caller holds mu.
func (s *stations) isForgotten(address string) bool {
	q := s.of[s.owner[address]][address]
	return q != nil && q.forgetting
}

// answered notes what learn-address said.
func (s *stations) answered(c *client, address string, change AddressChange, err error) {
	s.mu.Lock()
	if s.asking[address]--; s.asking[address] == 0 {
		delete(s.asking, address)
	}
	q := s.of[c][address]
	if q != nil {
		q.running, q.answered = false, time.Now()
		if err == nil {
			q.admitted = true
			if before := s.owner[address]; before != nil && before != c {
				delete(s.of[before], address)
			}
			s.owner[address] = c
		}
	}
	s.mu.Unlock()
	if q == nil { // the client is gone
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
	for address, q := range s.of[c] {
		if s.owner[address] != c {
			continue
		}
		delete(s.owner, address)
		if !q.forgetting {
			addresses = append(addresses, address)
		}
	}
	delete(s.of, c)
	slices.Sort(addresses)
	return addresses
}

// sweep has learn-address told of stations that were admitted longer than age ago, and are
// not known any more. Until it has answered, nobody is asked about them.
func (s *stations) sweep(now time.Time, age time.Duration, known func(c *client, q *question) bool) {
	s.mu.Lock()
	clients := slices.Collect(maps.Keys(s.of))
	s.mu.Unlock()
	for _, c := range clients { // the lock is for one at a time: frames wait for it
		for _, address := range s.silent(c, now, age, known) {
			c.visit.Scripts().Silent(address, func() { s.forgot(c, address) })
		}
	}
}

// silent returns the stations behind a client that sweep forgets.
func (s *stations) silent(c *client, now time.Time, age time.Duration, known func(c *client, q *question) bool) (addresses []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, q := range s.of[c] {
		if !q.admitted || s.asking[address] > 0 || now.Sub(q.answered) <= age || known(c, q) {
			continue
		}
		q.running, q.admitted, q.forgetting = true, false, true
		addresses = append(addresses, address)
	}
	slices.Sort(addresses)
	return addresses
}

// forgot notes that learn-address was told that a station is forgotten.
func (s *stations) forgot(c *client, address string) {
	s.mu.Lock()
	if asked := s.of[c]; asked != nil {
		delete(asked, address)
		delete(s.owner, address)
	}
	s.mu.Unlock()
	s.report(c, Learned{Address: address, Change: AddressDeleted})
}
