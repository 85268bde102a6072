package report

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// Results are all samples of a run.
type Results struct {
	Rounds  int
	Samples map[string]map[string][]float64 // by metric and peer
	Peers   []string                        // in the order they came
}

// New is the results of a run before it began.
func New(rounds int) *Results {
	return &Results{Rounds: rounds, Samples: make(map[string]map[string][]float64)}
}

// Add notes a sample.
func (r *Results) Add(metric, peer string, value float64) {
	if r.Samples[metric] == nil {
		r.Samples[metric] = make(map[string][]float64)
	}
	r.Samples[metric][peer] = append(r.Samples[metric][peer], value)
	if !slices.Contains(r.Peers, peer) {
		r.Peers = append(r.Peers, peer)
	}
}

// Summary is a metric of a peer over all rounds.
type Summary struct{ Median, Min, Max float64 }

// Of is the summary of a metric of a peer; ok is false if there is none.
func (r *Results) Of(metric, peer string) (s Summary, ok bool) {
	values := slices.Sorted(slices.Values(r.Samples[metric][peer]))
	n := len(values)
	if n == 0 {
		return s, false
	}
	return Summary{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}, true
}

// Table is every metric with median, spread and the ratio of ours to each.
func (r *Results) Table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, m := range metrics {
		if r.Samples[m.name] == nil {
			continue
		}
		fmt.Fprintf(w, "%s, %s\n", m.title, m.unit)
		for _, peer := range r.Peers {
			if s, ok := r.Of(m.name, peer); ok {
				fmt.Fprintf(w, "  %s\t%s\t%s to %s\t%s\n", peer, m.format(s.Median), m.format(s.Min), m.format(s.Max), r.ratio(m.name, peer))
			}
		}
	}
	w.Flush()
	return text.String()
}

// ratio compares ours with a peer.
func (r *Results) ratio(metric, peer string) string {
	ours, ok := r.Of(metric, r.Peers[0])
	theirs, _ := r.Of(metric, peer)
	if !ok || peer == r.Peers[0] || theirs.Median == 0 {
		return ""
	}
	return fmt.Sprintf("%s is %.2f ×", r.Peers[0], ours.Median/theirs.Median)
}
