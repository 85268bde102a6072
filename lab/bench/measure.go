//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"culvert/lab/bench/lab"
	"culvert/lab/bench/peer"
	"culvert/lab/bench/report"
)

// options are what to measure.
type options struct {
	paths       bool
	rounds      int
	only, peers []string
	within      time.Duration // no measurement begins later, but for the first round's
	publish     bool          // in README
}

// bench is a run: the lab, the tunnels that stand in it, and what was found.
type bench struct {
	*peer.Bench
	path    *lab.Path // nil on a cable
	tunnels map[string]*peer.Tunnel
	results *report.Results
}

// measure does the whole work.
func measure(ctx context.Context, o options) error {
	began := time.Now()
	works, err := o.works()
	if err != nil {
		return err
	}
	b, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer b.Lab.Close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if len(o.only) == 0 && !o.paths {
		if err := b.measureStages(ctx); err != nil {
			return err
		}
	}
	for round := range o.rounds {
		for _, w := range works {
			if round > 0 && time.Since(began) > o.within {
				fmt.Fprintf(os.Stderr, "round %d: %s is left out, %v are over\n", round+1, w.name, o.within)
				continue
			}
			if err := b.take(ctx, w, round, o); err != nil {
				return err
			}
		}
	}
	return b.finish(o)
}

// open makes the lab.
func open(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{Bench: new(peer.Bench), tunnels: make(map[string]*peer.Tunnel), results: report.New(o.rounds)}
	if !o.paths {
		b.Lab, err = lab.Open()
		return b, err
	}
	if b.path, err = lab.OpenPath(ctx); err != nil {
		return nil, err
	}
	b.Lab = b.path.Lab
	return b, nil
}

// kept is where results go: for whoever ran it, and with the project's own files.
type kept struct {
	results, published string
	section            report.Section // of README
}

var (
	keptMain  = kept{"lab/bench/results", "lab/bench/published", report.MainSection}
	keptPaths = kept{"lab/bench/results/paths", "lab/bench/published/paths", report.PathSection}
)

// finish shows and keeps what was found.
func (b *bench) finish(o options) error {
	to := keptMain
	if o.paths {
		to = keptPaths
	}
	fmt.Print("\n", b.results.Text())
	if err := b.results.Write(to.results); err != nil {
		return err
	}
	fmt.Println("\nas JSON, text and pictures in", to.results)
	if !o.publish {
		return nil
	}
	if err := b.results.Write(to.published); err != nil {
		return err
	}
	return b.results.Publish("README.md", to.published, to.section)
}

// works are those that were asked for.
func (o options) works() (some []work, err error) {
	all := mainWorks
	if o.paths {
		all = pathWorks
	}
	for _, name := range o.only {
		if !slices.Contains(names(all), name) {
			return nil, fmt.Errorf("there is no measurement called %q; there are %v", name, names(all))
		}
	}
	for _, w := range all {
		if len(o.only) == 0 || slices.Contains(o.only, w.name) {
			some = append(some, w)
		}
	}
	return some, nil
}

func (b *bench) prepare(ctx context.Context) (err error) {
	if b.Programs, err = peer.Build(b.Dir); err != nil {
		return err
	}
	if b.Keys, err = peer.NewKeys(); err != nil {
		return err
	}
	if b.results.Machine, err = report.Survey(b.Versions()); err != nil {
		return err
	}
	return b.startSink(ctx)
}

// take takes one measurement of every peer.
func (b *bench) take(ctx context.Context, w work, round int, o options) error {
	if round >= w.atMost && w.atMost > 0 {
		return nil
	}
	for _, name := range w.peers {
		if len(o.peers) > 0 && !slices.Contains(o.peers, name) {
			continue
		}
		record := func(metric string, value float64) {
			b.results.Add(metric, name, value)
			fmt.Fprintf(os.Stderr, "round %d  %-16s %-18s %s\n", round+1, name, metric, report.Format(metric, value))
		}
		if err := w.measure(ctx, b, name, record); err != nil {
			return fmt.Errorf("%s, %s: %w", w.name, name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// tunnel is the standing tunnel of that name; it is started when first wanted.
func (b *bench) tunnel(ctx context.Context, name string) (*peer.Tunnel, error) {
	if t := b.tunnels[name]; t != nil {
		return t, nil
	}
	t, err := b.Start(ctx, name)
	if err == nil {
		b.tunnels[name] = t
	}
	return t, err
}
