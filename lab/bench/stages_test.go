//go:build linux

package main

import (
	"slices"
	"testing"

	"culvert/lab/bench/report"
)

func TestParseStages(t *testing.T) {
	const text = `goos: linux
BenchmarkSum/1400-2      	 3000	  70 ns/op	       0 B/op	       0 allocs/op
BenchmarkSeal/AES-256-GCM/1400-2         	 1979064	       571.5 ns/op	2449.70 MB/s	       0 B/op	       0 allocs/op
BenchmarkSeal/AES-256-GCM/64-2         	 1979064	       571.5 ns/op	2449.70 MB/s	       0 B/op	       0 allocs/op
BenchmarkRoute-2         	 3328678	        85.41 ns/op	       8 B/op	       2 allocs/op
PASS
`
	want := []report.Stage{{Name: "Seal/AES-256-GCM/1400-2", Nanoseconds: 571.5}, {Name: "Route-2", Nanoseconds: 85.41, Allocations: 2}}
	if got := parseStages(text); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestOptionsNameWorks(t *testing.T) {
	if _, err := (options{only: []string{"tcp1", "tcp9"}}).works(); err == nil {
		t.Error("a measurement that is none was taken")
	}
	some, err := options{only: []string{"udp64", "tcp1"}}.works()
	if err != nil || len(some) != 2 || some[0].name != "tcp1" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := (options{paths: true, only: []string{"path-20"}}).works(); err != nil {
		t.Error(err)
	}
	for _, works := range [][]work{mainWorks, pathWorks} {
		all := names(works)
		slices.Sort(all)
		if len(slices.Compact(all)) != len(works) {
			t.Error("two measurements have one name")
		}
	}
}
