//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"culvert/lab/bench/report"
)

// stagePackages have the micro-benchmarks of the path, in packet order.
var stagePackages = []string{"./nic/tuntap", "./server", "./session/seal", "./tunnel", "./link"}

// stageNames are the benchmarks that are stages of the path; the others there
// compare ciphers and the like.
var stageNames = regexp.MustCompile(`^Benchmark(Seal/AES-256-GCM/1400|Open/AES-256-GCM/1400|Route|Demultiplex|Forward|Outbound|Inbound|WriteRead|DeviceRead|Split|Merge|UDP)`)

// measureStages runs the micro-benchmarks.
func (b *bench) measureStages(ctx context.Context) error {
	args := append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "100ms"}, stagePackages...)
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, out)
	}
	b.results.Stages = parseStages(string(out))
	if len(b.results.Stages) == 0 {
		return fmt.Errorf("go %s printed no benchmark:\n%s", strings.Join(args, " "), out)
	}
	return nil
}

// parseStages reads what `go test -bench -benchmem` prints.
func parseStages(text string) (stages []report.Stage) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || !stageNames.MatchString(f[0]) {
			continue
		}
		s := report.Stage{Name: strings.TrimPrefix(f[0], "Benchmark")}
		for i := 2; i+1 < len(f); i += 2 {
			v, _ := strconv.ParseFloat(f[i], 64)
			switch f[i+1] {
			case "ns/op":
				s.Nanoseconds = v
			case "allocs/op":
				s.Allocations = v
			}
		}
		stages = append(stages, s)
	}
	return stages
}
