package server

// Drops is what the server dropped so far, by reason.
func (s *Server) Drops() map[string]uint64 { return s.road.Counters.Snapshot() }

// Sessions is how many clients the server knows, those in their handshake
// included.
func (s *Server) Sessions() int { return len(s.roster.table.all()) }

// FreeIDs is how many peer-ids are left.
func (s *Server) FreeIDs() int {
	s.roster.table.mu.Lock()
	defer s.roster.table.mu.Unlock()
	return len(s.roster.table.freeIDs)
}

// Leases is how many addresses are in use.
func (s *Server) Leases() int { return s.roster.book.Leased() }
