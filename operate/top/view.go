package top

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"culvert/operate/backend"
)

// Styles of a terminal that has them; where it has not, or NO_COLOR is set, they change
// nothing.
var (
	strong  = lipgloss.NewStyle().Bold(true)
	warning = lipgloss.NewStyle().Foreground(lipgloss.ANSIColor(3)).Bold(true)
	under   = lipgloss.NewStyle().Reverse(true)
	inside  = lipgloss.NewStyle().Foreground(lipgloss.ANSIColor(6))
	faint   = lipgloss.NewStyle().Faint(true)
)

var topColumns = []column{
	{head: " NAME", most: 25}, {head: "IN/S", right: true}, {head: "OUT/S", right: true}, {head: "HEARD", right: true},
	{head: "FROM", most: 48}, {head: "INSIDE", spare: true}, {head: "FOR", right: true, spare: true}, {head: "IN", right: true, spare: true}, {head: "OUT", right: true, spare: true}, {head: "USER", most: 20, spare: true},
}

// topRow is a peer in topColumns.
func topRow(p *backend.Peer, r *rates, now time.Time, mark string) []string {
	in, out := r.now()
	long, user := since(p.Since, now), name(p.User)
	if p.Connecting {
		long = "connecting"
	}
	if p.User == p.Name {
		user = ""
	}
	return []string{mark + name(p.Name), rateText(in), rateText(out), since(p.LastHeard, now), name(p.Remote), addresses(p), long, bytesText(p.BytesIn), bytesText(p.BytesOut), user}
}

// View implements tea.Model: as many lines as the terminal has, none wider.
func (m *model) View() string {
	var lines []string
	switch m.page {
	case helping:
		lines = m.help()
	case detail:
		lines = m.session()
	default:
		lines = m.table()
	}
	last := m.lastLine()
	room := max(1, m.height-1)
	if len(lines) > room {
		lines = lines[:room]
	}
	for len(lines) < room {
		lines = append(lines, "")
	}
	return strings.Join(append(lines, last), "\n")
}

// head are the lines above every page.
func (m *model) head() []string {
	s := &m.status
	title := "culvert top"
	if s.Role != "" {
		title = fmt.Sprintf("%s on %s, up %s", name(s.Role), name(s.Adapter), timeText(m.now().Sub(s.Since)))
	}
	lines := []string{strong.Render(cut(title, m.width))}
	if m.fault != "" {
		lines = append(lines, warning.Render(cut("! no answer: "+name(m.fault), m.width)))
	}
	for _, w := range warnings(s) {
		lines = append(lines, warning.Render(cut("! "+w, m.width)))
	}
	return append(lines, cut(totals(s), m.width))
}

// graphs are the rates of all, with their last minutes drawn.
func (m *model) graphs(r *rates, most int) []string {
	in, out := r.now()
	width := min(max(0, m.width-24), most)
	return []string{
		cut(fmt.Sprintf("in  %11s  ", rateText(in)), m.width) + inside.Render(sparkline(r.in, width)),
		cut(fmt.Sprintf("out %11s  ", rateText(out)), m.width) + inside.Render(sparkline(r.out, width)),
	}
}

// table are the lines of the first page.
func (m *model) table() []string {
	lines := append(m.head(), m.graphs(&m.sampler.total, kept)...)
	came, failed := m.shakes.lastMinute(m.now())
	lines = append(lines, cut(fmt.Sprintf("handshakes in the last minute: %d came in, %d failed", came, failed), m.width), cut(m.losses(), m.width), "")
	rows := m.rows()
	at := m.at(rows)
	room := max(1, m.height-len(lines)-2)
	m.scroll(at, room, len(rows))
	shown := rows[m.top:min(len(rows), m.top+room)]
	cells := make([][]string, len(shown))
	for i, p := range shown {
		mark := " "
		if m.top+i == at {
			mark = ">"
		}
		cells[i] = topRow(p, m.sampler.of(p), m.now(), mark)
	}
	head, body := table(topColumns, cells, m.width)
	lines = append(lines, strong.Render(head))
	for i, line := range body {
		if m.top+i == at {
			line = under.Render(line)
		}
		lines = append(lines, line)
	}
	if len(rows) == 0 && m.filter != "" {
		lines = append(lines, cut(" no peer has "+name(m.filter)+" in its name, user or addresses", m.width))
	}
	return lines
}

