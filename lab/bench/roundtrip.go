//go:build linux

package main

import (
	"context"
	"time"

	"culvert/lab/bench/load"
	"culvert/lab/bench/report"
)

// roundTrip measures small packets on an idle tunnel, and beside one TCP
// stream.
func roundTrip(ctx context.Context, b *bench, name string, record func(string, float64)) error {
	t, err := b.tunnel(ctx, name)
	if err != nil {
		return err
	}
	idle, err := b.ping(t.Inside.String())
	if err != nil {
		return err
	}
	stream := make(chan error, 1)
	go func() {
		_, err := b.stream(t.Inside.String(), 1, false)
		stream <- err
	}()
	loaded, err := b.ping(t.Inside.String())
	if err := <-stream; err != nil {
		return err
	}
	if err != nil {
		return err
	}
	record(report.RTTIdle, microseconds(idle.Median))
	record(report.RTTLoaded, microseconds(loaded.Median))
	record(report.RTTLoadedP99, microseconds(loaded.P99))
	return nil
}

func (b *bench) ping(to string) (r load.RoundTrip, err error) {
	return r, b.load(&r, "ping", "-to", to, "-for", "2s")
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
