package buf

// Spares are packets for copies and pieces that a loop makes while it works on
// a batch. They are made when they are needed and used again for the next batch.
// Spares belong to one goroutine.
type Spares struct {
	size    int
	packets []*Packet
	used    int // packets at the front that are in use
}

// NewSpares returns spares with room for size bytes each. None is made yet.
func NewSpares(size int) Spares { return Spares{size: size} }

// Next returns a packet that is not in use. It is in use until Reset.
func (s *Spares) Next() *Packet {
	if s.used == len(s.packets) {
		s.packets = append(s.packets, New(s.size))
	}
	s.used++
	return s.packets[s.used-1]
}

// Used returns how many packets are in use.
func (s *Spares) Used() int { return s.used }

// Reset ends the use of all packets.
func (s *Spares) Reset() { s.used = 0 }
