package tunnel

import (
	"os"
	"testing"
	"time"
)

// TestStatisticsAsOpenVPN compares with a file that OpenVPN 2.6.14 wrote, in
// UTC.
func TestStatisticsAsOpenVPN(t *testing.T) {
	want, err := os.ReadFile("testdata/status")
	if err != nil {
		t.Fatal(err)
	}
	s := Statistics{AdapterRead: 216, AdapterWritten: 168, LinkRead: 2677, LinkWritten: 3179}
	if got := s.Text(time.Unix(1795399343, 0).UTC()); string(got) != string(want) {
		t.Errorf("got\n%s\nOpenVPN wrote\n%s", got, want)
	}
}

// TestTraffic: each connection counts once, whether it is over or not.
func TestTraffic(t *testing.T) {
	peer := func(in, out uint64) *Peer {
		p := new(Peer)
		p.Counters.InBytes.Store(in)
		p.Counters.OutBytes.Store(out)
		p.Counters.LinkIn.Store(in + 10)
		p.Counters.LinkOut.Store(out + 10)
		return p
	}
	var total Traffic
	first, second := peer(1, 2), peer(100, 200)
	want := func(what string, got Statistics, in, out, n uint64) {
		if (got != Statistics{AdapterRead: out, AdapterWritten: in, LinkRead: in + 10*n, LinkWritten: out + 10*n}) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	want("nothing", total.With(nil), 0, 0, 0)
	want("one at work", total.With(first), 1, 2, 1)
	total.Ended(first)
	want("the one that is over", total.With(first), 1, 2, 1)
	want("none at work", total.With(nil), 1, 2, 1)
	want("another at work", total.With(second), 101, 202, 2)
}
