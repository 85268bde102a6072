package manage

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/operate/backend"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
)

// The names of messages of EventsPath.
const (
	eventMessage  = "event"  // a backend.Event
	missedMessage = "missed" // Missed
)

// Missed is what a reader of events did not get.
type Missed struct {
	Time  time.Time `json:"time" doc:"when that was said"`
	Count uint64    `json:"count" doc:"how many events, of all kinds"`
	// Restarted is set where the reader's last event was of a process before this one.
	Restarted bool `json:"restarted,omitempty" doc:"the id is of a process before this one, whose events are not counted; those that this one keeps follow"`
}

// follow asks for events.
type follow struct {
	Last   string   `header:"Last-Event-ID" maxLength:"64" doc:"the id of the last event that the reader has: go on behind it"`
	After  string   `query:"after" maxLength:"64" doc:"as the header, for readers that cannot send one"`
	Kind   []string `query:"kind" maxItems:"64" doc:"only events of these kinds, such as up,left"`
	Number string   `query:"number" pattern:"^[0-9]{1,20}$" patternDescription:"a number" doc:"only events of the session of this number"`
}

// position is where a reader is.
type position struct {
	epoch    string
	sequence uint64
}

// String is the position as an id of an event.
func (p position) String() string { return p.epoch + "-" + strconv.FormatUint(p.sequence, 10) }

// parsePosition parses the id of an event.
func parsePosition(id string) (position, error) {
	epoch, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	hex := strings.ContainsFunc(epoch, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
	if err != nil || len(epoch) != 16 || hex {
		return position{}, fmt.Errorf("%q is no id of an event: expected one that came with an event, such as 0123456789abcdef-7", id)
	}
	return position{epoch, n}, nil
}

func addEvents(a *api.API, kept *recent.Recent) {
	api.Stream(a, api.Op{Method: http.MethodGet, Path: EventsPath, Group: "events", Scope: api.Read, Summary: "What happens, as it happens",
		Doc: "Each event has an id. A reader that comes again with the id of its last event (Last-Event-ID) gets what happened since, as far as that is kept; the message missed says how many are not. A reader that is slow is told so in the same way. An id without a message (data) stands for events that the reader did not ask for, and for none at the beginning: take it as the last one's."},
		map[string]any{eventMessage: backend.Event{}, missedMessage: Missed{}},
		func(ctx context.Context, in *follow, s *api.Sender) error {
			at, restarted, err := in.from(kept)
			if err != nil {
				return err
			}
			defer kept.Join()()
			id := position{kept.Epoch(), at}.String()
			if restarted {
				err = s.Send(api.Message{ID: id, Event: missedMessage, Data: Missed{Time: time.Now().UTC(), Restarted: true}})
			} else {
				err = s.Mark(id)
			}
			if err != nil {
				return err
			}
			return in.send(ctx, kept, at, s)
		})
}

// from is the sequence behind which a reader begins; restarted says that its last event was
// another process's.
func (f *follow) from(kept *recent.Recent) (sequence uint64, restarted bool, err error) {
	id := f.Last
	if id == "" {
		id = f.After
	}
	if id == "" {
		return kept.Last(), false, nil
	}
	p, err := parsePosition(id)
	if err != nil {
		return 0, false, api.BadRequest.Error(err.Error(), "leave it out to begin with what happens next")
	}
	if p.epoch != kept.Epoch() || p.sequence > kept.Last() {
		return 0, true, nil
	}
	return p.sequence, false, nil
}

// unmarked is how many events may pass a reader that does not want them before it is given an id, so
// that it resumes well before they are not kept any more.
const unmarked = 256

// send sends what happens behind a sequence, until ctx ends.
func (f *follow) send(ctx context.Context, kept *recent.Recent, at uint64, s *api.Sender) error {
	told := at // the reader has the id of
	for {
		list, missed, more := kept.After(ctx, at)
		if !more {
			return nil
		}
		if missed > 0 {
			at += missed
			told = at
			m := Missed{Time: list[0].Time, Count: missed}
			if err := s.Send(api.Message{ID: position{kept.Epoch(), at}.String(), Event: missedMessage, Data: m}); err != nil {
				return err
			}
		}
		for _, e := range list {
			at = e.Sequence
			m := api.Message{ID: position{kept.Epoch(), at}.String(), Event: eventMessage, Data: e.Event}
			switch {
			case e.Kind == backend.Missed: // by what keeps events
				m.Event, m.Data = missedMessage, Missed{Time: e.Time, Count: e.Count}
			case !f.wants(e.Event):
				continue
			}
			if err := s.Send(m); err != nil {
				return err
			}
			told = at
		}
		if at-told >= unmarked {
			if err := s.Mark(position{kept.Epoch(), at}.String()); err != nil {
				return err
			}
			told = at
		}
	}
}

// wants reports whether the reader asked for an event.
func (f *follow) wants(e backend.Event) bool {
	if len(f.Kind) > 0 && !slices.Contains(f.Kind, string(e.Kind)) {
		return false
	}
	n, err := strconv.ParseUint(f.Number, 10, 64) // its form is checked, but not that it is not too large
	return f.Number == "" || err == nil && e.Number != nil && *e.Number == n
}
