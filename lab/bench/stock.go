//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"culvert/lab/bench/lab"
	"culvert/lab/bench/peer"
	"culvert/lab/bench/report"
)

// stockClients measures what a server costs by the gigabyte, with more and
// more stock clients.
func stockClients(ctx context.Context, b *bench, name string, record func(string, float64)) error {
	s, err := b.StartServer(ctx, name, "udp4")
	if err != nil {
		return err
	}
	defer s.Process.Stop()
	var clients []*lab.Process
	defer func() { stopAll(clients) }()
	var devices []string
	for _, n := range report.StockClients {
		var fresh []*lab.Process
		for len(devices) < n {
			p, device, err := b.StartClient(peer.OpenVPN, s)
			if err != nil {
				return err
			}
			clients, fresh, devices = append(clients, p), append(fresh, p), append(devices, device)
		}
		for _, p := range fresh {
			if err := peer.Up(ctx, p); err != nil {
				return err
			}
		}
		if err := b.costPerGB(s, devices, record); err != nil {
			return err
		}
	}
	return nil
}

// costPerGB has each client carry a stream, in one direction and then in the
// other.
func (b *bench) costPerGB(s *peer.Server, devices []string, record func(string, float64)) error {
	before, err := s.Process.CPU()
	if err != nil {
		return err
	}
	var bytes int64
	var took time.Duration
	for _, down := range []bool{false, true} {
		a, err := b.stream(s.Inside().String(), len(devices), down, "-devices", strings.Join(devices, ","))
		if err != nil {
			return err
		}
		bytes += a.Bytes
		took += a.Time
	}
	after, err := s.Process.CPU()
	if err != nil {
		return err
	}
	record(fmt.Sprintf("%s-%d", report.StockCPU, len(devices)), (after-before).Seconds()/(float64(bytes)/1e9))
	record(fmt.Sprintf("%s-%d", report.StockRate, len(devices)), 8*float64(bytes)/took.Seconds()/1e9)
	return nil
}

// stopAll ends processes side by side.
func stopAll(list []*lab.Process) {
	done := make(chan struct{})
	for _, p := range list {
		go func() {
			p.Stop()
			done <- struct{}{}
		}()
	}
	for range list {
		<-done
	}
}
