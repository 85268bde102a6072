package event

import (
	"log/slog"
	"time"

	"culvert/internal/mute"
	"culvert/internal/printable"
)

// complaints are the reasons why there has been no connection since the last one.
// Each is logged in full once. From then on a short line says once a minute how
// often it came.
type complaints map[string]*complaint

type complaint struct {
	tries int
	told  time.Time
}

const (
	complaintInterval = time.Minute
	// maxComplaints bounds reasons that are never the same.
	maxComplaints = 32
)

func (c *complaints) tell(log *slog.Logger, now time.Time, why error, pause time.Duration) {
	if *c == nil || len(*c) > maxComplaints {
		*c = make(complaints)
	}
	kind := mute.Kind(why)
	known := (*c)[kind]
	switch {
	case known == nil:
		known = new(complaint)
		(*c)[kind] = known
		known.told = now
		log.Warn("not connected", "reason", why, "retry-in", pause)
	case now.Sub(known.told) >= complaintInterval:
		known.told = now
		log.Warn("still not connected, for a reason given above", "tries", known.tries+1, "reason", printable.Brief(why.Error()), "retry-in", pause)
	default:
		log.Debug("not connected", "reason", why, "retry-in", pause)
	}
	known.tries++
}
