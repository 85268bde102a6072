package limits

import (
	"sync/atomic"
	"time"
)

// Bucket lets through what keeps to a rate, with bursts (the generic cell rate algorithm,
// ITU-T I.371, appendix A). It is for the data path: any number of goroutines may use it
// at once, and none waits. Make it with NewBucket; a nil one lets everything through.
type Bucket struct {
	rate  Rate
	began time.Time
	burst int64        // nanoseconds that the rate may be ahead of the time
	small int64        // the same for small packets, which is more
	ahead atomic.Int64 // until when all that was let through is paid for, nanoseconds since began
}

// burstTime is how much may come at once, as time at the rate: what TCP needs to fill a
// path of that round trip. minBurst is the least, in bytes.
const (
	burstTime = 200 * time.Millisecond
	minBurst  = 64 << 10
)

// smallPacket is the longest packet that finds room where others are dropped, in bytes: it
// holds acknowledgements of TCP with all their options, questions for names, and speech.
// Without that a stream to a client would have most acknowledgements of a stream from it
// dropped. smallShare is how much room that is, as a part of the burst.
const (
	smallPacket = 128
	smallShare  = 4
)

// NewBucket returns a bucket for a rate from now on; nil for none.
func NewBucket(r Rate, now time.Time) *Bucket {
	if r == 0 {
		return nil
	}
	b := &Bucket{rate: r, began: now}
	b.burst = max(int64(burstTime), b.cost(minBurst))
	b.small = b.burst + b.burst/smallShare
	return b
}

// Rate is what the bucket keeps to; 0 for a nil one.
func (b *Bucket) Rate() Rate {
	if b == nil {
		return 0
	}
	return b.rate
}

// cost is how long bytes take at the rate, in nanoseconds.
func (b *Bucket) cost(bytes int) int64 {
	return int64(float64(bytes) * 8e9 / float64(b.rate))
}

// Take reports whether a packet of some bytes keeps to the rate at a time. One that does
// not is not counted. Small packets go first: what they take is left for others the less.
func (b *Bucket) Take(now time.Time, bytes int) bool {
	if b == nil {
		return true
	}
	at, cost, burst := int64(now.Sub(b.began)), b.cost(bytes), b.burst
	if bytes <= smallPacket {
		burst = b.small
	}
	for {
		before := b.ahead.Load()
		start := max(before, at)
		if start-at > burst {
			return false
		}
		if b.ahead.CompareAndSwap(before, start+cost) {
			return true
		}
	}
}
