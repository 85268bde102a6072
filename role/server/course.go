package server

import (
	"cmp"
	"errors"
	"sync/atomic"

	"culvert/access"
	"culvert/role/server/admission"
	"culvert/session"
)

// Handshake is how a client's handshake went, its first one or a renewal of its keys, as
// far as it had come.
type Handshake struct {
	session.Course
	Outcome Outcome
	// By is who refused the client (Refused).
	By access.By
}

// Stage returns where the handshake is or stopped; StageDecision for a client that was
// refused, which is told that later.
func (h *Handshake) Stage() session.Stage {
	at := h.Course.Stage()
	if h.Outcome == TurnedAway {
		at = min(at, session.StageDecision)
	}
	return at
}

// Outcome is how a handshake ended.
type Outcome int

const (
	// UnderWay: it has not ended.
	UnderWay Outcome = iota
	// Completed: the client is in, or has new keys.
	Completed
	// TurnedAway: the server refused the client.
	TurnedAway
	// Abandoned: the client ended it.
	Abandoned
	// Crowded: the client had to make room for a newcomer.
	Crowded
	// CutShort: this side ended it, and has nothing against the client: the server stops, an
	// operator sends it away, or another client of its name comes.
	CutShort
	// Broken: time ran out, TLS failed, or something else went wrong.
	Broken
	// Outcomes is how many there are.
	Outcomes int = iota
)

// String returns the outcome in a word, "" for UnderWay.
func (o Outcome) String() string {
	return [...]string{"", "completed", "refused", "abandoned", "displaced", "cut-short", "failed"}[o]
}

// Tally counts first handshakes that ended, those of strangers among them, by the stage at
// which they did and by outcome.
type Tally [session.Stages][Outcomes]uint64

// tally is a Tally that goes on. It is safe for concurrent use.
type tally [session.Stages][Outcomes]atomic.Uint64

func (t *tally) add(h Handshake) { t[h.Stage()][h.Outcome].Add(1) }

func (t *tally) load() (now Tally) {
	for s := range t {
		for o := range t[s] {
			now[s][o] = t[s][o].Load()
		}
	}
	return now
}

// HandshakesOf returns how many first handshakes at a server ended so far, and how.
func HandshakesOf(s *Server) Tally { return s.desk.handshakes.load() }

// Pools are how many leases of addresses a server has for its clients, for each family (0:
// none), and how many are leased. Where there are both, a lease is a pair.
type Pools struct{ Leased, IPv4, IPv6 int }

// PoolsOf returns a server's, as they are now.
func PoolsOf(s *Server) Pools {
	book := s.roster.book
	v4, v6 := book.Pools()
	return Pools{book.Leased(), v4, v6}
}

// course returns how a client's handshake goes. It is for the control goroutine.
func (c *client) course() Handshake { return Handshake{Course: session.CourseOf(c.Session)} }

// refused notes that a client may not come in, and by whom.
func (c *client) refused(by access.By) Handshake {
	c.refusedBy = cmp.Or(c.refusedBy, by)
	h := c.course()
	h.Outcome, h.By = TurnedAway, c.refusedBy
	return h
}

// broken returns how the first handshake of a client ended that never was in.
func (c *client) broken(err error) Handshake {
	h := c.course()
	switch {
	case c.displaced.Load():
		h.Outcome = Crowded
	case c.refusedBy != "":
		return c.refused("")
	case errors.Is(err, session.ErrPeerExit):
		h.Outcome = Abandoned
	case errors.Is(err, session.ErrExit):
		h.Outcome = CutShort
	default:
		h.Outcome = Broken
	}
	return h
}

// judge returns who refuses, for a refusal.
func judge(r *access.Refusal) access.By {
	var settings *admission.SettingsError
	switch {
	case r.By != "":
		return r.By
	case r.Login:
		return access.ByLogin
	case errors.As(r.Cause, &settings):
		return access.BySettings
	}
	return access.ByRules
}
