//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"culvert/lab/bench/lab"
	"culvert/lab/bench/peer"
	"culvert/lab/bench/report"
)

// swarmReport is what is read of what `culvert swarm --json` prints.
type swarmReport struct {
	Clients   int
	Up        int
	UpSeconds float64 `json:"up_seconds"`
	Stayed    int
	Phases    []struct {
		Seconds       float64
		Handshakes    int
		BitsPerSecond float64 `json:"bits_per_second"`
	}
	Errors map[string]struct {
		Count   int
		Example string
	}
}

// swarmLimit is how long a swarm may take in all: ten thousand handshakes with
// a server on one core.
const swarmLimit = 5 * time.Minute

// swarm is a swarm at work against a server.
type swarm struct {
	*lab.Process
	server *peer.Server
	empty  int64 // the server's memory before it had a client
}

func (b *bench) startSwarm(ctx context.Context, name string, args ...string) (*swarm, error) {
	return b.swarmAt(ctx, name, nil, args...)
}

// swarmAt is startSwarm with further lines for the server.
func (b *bench) swarmAt(ctx context.Context, name string, more []string, args ...string) (*swarm, error) {
	s, err := b.StartServer(ctx, name, "udp4", more...)
	if err != nil {
		return nil, err
	}
	empty, err := s.Process.Resident()
	if err != nil {
		return nil, err
	}
	profile, err := b.File("swarm.ovpn", b.ClientConfig(s, "dev tun"))
	if err != nil {
		return nil, err
	}
	argv := append([]string{b.Programs.Culvert, "swarm", profile, "--json", "--within", swarmLimit.String()}, args...)
	p, err := b.Lab.Client.Start("swarm", argv...)
	return &swarm{p, s, empty}, err
}

func (s *swarm) stop() {
	s.Process.Stop()
	s.server.Process.Stop()
}

// report waits for the swarm's end.
func (s *swarm) report(ctx context.Context) (r swarmReport, err error) {
	if err := s.Expect(ctx, regexp.MustCompile(`(?m)^}`)); err != nil {
		return r, err
	}
	text := s.Log()
	if err := json.NewDecoder(bytes.NewReader(text[bytes.Index(text, []byte("\n{"))+1:])).Decode(&r); err != nil {
		return r, err
	}
	for kind, e := range r.Errors {
		return r, fmt.Errorf("the swarm had errors: %s, %d times, such as: %s", kind, e.Count, e.Example)
	}
	return r, nil
}

// handshakes has clients come and leave at once.
func handshakes(ctx context.Context, b *bench, name string, record func(string, float64)) error {
	ctx, cancel := context.WithTimeout(ctx, swarmLimit)
	defer cancel()
	s, err := b.startSwarm(ctx, name, "--clients", "32", "--churn", "1ms", "--traffic", "idle", "--for", "5s")
	if err != nil {
		return err
	}
	defer s.stop()
	spent, err := s.cpuBetween(ctx, "traffic: idle", "the clients leave")
	if err != nil {
		return err
	}
	r, err := s.report(ctx)
	if err != nil {
		return err
	}
	p := r.Phases[0]
	record(report.Handshakes, float64(p.Handshakes)/p.Seconds)
	record(report.HandshakeCPU, spent.Seconds()*1e3/float64(p.Handshakes))
	return nil
}

// cpuBetween is what the server spends from one line of the swarm's to another.
func (s *swarm) cpuBetween(ctx context.Context, from, to string) (time.Duration, error) {
	if err := s.Expect(ctx, regexp.MustCompile(from)); err != nil {
		return 0, err
	}
	before, err := s.server.Process.CPU()
	if err != nil {
		return 0, err
	}
	if err := s.Expect(ctx, regexp.MustCompile(to)); err != nil {
		return 0, err
	}
	after, err := s.server.Process.CPU()
	return after - before, err
}

// growing measures a server with so many clients: how long they take to come
// up, what they cost when idle, and what it carries for all of them.
func growing(counts ...int) func(context.Context, *bench, string, func(string, float64)) error {
	return func(ctx context.Context, b *bench, name string, record func(string, float64)) error {
		for _, n := range counts {
			of := func(metric string, v float64) { record(fmt.Sprintf("%s-%d", metric, n), v) }
			if err := b.swarmOf(ctx, n, name, of); err != nil {
				return fmt.Errorf("%d clients: %w", n, err)
			}
		}
		return nil
	}
}

// manyClients is from how many clients on what each costs can be told.
const manyClients = 1000

func (b *bench) swarmOf(ctx context.Context, n int, name string, record func(string, float64)) error {
	ctx, cancel := context.WithTimeout(ctx, swarmLimit)
	defer cancel()
	traffic, length := "stream", 3*time.Second
	if n >= manyClients {
		traffic, length = "idle,stream", 6*time.Second
	}
	s, err := b.startSwarm(ctx, name, "--clients", fmt.Sprint(n), "--traffic", traffic, "--for", length.String())
	if err != nil {
		return err
	}
	defer s.stop()
	if n >= manyClients {
		if err := s.idleCost(ctx, n, length, record); err != nil {
			return err
		}
	}
	spent, err := s.cpuBetween(ctx, "traffic: stream", "the clients leave")
	if err != nil {
		return err
	}
	r, err := s.report(ctx)
	if err != nil {
		return err
	}
	if r.Stayed != n {
		return fmt.Errorf("%d were up at the end", r.Stayed)
	}
	stream := r.Phases[len(r.Phases)-1]
	record(report.SwarmRate, stream.BitsPerSecond/1e9)
	record(report.SwarmCPU, spent.Seconds()/(2*stream.BitsPerSecond*stream.Seconds/8e9))
	if n >= manyClients {
		record(report.UpTime, r.UpSeconds)
	}
	return nil
}

// idleCost measures what clients cost the server that do nothing.
func (s *swarm) idleCost(ctx context.Context, n int, length time.Duration, record func(string, float64)) error {
	spent, err := s.cpuBetween(ctx, "traffic: idle", "traffic: stream")
	if err != nil {
		return err
	}
	full, err := s.server.Process.Resident()
	if err != nil {
		return err
	}
	record(report.IdleMemory, float64(full-s.empty)/float64(n)/1024)
	record(report.IdleCPU, spent.Seconds()*1e6/length.Seconds()/float64(n))
	return nil
}
