package session

import (
	mrand "math/rand/v2"
	"slices"
	"testing"
	"time"
)

// BenchmarkConnectOverLoss is how long a first handshake takes over a path of
// 20 ms that loses 3 % of all packets, in the path's time: the median of 1,000
// and how long the slowest tenth and hundredth take at least.
func BenchmarkConnectOverLoss(b *testing.B) {
	for b.Loop() {
		var took []time.Duration
		for seed := range uint64(1000) {
			p := newPair(b, path{delay: 10 * time.Millisecond, loss: 0.03}, nil)
			p.rand = mrand.New(mrand.NewPCG(seed, seed))
			began := p.now
			p.run(time.Minute, p.established)
			took = append(took, p.now.Sub(began))
			p.client.Close()
			p.server.Close()
		}
		slices.Sort(took)
		for of, at := range map[string]int{"ms-median": 500, "ms-p90": 900, "ms-p99": 990} {
			b.ReportMetric(float64(took[at].Microseconds())/1000, of)
		}
	}
	b.ReportMetric(0, "ns/op")
}
