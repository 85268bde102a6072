//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
	// Windows are taken in pairs, one without anybody who looks and one with, the order
	// changing from pair to pair. They are short, so that what else the machine does falls
	// on both of a pair, and many, since it falls on some alone.
	watchedPairs  = 24
	watchedWindow = 2 * time.Second // two scrapes
	watchedSettle = 500 * time.Millisecond
)

// watched measures what those who look at a server cost it: readers of events, and a
// scrape of its metrics each second. Each pair of windows is a sample.
func watched(ctx context.Context, b *bench, name string, record func(string, float64)) error {
	ctx, cancel := context.WithTimeout(ctx, swarmLimit)
	defer cancel()
	s, err := b.swarmAt(ctx, name, []string{"metrics-listen " + scrapeAt}, "--clients", fmt.Sprint(watchedClients), "--traffic", "stream", "--for", "170s")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.Expect(ctx, regexp.MustCompile("traffic: stream")); err != nil {
		return err
	}
	api := localAPI(s.server.Name())
	rateOf := []string{report.UnwatchedRate, report.WatchedRate}
	memoryOf := []string{report.UnwatchedMemory, report.WatchedMemory}
	for pair := range watchedPairs {
		var of [2]window
		for i := range of {
			looking := (pair + i) % 2
			w, err := b.window(ctx, s, api, looking == 1)
			if err != nil {
				return err
			}
			of[looking] = w
			record(rateOf[looking], w.rate/1e9)
			record(memoryOf[looking], float64(w.resident)/(1<<20))
		}
		record(report.WatchedShare, 100*of[1].rate/of[0].rate)
		record(report.WatchedCPU, 100*(of[1].busy/of[1].rate)/(of[0].busy/of[0].rate))
	}
	return nil
}

// window is what a server did within one.
type window struct {
	rate     float64 // bits a second that it carried
	busy     float64 // processors that it kept busy
	resident int64   // bytes of memory at its end
}

func (b *bench) window(ctx context.Context, s *swarm, api *http.Client, looking bool) (w window, err error) {
	if looking {
		stop, err := b.look(ctx, api)
		if err != nil {
			return w, err
		}
		defer stop()
	}
	time.Sleep(watchedSettle)
	before, err := carried(ctx, api)
	if err != nil {
		return w, err
	}
	used, err := s.server.Process.CPU()
	if err != nil {
		return w, err
	}
	began := time.Now()
	time.Sleep(watchedWindow)
	inAll, err := s.server.Process.CPU()
	if err != nil {
		return w, err
	}
	after, err := carried(ctx, api)
	if err != nil {
		return w, err
	}
	took := time.Since(began).Seconds()
	w.rate, w.busy = 8*float64(after-before)/took, (inAll-used).Seconds()/took
	w.resident, err = s.server.Process.Resident()
	return w, err
}

// look has readers of events and a scraper, which has its first answer, look at a server
// until stop.
func (b *bench) look(ctx context.Context, api *http.Client) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	scraper, err := b.Lab.Server.Start("scraper", self, "load", "scrape", "-to", scrapeAt)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
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
	if err := scraper.Expect(ctx, regexp.MustCompile("bytes of metrics")); err != nil {
		stop()
		return nil, err
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
