//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"culvert/lab/bench/lab"
	"culvert/lab/bench/load"
	"culvert/lab/bench/path"
	"culvert/lab/bench/peer"
	"culvert/lab/bench/report"
)

// situation is a path that traffic is measured on.
type situation struct {
	path.Conditions
	mtu    int // of a link in the middle; 0: as everywhere
	silent bool
}

// set brings the path into it.
func (s situation) set(ctx context.Context, p *lab.Path) error {
	if err := p.Set(ctx, s.Conditions); err != nil {
		return err
	}
	mtu := 1500
	if s.mtu > 0 {
		mtu = s.mtu
	}
	return p.Narrow(mtu, s.silent)
}

// roundTripOf is a path on which there and back take that long.
func roundTripOf(d time.Duration, loss float64) situation {
	return situation{Conditions: path.Conditions{Delay: d / 2, Loss: loss}}
}

// On a long path a stream is given time to find its rate.
const (
	nearStream = 4 * time.Second
	farStream  = 8 * time.Second
)

var overPaths = join(overUDP, []string{peer.Bare})

// pathWorks are the measurements on paths, in the order in which they are taken.
var pathWorks = pathWorksOf(report.Paths)

func pathWorksOf(paths []report.Path) (works []work) {
	for _, p := range paths {
		s, length := roundTripOf(p.RoundTrip, p.Loss), nearStream
		if p.RoundTrip > 50*time.Millisecond {
			length = farStream
		}
		s.Jitter, s.mtu, s.silent = p.Jitter, p.MTU, p.Silent
		measure := longStream(s, length, p.Name)
		if p.Datagrams {
			measure = lost(s, p.Name)
		}
		works = append(works, work{p.Name, overPaths, 0, measure})
	}
	return works
}

func longStream(s situation, length time.Duration, metric string) func(context.Context, *bench, string, func(string, float64)) error {
	return func(ctx context.Context, b *bench, name string, record func(string, float64)) error {
		t, err := b.onPath(ctx, s, name)
		if err != nil {
			return err
		}
		var a load.Amount
		err = b.load(&a, "tcp", "-to", t.Inside.String(), "-for", length.String())
		if err == nil {
			record(metric, a.BitsPerSecond()/1e6)
		}
		return err
	}
}

// lost is how much of 10 Mbit/s is lost.
func lost(s situation, metric string) func(context.Context, *bench, string, func(string, float64)) error {
	return func(ctx context.Context, b *bench, name string, record func(string, float64)) error {
		t, err := b.onPath(ctx, s, name)
		if err != nil {
			return err
		}
		const size = 1200
		var l load.Loss
		err = b.load(&l, "loss", "-to", t.Inside.String(), "-control", lab.ServerOuter.String(), "-size", fmt.Sprint(size), "-rate", fmt.Sprint(10_000_000/8/size))
		if err == nil {
			record(metric, 100*l.Share())
		}
		return err
	}
}

// onPath is a tunnel that stands, with the path in a situation. It is made while
// the path is at its best.
func (b *bench) onPath(ctx context.Context, s situation, name string) (*peer.Tunnel, error) {
	if b.tunnels[name] == nil {
		if err := (situation{}).set(ctx, b.path); err != nil {
			return nil, err
		}
	}
	t, err := b.tunnel(ctx, name)
	if err != nil {
		return nil, err
	}
	return t, s.set(ctx, b.path)
}