// scroll has the row under the cursor shown.
func (m *model) scroll(at, room, all int) {
	if at >= 0 {
		m.top = min(max(m.top, at-room+1), at)
	}
	m.top = min(m.top, max(0, all-room))
}

// losses is what is dropped now, and was so far.
func (m *model) losses() string {
	if len(m.status.Drops) == 0 {
		return "dropped: nothing"
	}
	var now, before []string
	for _, reason := range reasons(m.status.Drops) {
		if r := m.sampler.losing[reason]; r > 0 {
			now = append(now, fmt.Sprintf("%s %.0f/s (%d)", name(reason), max(1, r), m.status.Drops[reason]))
		} else {
			before = append(before, fmt.Sprintf("%s %d", name(reason), m.status.Drops[reason]))
		}
	}
	return "dropped: " + strings.Join(append(now, before...), ", ")
}

// session are the lines of one peer's page.
func (m *model) session() []string {
	lines := m.head()
	p := m.under()
	if p == nil {
		return append(lines, "", "this session has ended; Esc leads back")
	}
	about := func(what, text string) {
		if text != "" {
			lines = append(lines, cut(fmt.Sprintf("%-10s %s", what, text), m.width))
		}
	}
	lines = append(lines, "", strong.Render(cut(name(p.Name), m.width)))
	if p.User != p.Name {
		about("user", name(p.User))
	}
	about("from", name(p.Remote))
	about("inside", addresses(p))
	about("for", since(p.Since, m.now()))
	about("heard", since(p.LastHeard, m.now())+" ago")
	about("cipher", name(p.Cipher))
	about("serial", name(p.Serial))
	about("carried", bytesText(p.BytesIn)+" in, "+bytesText(p.BytesOut)+" out")
	about("notes", notes(p))
	lines = append(append(lines, m.graphs(m.sampler.of(p), keptOfAPeer)...), "", strong.Render("its life"))
	life := m.lives[p.Number]
	if len(life) == 0 {
		return append(lines, faint.Render("nothing since this began"))
	}
	room := max(1, m.height-len(lines)-1)
	for _, e := range life[max(0, len(life)-room):] {
		lines = append(lines, cut(strings.TrimRight(string(e.Append(nil)), "\n"), m.width))
	}
	return lines
}

// keys are what keys do.
var keys = [][2]string{
	{"up, down, j, k", "choose a peer; also page up, page down, home, end"},
	{"Enter", "show one session: rates, and what happened to it"},
	{"s", "sort by the next of: active, rate in, rate out, in, out, since, name"},
	{"/", "show only peers with a text in their name, user or addresses; Esc ends that"},
	{"d", "send the client away, after a question (a server)"},
	{"Esc", "back"},
	{"q", "quit"},
}

func (m *model) help() []string {
	lines := append(m.head(), "")
	for _, k := range keys {
		lines = append(lines, cut(fmt.Sprintf("%-15s %s", k[0], k[1]), m.width))
	}
	return append(lines, "", cut("IN is from the peer, OUT to it. Rates are of the last second, in bits.", m.width))
}

// lastLine is the question, the filter, what was said, or the keys.
func (m *model) lastLine() string {
	switch {
	case m.asking != nil:
		return warning.Render(cut(m.asks(), m.width))
	case m.filtering:
		return cut("/"+name(m.filter)+"_", m.width)
	case m.said != "":
		return cut(m.said, m.width)
	}
	text := "q quit  ? help  / filter  s sort: " + sorts[m.sort].name + "  Enter session  d send away"
	if m.filter != "" {
		text = "filter: " + name(m.filter) + "  " + text
	}
	return faint.Render(cut(text, m.width))
}
