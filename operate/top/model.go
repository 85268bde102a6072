package top

import (
	"context"
	"fmt"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"culvert/operate/backend"
	"culvert/operate/manage/recent"
)

// Source is a running process, as far as it is looked at.
type Source struct {
	Name   string
	Status func(ctx context.Context) (backend.Status, error)
	// Past returns what was carried before this began; where it fails, graphs begin empty.
	Past func(ctx context.Context) (recent.Rates, error)
	// Life returns what happened to a session of a server; where it fails, what was seen
	// here has to do.
	Life func(ctx context.Context, number uint64) ([]backend.Event, error)
	// Away sends a client of a server away.
	Away func(ctx context.Context, number uint64) error
}

// patience is how long a process may take for an answer.
const patience = 5 * time.Second

// interval is how often it is asked.
const interval = time.Second

// What the model is told, beside keys and the terminal's size.
type (
	tick  time.Time // it is time to ask
	past  recent.Rates
	asked struct { // the process was asked
		status backend.Status
		at     time.Time
		err    error
	}
	happened backend.Event
	ended    struct{ err error } // no more events come
	lived    struct {            // the life of a session
		number uint64
		events []backend.Event
	}
	away struct { // a client was sent away
		name string
		err  error
	}
)

// page is what is on the terminal.
type page int

const (
	peers   page = iota // the peers
	detail              // one of them
	helping             // the keys
)

// model is what culvert top knows. Update and View are all that happens to it.
type model struct {
	source        Source
	now           func() time.Time
	width, height int

	status  backend.Status
	fault   string // the last answer was none
	sampler sampler
	shakes  handshakes
	lives   map[uint64][]backend.Event

	page      page
	sort      int
	filter    string
	filtering bool
	chosen    key // the peer under the cursor
	top       int // the first row that is shown
	asking    *backend.Peer
	said      string // in the last line, until a key
}

func newModel(s Source, now func() time.Time) *model {
	return &model{source: s, now: now, width: 80, height: 24, lives: map[uint64][]backend.Event{}}
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return tea.Sequence(m.askPast, m.ask) }

// askPast asks the process what it carried before.
func (m *model) askPast() tea.Msg {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := m.source.Past(ctx)
	if err != nil {
		return nil
	}
	return past(r)
}

// ask asks the process how it is.
func (m *model) ask() tea.Msg {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := m.source.Status(ctx)
	return asked{s, m.now(), err}
}

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tick:
		return m, m.ask
	case past:
		m.sampler.total.before(recent.Rates(msg))
	case asked:
		m.take(msg)
		return m, tea.Tick(interval, func(t time.Time) tea.Msg { return tick(t) })
	case happened:
		m.note(backend.Event(msg))
	case ended:
		if msg.err != nil {
			m.fault = msg.err.Error()
		}
	case lived:
		m.lives[msg.number] = msg.events
	case away:
		m.said = "sent away: " + name(msg.name)
		if msg.err != nil {
			m.said = name(msg.err.Error())
		}
		return m, m.ask
	case tea.KeyMsg:
		return m, m.key(msg)
	}
	return m, nil
}

// take takes an answer of the process.
func (m *model) take(a asked) {
	if a.err != nil {
		m.fault = a.err.Error()
		return
	}
	m.fault, m.status = "", a.status
	m.sampler.take(a.at, &m.status)
	if !slices.ContainsFunc(m.status.Peers, func(p backend.Peer) bool { return keyOf(&p) == m.chosen }) && m.page != detail {
		if rows := m.rows(); len(rows) > 0 {
			m.chosen = keyOf(rows[0])
		}
	}
}

// Bounds of what is kept of events.
const (
	mostOfALife = 64
	mostLives   = 4096
)

// note keeps an event for the session that it is about.
func (m *model) note(e backend.Event) {
	m.shakes.take(&e)
	if e.Number == nil {
		return
	}
	n := *e.Number
	if len(m.lives) >= mostLives && m.lives[n] == nil {
		clear(m.lives)
	}
	life := append(m.lives[n], e)
	m.lives[n] = life[max(0, len(life)-mostOfALife):]
}

