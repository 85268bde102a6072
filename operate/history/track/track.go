// Package track turns the events of a server into sessions: who came, with which addresses,
// what they carried, what happened meanwhile, and how it ended. Whoever keeps or bills sessions
// is told in the same words.
package track

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"culvert/operate/backend"
)

// Session is one that a client of a server had, from when it was in until it was gone. Names
// are as the client gave them.
type Session struct {
	ID       string     `json:"id" doc:"of this session alone; those of one directory sort by when they began"`
	Server   string     `json:"server,omitempty" doc:"the name of the server's process or host"`
	Device   string     `json:"device" doc:"the name in its certificate, or the user's without one"`
	User     string     `json:"user,omitempty" doc:"who logged in, or whose device it is"`
	Serial   string     `json:"serial,omitempty" doc:"of its certificate, in hex"`
	Agent    string     `json:"agent,omitempty" doc:"its version and platform"`
	Remote   string     `json:"remote,omitempty" doc:"its outer address, as it was last"`
	IPv4     netip.Addr `json:"ipv4,omitzero" doc:"its address in the tunnel"`
	IPv6     netip.Addr `json:"ipv6,omitzero" doc:"its address in the tunnel"`
	Cipher   string     `json:"cipher,omitempty" doc:"of the data channel"`
	Begin    time.Time  `json:"begin" doc:"when it was in"`
	Last     time.Time  `json:"last" doc:"when its counters were noted last"`
	End      time.Time  `json:"end,omitzero" doc:"when it was gone; absent while it goes on"`
	Why      string     `json:"why,omitempty" doc:"why it ended"`
	Cause    Cause      `json:"cause,omitempty" doc:"why it ended, in one word"`
	BytesIn  uint64     `json:"bytes_in" doc:"received from it, of the data channel"`
	BytesOut uint64     `json:"bytes_out" doc:"sent to it, of the data channel"`
	// Packets are known when the session has ended.
	PacketsIn  uint64 `json:"packets_in,omitempty" doc:"received from it; known when it has ended"`
	PacketsOut uint64 `json:"packets_out,omitempty" doc:"sent to it; known when it has ended"`
}

// Person is whose session it is: the user, or the device of one that logged in as nobody.
func (s *Session) Person() string { return cmp.Or(s.User, s.Device) }

// Open reports whether the session goes on.
func (s *Session) Open() bool { return s.End.IsZero() }

// Until is the last time of which it is known that the session was there.
func (s *Session) Until() time.Time {
	if s.Open() {
		return s.Last
	}
	return s.End
}

// Seconds is how long the session has been, as far as is known.
func (s *Session) Seconds() float64 { return max(0, s.Until().Sub(s.Begin).Seconds()) }

// Cause is why a session ended, in one word that stays the same over versions.
type Cause string

// The causes.
const (
	Left    Cause = "left"    // the client said so
	Lost    Cause = "lost"    // nothing more was heard, or something went wrong
	CutOff  Cause = "cut-off" // this server sent it away
	Stopped Cause = "stopped" // the server ended, or had all clients connect anew
	Crashed Cause = "crashed" // the server was killed; the end is the last time that was noted
	Unknown Cause = "unknown" // the end was missed, since the disk or this process was too slow
)

// Moment is something that happened in a session's life.
type Moment struct {
	Time   time.Time `json:"time" doc:"when it happened"`
	What   string    `json:"what" doc:"a kind of event, such as entering, up, renewed, moved, left"`
	Text   string    `json:"text,omitempty" doc:"more about it"`
	Remote string    `json:"remote,omitempty" doc:"the outer address, where it changed"`
	From   string    `json:"from,omitempty" doc:"the outer address before"`
	// Handshake is how one went that ended then.
	Handshake *backend.Handshake `json:"handshake,omitempty" doc:"how the handshake went, stage by stage"`
}

// mostMoments bounds what is remembered of one session: a client could renew its keys, or move,
// for ever. The first and the last ones stay.
const mostMoments = 100

