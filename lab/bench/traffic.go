//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"time"

	"culvert/lab/bench/lab"
	"culvert/lab/bench/load"
)

// streamLength is how long TCP sends.
const streamLength = 2500 * time.Millisecond

// startSink starts what the traffic is measured against.
func (b *bench) startSink(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	sink, err := b.Lab.Server.Start("sink", self, "load", "serve")
	if err != nil {
		return err
	}
	return sink.Expect(ctx, regexp.MustCompile("ready"))
}

// load runs a load process on the client's host and reads its result.
func (b *bench) load(result any, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := b.Lab.Client.Output(append([]string{self, "load"}, args...)...)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, result)
}

// stream measures TCP through whatever leads to the address.
func (b *bench) stream(to string, streams int, down bool, more ...string) (load.Amount, error) {
	var a load.Amount
	args := []string{"tcp", "-to", to, "-streams", fmt.Sprint(streams), "-for", streamLength.String(), fmt.Sprint("-down=", down)}
	err := b.load(&a, append(args, more...)...)
	return a, err
}

func bothWays(streams int, up, down string) func(context.Context, *bench, string, func(string, float64)) error {
	return func(ctx context.Context, b *bench, name string, record func(string, float64)) error {
		t, err := b.tunnel(ctx, name)
		if err != nil {
			return err
		}
		for _, way := range []struct {
			metric string
			down   bool
		}{{up, false}, {down, true}} {
			a, err := b.stream(t.Inside.String(), streams, way.down)
			if err != nil {
				return err
			}
			record(way.metric, a.BitsPerSecond()/1e9)
		}
		return nil
	}
}

func datagrams(size int, metric string) func(context.Context, *bench, string, func(string, float64)) error {
	return func(ctx context.Context, b *bench, name string, record func(string, float64)) error {
		t, err := b.tunnel(ctx, name)
		if err != nil {
			return err
		}
		var r load.Rate
		err = b.load(&r, "udp", "-to", t.Inside.String(), "-control", lab.ServerOuter.String(), "-size", fmt.Sprint(size))
		if err == nil {
			record(metric, r.Lossless/1e3)
			record(metric+"-saturated", r.Saturated/1e3)
		}
		return err
	}
}
