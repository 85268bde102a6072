package logs

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"culvert/internal/subsystem"
	"culvert/operate/manage/api"
)

// The paths of this package's operations.
const (
	FollowPath = "/v1/logs"        // server-sent events: Entry, Missed
	PagePath   = "/v1/logs/page"   // Entries
	LevelsPath = "/v1/logs/levels" // LevelStates
)

// Entry is a line of the log, as the operations have it.
type Entry struct {
	Number     uint64         `json:"number" doc:"one more for each line since the process began"`
	Time       time.Time      `json:"time" doc:"when it was logged"`
	Level      string         `json:"level" enum:"error,warn,info,debug" doc:"how much it matters"`
	Subsystem  string         `json:"subsystem" doc:"the part of the program that logged it"`
	Message    string         `json:"message" doc:"what happened, without what it is about"`
	Client     string         `json:"client,omitempty" doc:"the client that it is about"`
	Attributes map[string]any `json:"attributes,omitempty" nullable:"false" doc:"what it is about, by name"`
	Text       string         `json:"text" doc:"message and attributes as the log has them"`
}

func entryOf(n *Numbered) Entry {
	e := Entry{Number: n.Number, Time: n.Time, Level: LevelName(n.Level), Subsystem: string(n.Subsystem), Message: n.Message, Client: n.Client(), Text: n.Text()}
	if len(n.Attributes) > 0 {
		e.Attributes = make(map[string]any, len(n.Attributes))
		for _, a := range n.Attributes {
			e.Attributes[a.Key] = a.Value
		}
	}
	return e
}

// Missed is what a reader of the log did not get.
type Missed struct {
	Count uint64 `json:"count" doc:"how many lines were gone before they could be sent, whether or not they were wanted"`
	// Restarted is set where the reader's last line was of a process before this one.
	Restarted bool `json:"restarted,omitempty" doc:"the id is of a process before this one, whose lines are not counted; the latest that this one keeps follow"`
}

// Entries are lines of the log, the oldest first.
type Entries struct {
	Lines  []Entry `json:"lines" nullable:"false" doc:"the lines, the oldest first"`
	Next   uint64  `json:"next" doc:"to go on with, as after"`
	Missed uint64  `json:"missed" doc:"how many lines after the one that was named are not kept any more"`
	Run    string  `json:"run" doc:"a word of this run of the process: ask with it and next for what comes then"`
	// Restarted is set where the numbers that were asked for are not those of this process.
	Restarted bool `json:"restarted,omitempty" doc:"after is of a process before this one; these are the first lines that this one keeps"`
}

// LevelStates are the levels of all subsystems.
type LevelStates struct {
	Verb   int          `json:"verb" doc:"how much is logged in general, as the directive verb has it"`
	Levels []LevelState `json:"levels" nullable:"false" doc:"what is logged of each subsystem"`
}

// Asked is what a reader of the log asks for.
type Asked struct {
	Level     string `query:"level" enum:"error,warn,info,debug" doc:"only lines of this level and above"`
	Subsystem string `query:"subsystem" maxLength:"32" doc:"only lines of this subsystem"`
	Client    string `query:"client" maxLength:"256" doc:"only lines about the client of this name"`
	Text      string `query:"text" maxLength:"256" doc:"only lines with this text in them, in upper or lower case"`
}

func (f *Asked) wanted() (Wanted, error) {
	w := Wanted{Least: slog.LevelDebug, Client: f.Client, Text: f.Text}
	if f.Level != "" {
		w.Least, _ = ParseLevel(f.Level)
	}
	if f.Subsystem != "" {
		name, err := findSubsystem(f.Subsystem)
		if err != nil {
			return w, err
		}
		w.Subsystem = name
	}
	return w, nil
}

func findSubsystem(name string) (subsystem.Name, error) {
	n, ok := subsystem.Find(name)
	if !ok {
		return "", api.NotFound.Error("there is no subsystem of this name", "there are: "+strings.Join(subsystem.Names(), ", "))
	}
	return n, nil
}

// Control is the log of a process, for its operations.
type Control struct {
	Latest *Ring
	Levels *Levels
	// Verb is the general level as `verb` has it.
	Verb func() int
	// Changed, if not nil, is called after levels were changed.
	Changed func()
}