// Live is a session that goes on, and its life so far.
type Live struct {
	Session
	Life   []Moment
	number uint64
	from   string // why the server is about to send it away
	unseen int    // how often it was not among the server's clients
}

// lived adds to a session's life.
func (l *Live) lived(m Moment) {
	if len(l.Life) == mostMoments {
		l.Life = slices.Delete(l.Life, mostMoments/2, mostMoments/2+1)
	}
	l.Life = append(l.Life, m)
}

// Change is what became of a session.
type Change int

// The changes.
const (
	Begun Change = iota
	Went         // counters, or an outer address
	Lived        // its life has another moment
	Ended
)

// Tell is told of changes. It may read the session during the call, and must not change it.
type Tell func(c Change, l *Live)

// Tracker turns events into sessions. It is for one goroutine.
type Tracker struct {
	server   string
	person   func(device string) string
	tell     Tell
	live     map[uint64]*Live
	entering map[uint64][]Moment // of clients that are not in yet
	unknown  map[uint64]bool     // clients that were in at the last look, and of which no event was seen
}

// New returns a Tracker of a server with a name. person returns whose a device is, "" where that
// is not known; nil: it never is.
func New(server string, person func(device string) string, tell Tell) *Tracker {
	return &Tracker{server: server, person: person, tell: tell, live: make(map[uint64]*Live), entering: make(map[uint64][]Moment)}
}

// Take takes an event.
func (t *Tracker) Take(e backend.Event) {
	if e.Number == nil {
		return
	}
	n := *e.Number
	l := t.live[n]
	switch {
	case e.Kind == backend.Up && l == nil:
		t.begin(e)
	case e.Kind == backend.Up: // a look found it first
		l.Agent, l.Cipher = e.Agent, e.Cipher
	case e.Kind == backend.Left:
		delete(t.entering, n)
		if l == nil && (e.IPv4.IsValid() || e.IPv6.IsValid() || e.BytesIn > 0) {
			l = t.begin(e) // that it came in was missed
			l.Begin = e.Since
		}
		if l != nil {
			t.left(l, e)
		}
	case l == nil:
		if len(t.entering) < mostEntering || t.entering[n] != nil {
			if len(t.entering[n]) < mostMoments/2 {
				t.entering[n] = append(t.entering[n], moment(e))
			}
		}
	default:
		t.happened(l, e)
	}
}

// mostEntering bounds of how many clients that are not in yet moments are remembered.
const mostEntering = 10000

// begin is a session that begins by an event.
func (t *Tracker) begin(e backend.Event) *Live {
	n := *e.Number
	l := &Live{number: n, Life: t.entering[n], Session: Session{
		ID: ID(e.Time, n), Server: t.server, Device: e.Name, User: e.User, Serial: e.Serial, Agent: e.Agent, Remote: e.Remote,
		IPv4: e.IPv4, IPv6: e.IPv6, Cipher: e.Cipher, Begin: e.Time, Last: e.Time,
	}}
	if l.User == "" && t.person != nil {
		l.User = t.person(l.Device)
	}
	delete(t.entering, n)
	t.live[n] = l
	m := moment(e)
	m.What, m.Remote = string(backend.Up), e.Remote
	if m.Text == "" {
		m.Text = e.TLS
	}
	l.lived(m)
	t.tell(Begun, l)
	return l
}

// left is a session that ends by an event.
func (t *Tracker) left(l *Live, e backend.Event) {
	l.BytesIn, l.BytesOut, l.PacketsIn, l.PacketsOut = e.BytesIn, e.BytesOut, e.PacketsIn, e.PacketsOut
	l.Remote, l.Last = cmp.Or(e.Remote, l.Remote), e.Time
	if e.IPv4.IsValid() {
		l.IPv4 = e.IPv4
	}
	if e.IPv6.IsValid() {
		l.IPv6 = e.IPv6
	}
	t.end(l, e.Time, causeOf(l, e), cmp.Or(l.from, e.Reason, "it is gone"))
}

