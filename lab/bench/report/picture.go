//go:build linux

package report

import (
	"fmt"
	"html"
	"strings"

	"culvert/lab/bench/peer"
)

// pictures are the files of pictures that the results are enough for.
func (r *Results) pictures() map[string]string {
	all := map[string]string{
		"throughput.svg": r.bars("Throughput, Gbit/s", []string{TCP1Up, TCP1Down, TCP4Up, TCP4Down, OuterUp, OuterDown}),
		"packets.svg":    r.bars("UDP packets without loss, thousands per second", []string{UDP64, UDP1200}),
		"roundtrip.svg":  r.bars("Round trip, µs", []string{RTTIdle, RTTLoaded}),
		"cost.svg":       r.bars("Server CPU, seconds per GB, with stock clients", numbered(StockCPU, StockClients)),
		"clients.svg":    r.bars("Echoes of 1,200 bytes as clients grow, Gbit/s each way", numbered(SwarmRate, SwarmClients)),
		"memory.svg":     r.bars("Resident memory per idle client, KiB", numbered(IdleMemory, SwarmClients[3:])),
	}
	for name, picture := range all {
		if picture == "" {
			delete(all, name)
		}
	}
	return all
}

func numbered(metric string, counts []int) (names []string) {
	for _, n := range counts {
		names = append(names, fmt.Sprintf("%s-%d", metric, n))
	}
	return names
}

var colours = map[string]string{
	peer.Culvert: "#0b6e4f", peer.CulvertTCP: "#0b6e4f", peer.OpenVPN: "#d95f02", peer.OpenVPNTCP: "#d95f02",
	peer.WireGuard: "#7570b3", peer.Null: "#999999", peer.Bare: "#cccccc",
}

// Measures of a picture, in pixels.
const (
	width     = 760
	labelEnd  = 150 // where bars begin
	barsEnd   = 640
	barHeight = 15
	groupGap  = 30
	titleRoom = 40
)

// bars is a picture of metrics, a group of bars for each, with the spread of
// the rounds as a line. It is "" when there is nothing to show.
func (r *Results) bars(title string, names []string) string {
	var body strings.Builder
	most := r.most(names)
	y := titleRoom
	for _, name := range names {
		rows := r.rows(name)
		if len(rows) == 0 {
			continue
		}
		m := lookup(name)
		fmt.Fprintf(&body, `<text x="10" y="%d" class="group">%s</text>`+"\n", y+12, html.EscapeString(m.title))
		y += 18
		for _, row := range rows {
			drawBar(&body, m, row, y, float64(barsEnd-labelEnd)/most)
			y += barHeight + 3
		}
		y += groupGap - 18
	}
	if body.Len() == 0 {
		return ""
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">
<style>text{font:12px sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}.group{font-weight:bold}.peer{text-anchor:end}</style>
<rect width="100%%" height="100%%" fill="white"/>
<text x="10" y="24" class="title">%s</text>
%s</svg>
`, width, y, width, y, html.EscapeString(title), body.String())
}

// most is the largest number in a picture.
func (r *Results) most(names []string) (most float64) {
	for _, name := range names {
		for _, row := range r.rows(name) {
			most = max(most, row.Max)
		}
	}
	return most
}

func drawBar(b *strings.Builder, m metric, row row, y int, scale float64) {
	end := func(v float64) float64 { return labelEnd + v*scale }
	middle := float64(y) + barHeight/2.
	fmt.Fprintf(b, `<text x="%d" y="%d" class="peer">%s</text>`, labelEnd-6, y+12, html.EscapeString(row.peer))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, labelEnd, y, row.Median*scale, barHeight, colours[row.peer])
	fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1f" stroke="#222"/>`, end(row.Min), middle, end(row.Max))
	fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text>`+"\n", end(row.Max)+6, y+12, m.format(row.Median))
}
