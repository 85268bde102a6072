//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// stationMAC is the MAC address of both clients of stationCalls.
const stationMAC = "02:00:5e:10:00:07"

// stationCase is an Ethernet of a server that runs learn-address for its stations.
type stationCase struct {
	name    string
	server  []string
	connect bool   // it has client-connect, too
	own     string // what the server knows of each client by itself
	station string // as programs are told
	stale   bool   // the server forgets who is silent
}

var stationCases = []stationCase{
	{"plain", nil, true, "", stationMAC + "@0", false},
	{"VLANs", []string{"vlan-tagging", "vlan-pvid 7", "vlan-accept all"}, false, "vlan-pvid 10\n", stationMAC + "@10", false},
	{"silent", []string{"stale-routes-check 2 1"}, false, "", stationMAC + "@0", true},
}

// stationCalls has a station show itself at a server of Ethernet behind one client, and then
// behind another, or again after the server has forgotten it, and returns the runs of its programs.
func (c stationCase) stationCalls(t *testing.T, impl implementation, other identity) []hookCall {
	l := newLab(t)
	a, b, s := l.host("a"), l.host("b"), l.host("s")
	wa, wb := l.join(a, s), l.join(b, s)
	dir := filepath.Join(s.dir, "ccd")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{clientName, otherName} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(c.own), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hook := s.hooks()
	if c.connect {
		c.server = append(slices.Clone(c.server), "client-connect "+hook)
	}
	server := s.run(impl, s.tapServer(append(c.server, "server 10.8.0.0 255.255.255.0", "client-config-dir "+dir,
		"script-security 2", "learn-address "+hook, "client-disconnect "+hook, "tmp-dir /tmp")...)).up()
	told := func(from *netns, times int, what string) {
		t.Helper()
		s.eventually(fmt.Sprint("learn-address ", what, ", times: ", times), func() bool {
			if from != nil {
				_, _ = from.tryPing(serverIPv4) // its question who that is reaches the server
			}
			runs := slices.DeleteFunc(s.calls(), func(call hookCall) bool { return call.what() != "learn-address "+what })
			return len(runs) >= times
		})
	}
	first := a.run(stock, a.tapClient(keys(t).client, wa.b4, "lladdr "+stationMAC)).up()
	told(a, 1, "add "+c.station+" "+clientName)
	a.ip("link", "set", tapDevice, "down") // from here on it is silent
	processes := []*process{server, first}
	if c.stale {
		told(nil, 1, "delete "+c.station)
		a.ip("link", "set", tapDevice, "up")
		told(a, 2, "add "+c.station+" "+clientName)
	} else {
		second := b.run(stock, b.tapClient(other, wb.b4, "lladdr "+stationMAC)).up()
		told(b, 1, "update "+c.station+" "+otherName)
		processes = append(processes, second)
	}
	for _, p := range processes {
		if err := p.stop(os.Interrupt); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	calls := s.calls()
	// What runs at the end comes in any order.
	end := 0
	for i, call := range calls {
		if call.kind == "learn-address" && call.args[0] != "delete" {
			end = i + 1
		}
	}
	slices.SortFunc(calls[end:], func(a, b hookCall) int { return strings.Compare(a.about(), b.about()) })
	return calls
}

// about is what is run, and the client that it is about.
func (c hookCall) about() string {
	name := ""
	for _, v := range c.env {
		if strings.HasPrefix(v, "common_name=") {
			name = v
		}
	}
	return c.what() + " " + name
}

// TestStationHooks: learn-address is run for the stations of an Ethernet with the same
// arguments, and the same variables in the same order, as with stock OpenVPN 2.6.
func TestStationHooks(t *testing.T) {
	t.Parallel()
	other := keys(t).ca.issue(otherName, time.Now().Add(-day), time.Now().Add(day))
	for _, c := range stationCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sameCalls(t, "server", c.stationCalls(t, stock, other), c.stationCalls(t, ours, other))
		})
	}
}
