//go:build linux

package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"culvert/lab/bench/peer"
)

// Results are all samples of a run, and where they were taken.
type Results struct {
	Machine Machine
	Rounds  int
	Samples map[string]map[string][]float64 // by metric and peer
	Stages  []Stage
}

// Stage is a micro-benchmark of one stage of the path.
type Stage struct {
	Name        string
	Nanoseconds float64
	Allocations float64
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

// order is how every table lists the peers; ours come first.
var order = []string{peer.Culvert, peer.CulvertTCP, peer.OpenVPN, peer.OpenVPNTCP, peer.WireGuard, peer.Null, peer.Bare}

// row is a metric of one peer.
type row struct {
	peer string
	Summary
	ratio float64 // ours to it; 0 for ours
}

func (r *Results) rows(metric string) (rows []row) {
	var ours float64
	for _, name := range order {
		s, ok := r.Of(metric, name)
		if !ok {
			continue
		}
		if name == peer.Culvert || name == peer.CulvertTCP {
			ours = s.Median
			rows = append(rows, row{peer: name, Summary: s})
			continue
		}
		rows = append(rows, row{name, s, ours / s.Median})
	}
	return rows
}

// Text is every metric with median, spread and the ratio of ours to each, the
// stages of the path, and the goals.
func (r *Results) Text() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n%d rounds: median, spread, ours as a multiple of it\n", r.Machine, r.Rounds)
	for _, m := range metrics {
		rows := r.rows(m.name)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s, %s\n", m.title, m.unit)
		for _, row := range rows {
			ratio := ""
			if row.ratio > 0 {
				ratio = fmt.Sprintf("%.2f ×", row.ratio)
			}
			fmt.Fprintf(w, "  %s\t%s\t%s to %s\t%s\n", row.peer, m.format(row.Median), m.format(row.Min), m.format(row.Max), ratio)
		}
	}
	r.textStages(w)
	r.textGoals(w)
	w.Flush()
	return text.String()
}

func (r *Results) textStages(w *tabwriter.Writer) {
	if len(r.Stages) == 0 {
		return
	}
	fmt.Fprintf(w, "\nStages of the path\tns\tallocations\n")
	for _, s := range r.Stages {
		fmt.Fprintf(w, "  %s\t%.1f\t%.0f\n", s.Name, s.Nanoseconds, s.Allocations)
	}
}

func (r *Results) textGoals(w *tabwriter.Writer) {
	verdicts := r.Verdicts()
	if len(verdicts) == 0 {
		return
	}
	fmt.Fprintf(w, "\nGoals\twanted\tmeasured\n")
	for _, v := range verdicts {
		fmt.Fprintf(w, "  %s\t%s\t%.2f\t%s\n", v.What, v.Goal, v.Ratio, verdictWord(v.Met))
	}
}

// Write leaves the results as JSON, text and pictures in a directory.
func (r *Results) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{"results.json": append(text, '\n'), "results.txt": []byte(r.Text())}
	for name, picture := range r.pictures() {
		files[name] = []byte(picture)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
