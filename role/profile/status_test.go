package profile

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
)

// TestStatusTimes: at the start, at each interval, at the end.
func TestStatusTimes(t *testing.T) {
	for interval, want := range map[time.Duration]int{10 * time.Second: 5, 0: 2} {
		synctest.Test(t, func(t *testing.T) {
			end, ended, n := make(chan struct{}), make(chan struct{}), 0
			go func() { defer close(ended); keepStatus(interval, end, func() { n++ }) }()
			time.Sleep(35 * time.Second)
			close(end)
			<-ended
			if n != want {
				t.Errorf("every %v: written %d times in 35 s, want %d", interval, n, want)
			}
		})
	}
}

// TestSameStatus: a status file stays open unless it is another one.
func TestSameStatus(t *testing.T) {
	p := config.Process{Status: "a", StatusInterval: 1}
	other, later, version := p, p, p
	other.Status, later.StatusInterval, version.StatusVersion = "b", 2, 3
	if !sameStatus(p, p) || !sameStatus(p, version) || sameStatus(p, other) || sameStatus(p, later) {
		t.Error("compared wrongly")
	}
}

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

// TestStatusFails: that the status file cannot be written is said once, and once that it can be.
func TestStatusFails(t *testing.T) {
	var said bytes.Buffer
	say := turns(slog.New(slog.NewTextHandler(&said, nil)))
	for _, err := range []error{nil, errors.New("no space"), errors.New("no space"), nil, nil, errors.New("no space")} {
		say(err)
	}
	if got := strings.Count(said.String(), "cannot be written"); got != 2 || strings.Count(said.String(), "\n") != 3 {
		t.Errorf("it says\n%s", &said)
	}
}
