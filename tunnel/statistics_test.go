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
