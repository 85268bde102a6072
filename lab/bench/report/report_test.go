//go:build linux

package report

import (
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/lab/bench/peer"
)

// measured is a run with some of the numbers.
func measured() *Results {
	r := New(3)
	r.Machine = Machine{Cores: 2, System: "Linux 6.18", Arch: "amd64", Virtual: true, Versions: map[string]string{"openvpn": "OpenVPN 2.6"}}
	for i, v := range []float64{4, 5, 3} {
		r.Add(TCP1Up, peer.Culvert, v)
		r.Add(TCP1Up, peer.OpenVPN, 0.5)
		r.Add(TCP1Up, peer.Null, 10+float64(i))
		r.Add(OuterUp, peer.CulvertTCP, 1)
		r.Add(OuterUp, peer.OpenVPNTCP, 0.25)
		r.Add(RTTIdle, peer.Culvert, 160)
		r.Add(RTTIdle, peer.OpenVPN, 180)
		r.Add(RTTIdle, peer.Bare, 60)
	}
	r.Add(SwarmRate+"-10", peer.Culvert, 1)
	r.Add(SwarmRate+"-1000", peer.Culvert, 0.8)
	r.Stages = []Stage{{"Seal", 500, 0}, {"Open", 400, 1}}
	return r
}

func TestSummary(t *testing.T) {
	r := measured()
	if s, ok := r.Of(TCP1Up, peer.Culvert); !ok || s != (Summary{4, 3, 5}) {
		t.Errorf("%+v, %v", s, ok)
	}
	r.Add(TCP1Up, peer.Culvert, 6)
	if s, _ := r.Of(TCP1Up, peer.Culvert); s.Median != 4.5 {
		t.Errorf("the median of 3, 4, 5 and 6 is %v", s.Median)
	}
	if _, ok := r.Of(TCP1Down, peer.Culvert); ok {
		t.Error("there is a summary of nothing")
	}
}

func TestVerdicts(t *testing.T) {
	type want struct {
		ratio float64
		met   bool
	}
	wants := map[string]want{
		"One TCP stream to the server, against OpenVPN":          {8, true},
		"To the server, against the null tunnel":                 {4. / 11, false},
		"To the server over outer TCP, against OpenVPN over TCP": {4, false},
		"Round trip added, idle, against OpenVPN":                {100. / 120, true},
		"Throughput at 1,000 clients, against 10":                {0.8, false},
		"Allocations per packet, most of 2 stages":               {1, false},
	}
	verdicts := measured().Verdicts()
	if len(verdicts) != len(wants) {
		t.Errorf("%d verdicts, of %d goals that can be judged", len(verdicts), len(wants))
	}
	for _, v := range verdicts {
		if w, ok := wants[v.What]; !ok || math.Abs(v.Ratio-w.ratio) > 1e-9 || v.Met != w.met {
			t.Errorf("%+v, want %+v", v, w)
		}
	}
}

func TestWritten(t *testing.T) {
	dir, r := t.TempDir(), measured()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.txt"))
	if err != nil || !strings.Contains(string(text), "8.00 ×") || !strings.Contains(string(text), "not met") {
		t.Errorf("%v:\n%s", err, text)
	}
	for _, name := range []string{"throughput.svg", "roundtrip.svg", "clients.svg"} {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for decoder := xml.NewDecoder(file); err == nil; {
			_, err = decoder.Token()
		}
		if err != io.EOF {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "cost.svg")); err == nil {
		t.Error("there is a picture of what was not measured")
	}
}

func TestPublish(t *testing.T) {
	begin, end := MainSection.begin, MainSection.end
	readme := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(readme, []byte("before\n"+begin+"\nold\n"+end+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over the first
		if err := measured().Publish(readme, "pictures", MainSection); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := os.ReadFile(readme)
	s := string(text)
	if !strings.HasPrefix(s, "before\n"+begin) || !strings.HasSuffix(s, end+"\nafter\n") || strings.Contains(s, "old") {
		t.Errorf("README is\n%s", s)
	}
	if row := "| One TCP stream over outer TCP, client to server, Gbit/s | 1.00 | 0.25 |  |  |"; strings.Count(s, row) != 1 {
		t.Errorf("%q is not in\n%s", row, s)
	}
	if err := os.WriteFile(readme, []byte("nothing to write between"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := measured().Publish(readme, "pictures", MainSection); err == nil {
		t.Error("wrote into a README that has no place for it")
	}
}

// TestMetricsAreKnown: what goals and README name is in the table of metrics.
func TestMetricsAreKnown(t *testing.T) {
	names := append(MainSection.shown, PathSection.shown...)
	for _, g := range goals {
		names = append(names, g.ours.metric, g.theirs.metric)
	}
	for _, name := range names {
		if lookup(name).unit == "" {
			t.Errorf("%s is no metric", name)
		}
	}
}