// rows are the peers in the table, in order.
func (m *model) rows() []*backend.Peer {
	by := sorts[m.sort]
	if by.rate == nil {
		return selected(m.status.Peers, by.name, m.filter)
	}
	all := selected(m.status.Peers, "active", m.filter)
	slices.SortStableFunc(all, func(a, b *backend.Peer) int {
		x, y := by.rate(m.sampler.of(a)), by.rate(m.sampler.of(b))
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return all
}

// sorts are the orders of the table, one after the other by a key.
var sorts = []struct {
	name string
	rate func(*rates) float64
}{
	{name: "active"},
	{"rate in", func(r *rates) float64 { in, _ := r.now(); return in }},
	{"rate out", func(r *rates) float64 { _, out := r.now(); return out }},
	{name: "in"}, {name: "out"}, {name: "since"}, {name: "name"},
}

// at is the row under the cursor, -1 for none.
func (m *model) at(rows []*backend.Peer) int {
	return slices.IndexFunc(rows, func(p *backend.Peer) bool { return keyOf(p) == m.chosen })
}

// move moves the cursor by some rows.
func (m *model) move(by int) {
	rows := m.rows()
	if len(rows) == 0 {
		return
	}
	i := min(max(0, m.at(rows)+by), len(rows)-1)
	m.chosen = keyOf(rows[i])
}

// key does what a key asks for.
func (m *model) key(k tea.KeyMsg) tea.Cmd {
	m.said = ""
	switch {
	case k.Type == tea.KeyCtrlC:
		return tea.Quit
	case m.asking != nil:
		return m.answer(k)
	case m.filtering:
		m.edit(k)
		return nil
	}
	switch k.String() {
	case "q":
		return tea.Quit
	case "esc":
		if m.page == peers {
			m.filter = ""
		}
		m.page = peers
	case "?", "h":
		m.page = helping
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup":
		m.move(-m.height / 2)
	case "pgdown":
		m.move(m.height / 2)
	case "home", "g":
		m.move(-len(m.status.Peers))
	case "end", "G":
		m.move(len(m.status.Peers))
	case "s":
		m.sort = (m.sort + 1) % len(sorts)
		m.said = "sorted by " + sorts[m.sort].name
	case "/":
		m.page, m.filtering = peers, true
	case "enter":
		return m.look()
	case "d":
		m.question()
	}
	return nil
}

// under is the peer under the cursor; nil: none.
func (m *model) under() *backend.Peer {
	rows := m.rows()
	if i := m.at(rows); i >= 0 {
		p := *rows[i]
		return &p
	}
	return nil
}

// look shows one session, and asks for its life.
func (m *model) look() tea.Cmd {
	p := m.under()
	if p == nil {
		return nil
	}
	m.page = detail
	if m.status.Role != "server" || m.source.Life == nil {
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		events, err := m.source.Life(ctx, p.Number)
		if err != nil {
			return nil
		}
		return lived{p.Number, events}
	}
}

// question asks whether the client under the cursor is to be sent away.
func (m *model) question() {
	p := m.under()
	switch {
	case p == nil:
	case m.status.Role != "server" || m.source.Away == nil:
		m.said = "only a server can send a client away; to end this connection: culvert disconnect"
	default:
		m.asking = p
	}
}

// answer takes the answer to the question.
func (m *model) answer(k tea.KeyMsg) tea.Cmd {
	p := m.asking
	m.asking = nil
	if k.String() != "y" {
		m.said = "nothing done"
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return away{p.Name, m.source.Away(ctx, p.Number)}
	}
}

// mostOfAFilter is how long a filter may be.
const mostOfAFilter = 64

// edit changes the filter.
func (m *model) edit(k tea.KeyMsg) {
	switch k.Type {
	case tea.KeyEnter:
		m.filtering = false
	case tea.KeyEsc:
		m.filtering, m.filter = false, ""
	case tea.KeyBackspace:
		if r := []rune(m.filter); len(r) > 0 {
			m.filter = string(r[:len(r)-1])
		}
	case tea.KeyRunes, tea.KeySpace:
		if len(m.filter) < mostOfAFilter {
			m.filter += string(k.Runes)
		}
	}
	if rows := m.rows(); len(rows) > 0 && m.at(rows) < 0 {
		m.chosen = keyOf(rows[0])
	}
}

// asks is the question in words.
func (m *model) asks() string {
	return fmt.Sprintf("send %s (%s) away? y or n", name(m.asking.Name), name(m.asking.Remote))
}