// AddOperations adds what can be asked of a log.
func AddOperations(a *api.API, c Control) {
	const group = "logs"
	lines := kept{c.Latest}
	errors := []api.Kind{api.NotFound}
	api.Stream(a, api.Op{Method: http.MethodGet, Path: FollowPath, Group: group, Scope: api.Read, Summary: "Lines of the log as they come", Errors: errors,
		Doc: "First come the latest lines that are kept. A reader that comes again with the id of its last line (Last-Event-ID) gets what was logged since; the message missed says how many lines are not kept any more, or that the process was started anew."},
		map[string]any{"line": Entry{}, "missed": Missed{}}, lines.follow)
	api.Add(a, api.Op{Method: http.MethodGet, Path: PagePath, Group: group, Scope: api.Read, Summary: "The latest lines of the log", Errors: errors}, lines.page)
	api.Add(a, api.Op{Method: http.MethodGet, Path: LevelsPath, Group: group, Scope: api.Read, Summary: "How much of each subsystem is logged"},
		func(context.Context, *api.None) (*LevelStates, error) { return c.states(), nil })
	api.Add(a, api.Op{Method: http.MethodPut, Path: LevelsPath, Group: group, Scope: api.Operate, Summary: "Change how much of subsystems is logged", Errors: errors,
		Doc: "What is not named stays as it is. It lasts until the configuration is read again, or the process ends."}, c.change)
}

// kept are the lines of a process that are kept.
type kept struct{ ring *Ring }

type followed struct {
	Asked
	Last  string `header:"Last-Event-ID" maxLength:"64" doc:"the id of the last line that the reader has: go on behind it"`
	Lines int    `query:"lines" minimum:"0" maximum:"4096" default:"100" doc:"how many of the latest lines come first, at most"`
	// Follow is for readers that want what is there as a stream.
	Follow bool `query:"follow" default:"true" doc:"whether to go on with lines that come"`
}

// mostAtOnce is how many lines are prepared for a reader before they are sent.
const mostAtOnce = 256

func (k kept) follow(ctx context.Context, in *followed, s *api.Sender) error {
	want, err := in.wanted()
	if err != nil {
		return err
	}
	if err := s.Begin(); err != nil {
		return err
	}
	p, restarted := k.begin(in, want)
	for {
		if p.Missed > 0 || restarted {
			if err := s.Send(api.Message{Event: "missed", Data: Missed{p.Missed, restarted}}); err != nil {
				return err
			}
			restarted = false
		}
		for i := range p.Lines {
			if err := s.Send(api.Message{ID: fmt.Sprintf("%s-%d", k.ring.Epoch(), p.Lines[i].Number), Event: "line", Data: entryOf(&p.Lines[i])}); err != nil {
				return err
			}
		}
		if !in.Follow || !k.ring.Wait(ctx, p.Next) {
			return nil
		}
		p = k.ring.After(p.Next, want, mostAtOnce)
	}
}

// begin is what a reader gets first; restarted says that its last line was another process's.
func (k kept) begin(in *followed, want Wanted) (p Page, restarted bool) {
	epoch, number, _ := strings.Cut(in.Last, "-")
	if after, err := strconv.ParseUint(number, 10, 64); err == nil && epoch == k.ring.Epoch() {
		return k.ring.After(after, want, mostAtOnce), false
	}
	return k.ring.Latest(want, in.Lines), in.Last != ""
}

type paged struct {
	Asked
	After uint64 `query:"after" doc:"only lines after that of this number; without it, the latest"`
	Run   string `query:"run" maxLength:"64" doc:"that of the answer which had after as its next: lines of another process have numbers of their own"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many lines at most"`
}

func (k kept) page(_ context.Context, in *paged) (*Entries, error) {
	want, err := in.wanted()
	if err != nil {
		return nil, err
	}
	var p Page
	restarted := in.After > k.ring.Last() || in.Run != "" && in.Run != k.ring.Epoch()
	switch {
	case restarted:
		p = k.ring.After(0, want, in.Limit)
	case in.After > 0:
		p = k.ring.After(in.After, want, in.Limit)
	default:
		p = k.ring.Latest(want, in.Limit)
	}
	out := &Entries{Lines: make([]Entry, 0, len(p.Lines)), Next: p.Next, Missed: p.Missed, Run: k.ring.Epoch(), Restarted: restarted}
	for i := range p.Lines {
		out.Lines = append(out.Lines, entryOf(&p.Lines[i]))
	}
	return out, nil
}

func (c Control) states() *LevelStates { return &LevelStates{c.Verb(), c.Levels.State()} }

type changed struct {
	Body struct {
		Levels map[string]string `json:"levels" doc:"levels by subsystem: error, warn, info, debug, or default for that of all others"`
	}
}

// byDefault is the level of a subsystem that has none of its own.
const byDefault = "default"

func (c Control) change(_ context.Context, in *changed) (*LevelStates, error) {
	wanted := map[subsystem.Name]*slog.Level{}
	for word, level := range in.Body.Levels {
		name, err := findSubsystem(word)
		if err != nil {
			return nil, err
		}
		wanted[name] = nil
		if level == byDefault {
			continue
		}
		l, err := ParseLevel(level)
		if err != nil {
			return nil, api.BadRequest.Error("the log has no such level", "there are: "+strings.Join(LevelNames(), ", ")+", and "+byDefault)
		}
		wanted[name] = &l
	}
	for name, level := range wanted {
		c.Levels.SetOwn(name, level)
	}
	if c.Changed != nil {
		c.Changed()
	}
	return c.states(), nil
}
