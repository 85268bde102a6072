//go:build linux

package report

import (
	"fmt"

	"culvert/lab/bench/peer"
)

// goal is a ratio of two numbers that is to be reached.
type goal struct {
	what          string
	ours, theirs  side
	atMost        bool
	limit         float64
	withoutTunnel string // metric of the bare cable, taken off both sides
}

// side is one number: the median of a metric of a peer.
type side struct{ metric, peer string }

// goals are the project's, and how each is measured.
var goals = []goal{
	{what: "One TCP stream to the server, against OpenVPN", ours: side{TCP1Up, peer.Culvert}, theirs: side{TCP1Up, peer.OpenVPN}, limit: 8},
	{what: "One TCP stream from the server, against OpenVPN", ours: side{TCP1Down, peer.Culvert}, theirs: side{TCP1Down, peer.OpenVPN}, limit: 8},
	{what: "To the server, against wireguard-go", ours: side{TCP1Up, peer.Culvert}, theirs: side{TCP1Up, peer.WireGuard}, limit: 2},
	{what: "From the server, against wireguard-go", ours: side{TCP1Down, peer.Culvert}, theirs: side{TCP1Down, peer.WireGuard}, limit: 2},
	{what: "To the server, against the null tunnel", ours: side{TCP1Up, peer.Culvert}, theirs: side{TCP1Up, peer.Null}, limit: 0.5},
	{what: "From the server, against the null tunnel", ours: side{TCP1Down, peer.Culvert}, theirs: side{TCP1Down, peer.Null}, limit: 0.5},
	{what: "To the server over outer TCP, against OpenVPN over TCP", ours: side{OuterUp, peer.CulvertTCP}, theirs: side{OuterUp, peer.OpenVPNTCP}, limit: 6},
	{what: "From the server over outer TCP, against OpenVPN over TCP", ours: side{OuterDown, peer.CulvertTCP}, theirs: side{OuterDown, peer.OpenVPNTCP}, limit: 6},
	{what: "64-byte UDP packets per second, against OpenVPN", ours: side{UDP64, peer.Culvert}, theirs: side{UDP64, peer.OpenVPN}, limit: 5},
	cpuGoal(1), cpuGoal(8), cpuGoal(32),
	{what: "Handshakes per second, against the stock server", ours: side{Handshakes, peer.Culvert}, theirs: side{Handshakes, peer.OpenVPN}, limit: 3},
	memoryGoal(1000), memoryGoal(10000),
	{what: "Throughput at 1,000 clients, against 10", ours: side{SwarmRate + "-1000", peer.Culvert}, theirs: side{SwarmRate + "-10", peer.Culvert}, limit: 0.9},
	{what: "Round trip added, idle, against OpenVPN", ours: side{RTTIdle, peer.Culvert}, theirs: side{RTTIdle, peer.OpenVPN}, atMost: true, limit: 1, withoutTunnel: RTTIdle},
	{what: "Round trip added, loaded, against OpenVPN", ours: side{RTTLoaded, peer.Culvert}, theirs: side{RTTLoaded, peer.OpenVPN}, atMost: true, limit: 0.5, withoutTunnel: RTTLoaded},
}

func cpuGoal(n int) goal {
	metric := fmt.Sprintf("%s-%d", StockCPU, n)
	return goal{what: fmt.Sprintf("Server CPU per GB against the stock server, stock clients: %d", n),
		ours: side{metric, peer.Culvert}, theirs: side{metric, peer.OpenVPN}, atMost: true, limit: 1. / 3}
}

func memoryGoal(n int) goal {
	metric := fmt.Sprintf("%s-%d", IdleMemory, n)
	return goal{what: fmt.Sprintf("Resident memory per idle client of %s, against the stock server", thousands(n)),
		ours: side{metric, peer.Culvert}, theirs: side{metric, peer.OpenVPN}, atMost: true, limit: 0.5}
}

// Verdict is a goal and what was measured.
type Verdict struct {
	What   string
	Goal   string
	Ratio  float64
	Met    bool
	Ours   float64
	Theirs float64
}

// Verdicts are the goals that this run can tell of.
func (r *Results) Verdicts() (list []Verdict) {
	for _, g := range goals {
		ours, ok1 := r.Of(g.ours.metric, g.ours.peer)
		theirs, ok2 := r.Of(g.theirs.metric, g.theirs.peer)
		bare, ok3 := r.Of(g.withoutTunnel, peer.Bare)
		if !ok1 || !ok2 || g.withoutTunnel != "" && !ok3 {
			continue
		}
		list = append(list, g.judge(ours.Median-bare.Median, theirs.Median-bare.Median))
	}
	return append(list, r.allocationVerdict()...)
}

func (g goal) judge(ours, theirs float64) Verdict {
	v := Verdict{What: g.what, Ratio: ours / theirs, Ours: ours, Theirs: theirs}
	v.Goal, v.Met = fmt.Sprintf("at least %.2g", g.limit), v.Ratio >= g.limit
	if g.atMost {
		v.Goal, v.Met = fmt.Sprintf("at most %.2g", g.limit), v.Ratio <= g.limit
	}
	return v
}

// allocationVerdict is about the stages of the path, all together.
func (r *Results) allocationVerdict() []Verdict {
	if len(r.Stages) == 0 {
		return nil
	}
	v := Verdict{What: fmt.Sprintf("Allocations per packet, most of %d stages", len(r.Stages)), Goal: "0"}
	for _, s := range r.Stages {
		v.Ours = max(v.Ours, s.Allocations)
	}
	v.Ratio, v.Met = v.Ours, v.Ours == 0
	return []Verdict{v}
}

func verdictWord(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
