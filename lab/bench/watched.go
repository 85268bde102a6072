//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"culvert/lab/bench/report"
)

const (
	watchedClients = 1000
	eventReaders   = 50
	scrapeAt       = "127.0.0.1:9176"
	// windows are taken in pairs, one without anybody who looks and one with, the order
	// changing from pair to pair.
	watchedPairs  = 5
	watchedWindow = 4 * time.Second
	watchedSettle = time.Second
)

// watched measures what those who look at a server cost it: readers of events, and a
// scrape of its metrics each second.
func watched(ctx context.Context, b *bench, name string, record func(string, float64)) error {
	ctx, cancel := context.WithTimeout(ctx, swarmLimit)
	defer cancel()
	s, err := b.swarmAt(ctx, name, []string{"metrics-listen " + scrapeAt}, "--clients", fmt.Sprint(watchedClients), "--traffic", "stream", "--for", "90s")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.Expect(ctx, regexp.MustCompile("traffic: stream")); err != nil {
		return err
	}
	api := localAPI(s.server.Name())
	var rates, memory [2]float64 // without, with
	for i := range 2 * watchedPairs {
		looking := (i+i/2)%2 == 1
		stop := func() {}
		if looking {
			if stop, err = b.look(ctx, api); err != nil {
				return err
			}
		}
		rate, err := carriedIn(ctx, api, watchedWindow)
		resident, memErr := s.server.Process.Resident()
		stop()
		if err != nil || memErr != nil {
			return fmt.Errorf("what is carried: %v, %v", err, memErr)
		}
		n := 0
		if looking {
			n = 1
		}
		rates[n] += rate / watchedPairs
		memory[n] = max(memory[n], float64(resident)/(1<<20))
	}
	record(report.UnwatchedRate, rates[0]/1e9)
	record(report.WatchedRate, rates[1]/1e9)
	record(report.WatchedShare, 100*rates[1]/rates[0])
	record(report.UnwatchedMemory, memory[0])
	record(report.WatchedMemory, memory[1])
	return nil
}

// look has readers of events and a scraper look at a server until stop.
func (b *bench) look(ctx context.Context, api *http.Client) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	scraper, err := b.Lab.Server.Start("scraper", "sh", "-c", "while sleep 1; do curl -sf -o /dev/null http://"+scrapeAt+"/metrics || echo no answer; done")
	if err != nil {
		cancel()
		return nil, err
	}
	stop = func() {
		cancel()
		scraper.Stop()
		readers.Wait()
	}
	for range eventReaders {
		r, err := ask(ctx, api, "/v1/events")
		if err != nil {
			stop()
			return nil, err
		}
		readers.Go(func() {
			defer r.Close()
			io.Copy(io.Discard, r)
		})
	}
	return stop, nil
}

// localAPI asks the local interface of a server that root started.
func localAPI(name string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join("/run/culvert", name+".sock"))
	}}}
}

func ask(ctx context.Context, api *http.Client, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://culvert"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := api.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", path, resp.Status)
	}
	return resp.Body, nil
}

// carriedIn is what a server carries, both ways, within a window that begins when things
// have settled, bits a second.
func carriedIn(ctx context.Context, api *http.Client, window time.Duration) (float64, error) {
	time.Sleep(watchedSettle)
	before, err := carried(ctx, api)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	time.Sleep(window)
	after, err := carried(ctx, api)
	return 8 * float64(after-before) / time.Since(began).Seconds(), err
}

// carried is how many bytes a server's clients sent and were sent.
func carried(ctx context.Context, api *http.Client) (sum uint64, err error) {
	body, err := ask(ctx, api, "/v1/status")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	var status struct {
		Peers []struct {
			In  uint64 `json:"bytes_in"`
			Out uint64 `json:"bytes_out"`
		}
	}
	if err := json.NewDecoder(body).Decode(&status); err != nil {
		return 0, err
	}
	for _, p := range status.Peers {
		sum += p.In + p.Out
	}
	return sum, nil
}