// causeOf is why a session ended, in a word.
func causeOf(l *Live, e backend.Event) Cause {
	switch {
	case l.from != "":
		return CutOff
	case e.Ending == "left":
		return Left
	case e.Ending == "dismissed":
		return Stopped // or began anew, with all of its clients
	}
	return Lost
}

// end ends a session.
func (t *Tracker) end(l *Live, at time.Time, cause Cause, why string) {
	l.End, l.Last, l.Cause, l.Why = at, at, cause, why
	l.lived(Moment{Time: at, What: string(backend.Left), Text: why})
	delete(t.live, l.number)
	t.tell(Ended, l)
}

// happened is something else in the life of a session.
func (t *Tracker) happened(l *Live, e backend.Event) {
	m := moment(e)
	switch e.Kind {
	case backend.Moved:
		m.Remote, m.From = e.Remote, e.From
		l.Remote = e.Remote
	case backend.CutOff:
		l.from = cmp.Or(l.from, e.Reason, "it was sent away") // the first is why
	}
	l.lived(m)
	t.tell(Lived, l)
}

// moment is an event in a session's life.
func moment(e backend.Event) Moment {
	m := Moment{Time: e.Time, What: string(e.Kind), Text: e.Reason, Handshake: e.Handshake}
	if e.Kind == backend.Renewed {
		m.Text = e.TLS
	}
	return m
}

// Look compares sessions with the clients of the server: it notes what they have carried, finds
// those whose beginning was missed, and ends those that are gone.
func (t *Tracker) Look(now time.Time, peers []backend.Peer) {
	for _, l := range t.live {
		l.unseen++
	}
	unknown := make(map[uint64]bool)
	for _, p := range peers {
		if p.Connecting {
			continue
		}
		l := t.live[p.Number]
		if l == nil {
			if !t.unknown[p.Number] {
				unknown[p.Number] = true // that it came in may be an event that waits
				continue
			}
			l = t.found(now, p)
		}
		l.unseen = 0
		l.BytesIn, l.BytesOut = max(l.BytesIn, p.BytesIn), max(l.BytesOut, p.BytesOut)
		l.Last = now
		t.tell(Went, l)
	}
	t.unknown = unknown
	for _, l := range t.live {
		if l.unseen > 1 { // its end may be an event that waits
			t.end(l, l.Last, Unknown, "its end was missed")
		}
	}
}

// found is a session of which it was missed that it began.
func (t *Tracker) found(now time.Time, p backend.Peer) *Live {
	l := t.begin(backend.Event{Time: now, Number: &p.Number, Name: p.Name, User: p.User, Serial: p.Serial, Remote: p.Remote, IPv4: p.IPv4, IPv6: p.IPv6, Cipher: p.Cipher,
		Reason: "noticed late: the events before were missed"})
	if !p.Since.IsZero() {
		l.Begin = p.Since
	}
	return l
}

// Stop ends all sessions that are left.
func (t *Tracker) Stop(now time.Time) {
	for _, l := range t.live {
		t.end(l, now, Stopped, "the server ended")
	}
}

// Live are the sessions that go on.
func (t *Tracker) Live() map[uint64]*Live { return t.live }

// ID is that of a session, by when it began and the number of its client.
func ID(begin time.Time, number uint64) string {
	return fmt.Sprintf("%014x-%x", max(0, begin.UnixMicro()), number)
}

// Began is when a session began by its ID; ok is false for what is none.
func Began(id string) (at time.Time, ok bool) {
	var micros, number uint64
	if len(id) < 16 || id[14] != '-' || len(id) > 14+1+16 {
		return at, false
	}
	if _, err := fmt.Sscanf(id, "%14x-%x", &micros, &number); err != nil || ID(time.UnixMicro(int64(micros)), number) != id {
		return at, false
	}
	return time.UnixMicro(int64(micros)).UTC(), true
}
