//go:build interop

package interop

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRates: the streams of a stock client keep to its user's rates, each way at once; another
// rate counts in the middle of them, and so does none. Then the user is disabled,
// and the last packet of the stream comes at once.
func TestRates(t *testing.T) {
	h := newHosts(t)
	dir, _ := h.initialize(t)
	profile := filepath.Join(h.c.dir, "alice.ovpn")
	say := func(words ...string) {
		h.s.output(append(append([]string{culvert(t)}, words...), "--dir", dir)...)
	}
	say("user", "add", "alice")
	say("user", "set", "alice", "--down", "8M", "--up", "4M")
	say("device", "add", "phone", "--user", "alice", "-o", profile)
	h.s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", filepath.Join(h.s.dir, "state")).up()
	client := h.c.run(stock, profile)
	client.up()
	for _, port := range []string{"7000", "7001"} {
		h.s.start("listener", "iperf3", "-s", "-p", port, "--forceflush").expect(regexp.MustCompile("listening"), 1, patience)
	}
	stream := func(more ...string) *process {
		return h.c.start("stream", append([]string{"iperf3", "-c", serverIPv4.String(), "-i", "1"}, more...)...)
	}
	down := stream("-p", "7000", "-R", "-t", "9", "-J")
	_, sent := rateOf(t, stream("-p", "7001", "-t", "4", "-J")) // in the first of the nine seconds that are measured
	say("user", "set", "alice", "--down", "2M")
	per, _ := rateOf(t, down)
	if len(per) < 9 {
		t.Fatalf("%d seconds were measured", len(per))
	}
	within := func(what string, got, rate float64) {
		t.Helper()
		t.Logf("%s: %.2f Mbit/s of %.0f", what, got/1e6, rate/1e6)
		if got < rate/2 || got > rate*1.2 {
			t.Errorf("%s: %.2f Mbit/s, and the rate is %.0f", what, got/1e6, rate/1e6)
		}
	}
	within("to the client", median(per[1:4]), 8e6)
	within("to the client after the change", median(per[6:9]), 2e6)
	within("from the client, beside the stream to it", sent, 4e6)

	free := stream("-p", "7000", "-R", "-t", "60", "--forceflush")
	free.expect(regexp.MustCompile(`Mbits/sec`), 1, patience)
	say("user", "set", "alice", "--down", "none", "--up", "none")
	free.expect(regexp.MustCompile(`(?m)([2-9]\d|\d{3,})(\.\d+)? Mbits/sec|Gbits/sec`), 2, patience)
	beside := h.c.start("ping beside it", "ping", "-D", "-i", "0.01", serverIPv4.String())
	beside.expect(regexp.MustCompile(`bytes from`), 20, patience)
	began := time.Now()
	say("user", "disable", "alice")
	client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
	after := lastAnswer(t, beside).Sub(began).Round(time.Millisecond)
	t.Logf("the last packet of a client in full stream came back %v after `culvert user disable` began", after)
	if after > outBy {
		t.Errorf("the last packet came back %v after the user was disabled", after)
	}
}

// rateOf waits for iperf3 -J, and returns the bits a second of each interval, and those
// that arrived on the whole.
func rateOf(t testing.TB, p *process) (per []float64, received float64) {
	t.Helper()
	if err := p.wait(patience); err != nil {
		t.Fatalf("iperf3: %v\n%s", err, p.log())
	}
	type sum struct {
		Rate float64 `json:"bits_per_second"`
	}
	var said struct {
		Intervals []struct{ Sum sum }
		End       struct {
			Received sum `json:"sum_received"`
		}
	}
	text := p.log()
	if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &said); err != nil {
		t.Fatalf("iperf3: %v\n%s", err, text)
	}
	for _, i := range said.Intervals {
		per = append(per, i.Sum.Rate)
	}
	return per, said.End.Received.Rate
}

// lastAnswer is when `ping -D` had its last answer.
func lastAnswer(t *testing.T, ping *process) time.Time {
	t.Helper()
	times := regexp.MustCompile(`(?m)^\[(\d+\.\d+)\] \d+ bytes from`).FindAllStringSubmatch(ping.log(), -1)
	last, err := strconv.ParseFloat(times[len(times)-1][1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(0, int64(last*1e9))
}
