package users

import (
	"fmt"
	"time"

	"culvert/access/limits"
)

// Limits are what a user, a device or the members of a group may use; what is not said is
// said by the next of those, in that order.
type Limits struct {
	Up    limits.Rate  `json:"up,omitempty"`   // from the client, in bits a second; 0: nothing is said
	Down  limits.Rate  `json:"down,omitempty"` // to it
	Hours limits.Hours `json:"hours,omitempty"`
	// Quota is of a device alone, or of all devices of a user together: both count.
	Quota limits.Quota `json:"quota,omitzero"`
}

// IsZero reports whether nothing is said.
func (l Limits) IsZero() bool {
	return l.Up == 0 && l.Down == 0 && l.Hours == nil && l.Quota.IsZero()
}

// under returns the limits with those of another, where they say nothing.
func (l Limits) under(m Limits) Limits {
	if l.Up == 0 {
		l.Up = m.Up
	}
	if l.Down == 0 {
		l.Down = m.Down
	}
	if l.Hours == nil {
		l.Hours = m.Hours
	}
	return l
}

// Limits returns the rates and hours that count for a client: its device's, then the
// user's, then those of the user's groups. Spending has its quotas.
func (s Standing) Limits() (l Limits) {
	if s.Device != nil {
		l = s.Device.Limits
	}
	if s.User != nil {
		l = l.under(s.User.Limits)
	}
	for _, g := range s.Groups {
		l = l.under(g.Limits)
	}
	return l
}

// outside returns why the client may not be here at a time of day.
func (s Standing) outside(now time.Time) error {
	hours := s.Limits().Hours
	if hours.Allow(now) {
		return nil
	}
	return &Barred{fmt.Sprintf("connections are allowed %v, and it is %s there", hours, now.Format("Mon 15:04"))}
}
