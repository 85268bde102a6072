package session

import "time"

// Stage is a part of a handshake, in the order in which they come.
type Stage int

// The stages of a handshake. Which of them there are depends on the side and on what the
// keys are for.
const (
	// StageAnswer ends with the peer's first packet of this handshake.
	StageAnswer Stage = iota
	// StageTLS ends when TLS is up on this side.
	StageTLS
	// StageKeys ends when the peer's key exchange message was read: who it is, and what
	// it can do.
	StageKeys
	// StageDecision ends with a server's decision about its client.
	StageDecision
	// StagePush ends when a server has sent its client's settings, or a client has them.
	StagePush
	// StageUp ends when the keys of the data channel are in use.
	StageUp
	// Stages is how many there are.
	Stages int = iota
)

// String returns the stage's name: a word.
func (s Stage) String() string {
	return [...]string{"answer", "tls", "keys", "decision", "push", "up"}[s]
}

// Course is how a handshake goes, or went. It is a value.
type Course struct {
	// Began is when this side sent its first packet, or a server's client had proven its
	// address.
	Began time.Time
	// Ends are when its stages ended; zero: not yet, or there is none of them.
	Ends [Stages]time.Time
}

// Stage returns where the handshake is, or stopped, or StageUp if it is over.
func (c *Course) Stage() Stage {
	for s := StageUp; s > 0; s-- {
		if !c.Ends[s-1].IsZero() {
			return s
		}
	}
	return StageAnswer
}

// Over reports whether the handshake came to its end: keys in use.
func (c *Course) Over() bool { return !c.Ends[StageUp].IsZero() }

// Took returns how long a stage that ended took, and false for one that did not.
func (c *Course) Took(s Stage) (time.Duration, bool) {
	if c.Ends[s].IsZero() {
		return 0, false
	}
	return c.Ends[s].Sub(c.Start(s)), true
}

// Start returns when a stage began, or would have: when the one before it ended.
func (c *Course) Start(s Stage) time.Time {
	for s--; s >= 0; s-- {
		if !c.Ends[s].IsZero() {
			return c.Ends[s]
		}
	}
	return c.Began
}

// end notes the end of a stage. Only the first counts: a client that asks again, or a
// decision that is taken back, changes nothing.
func (c *Course) end(s Stage, now time.Time) {
	if c.Ends[s].IsZero() {
		c.Ends[s] = now
	}
}
