package bridge

import "golang.org/x/time/rate"

// DefaultFlood is how many frames a second one port may send to all others. It is
// far above the broadcasts of a LAN, and low enough that copies for a hundred ports
// leave time for other work.
const DefaultFlood = 1000

// NewStorm returns a limiter for what one port floods (broadcast, multicast,
// unknown destinations), in frames a second; 0 means the default. Call AllowN(now,
// 1) once for each frame, however many copies it makes.
func NewStorm(perSecond int) *rate.Limiter {
	setDefault(&perSecond, DefaultFlood)
	return rate.NewLimiter(rate.Limit(perSecond), max(perSecond/4, 1))
}
