package bridge

import "golang.org/x/time/rate"

// DefaultFlood is how many frames a second one port may send to all others: far
// above what a LAN's broadcasts come to, and little enough that copies for a
// hundred ports leave time for the rest.
const DefaultFlood = 1000

// NewStorm limits what one port floods (broadcast, multicast, unknown
// destinations) to so many frames a second, 0 for the default. Ask it with
// AllowN(now, 1) for each frame, however many copies it makes.
func NewStorm(perSecond int) *rate.Limiter {
	setDefault(&perSecond, DefaultFlood)
	return rate.NewLimiter(rate.Limit(perSecond), max(perSecond/4, 1))
}
