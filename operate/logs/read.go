package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"culvert/internal/printable"
	"culvert/operate/manage/api"
)

// Asker asks a process: manage.Client.
type Asker interface {
	Do(ctx context.Context, method, path string, body any) (io.ReadCloser, error)
	Stream(ctx context.Context, path string) (*http.Response, error)
}

// Query is what a reader wants to see of the log of a process.
type Query struct {
	Level, Subsystem, Client, Text string // ""; all
	Lines                          int    // of the latest ones
	Follow                         bool   // and those that come
}

func (q Query) path() string {
	v := url.Values{"lines": {strconv.Itoa(q.Lines)}, "follow": {strconv.FormatBool(q.Follow)}}
	for name, value := range map[string]string{"level": q.Level, "subsystem": q.Subsystem, "client": q.Client, "text": q.Text} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return FollowPath + "?" + v.Encode()
}

// Read asks a process for lines of its log, and gives them to tell one after the other,
// until there are no more, or with Follow until ctx or the process ends. missed is told how
// many lines were gone before they could be sent.
func Read(ctx context.Context, a Asker, q Query, tell func(Entry) error, missed func(count uint64) error) error {
	answer, err := a.Stream(ctx, q.path())
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	err = api.ReadMessages(answer.Body, func(_, name string, data []byte) error {
		switch name {
		case "line":
			var e Entry
			if err := json.Unmarshal(data, &e); err != nil {
				return err
			}
			return tell(e)
		case "missed":
			var m Missed
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			if m.Restarted {
				return nil
			}
			return missed(m.Count)
		}
		return nil
	})
	if err != nil && ctx.Err() != nil {
		return nil
	}
	return err
}

// shortLevels are the levels as the log of a terminal has them.
var shortLevels = map[string]string{"debug": "DBG", "info": "INF", "warn": "WRN", "error": "ERR"}

// Append appends the line for people.
func (e *Entry) Append(b []byte) []byte {
	level, known := shortLevels[e.Level]
	if !known {
		level = "???"
	}
	return fmt.Appendf(b, "%s %s %-12s %s\n", e.Time.Local().Format(time.DateTime), level, printable.Name(e.Subsystem), printable.Line(e.Text))
}

// States asks a process how much it logs.
func States(ctx context.Context, a Asker) (*LevelStates, error) {
	return states(a.Do(ctx, http.MethodGet, LevelsPath, nil))
}

// Change has a process log another level of a subsystem, "default" for that of all others.
func Change(ctx context.Context, a Asker, subsystem, level string) (*LevelStates, error) {
	return states(a.Do(ctx, http.MethodPut, LevelsPath, map[string]any{"levels": map[string]string{subsystem: level}}))
}

func states(answer io.ReadCloser, err error) (*LevelStates, error) {
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	s := new(LevelStates)
	if err := json.NewDecoder(answer).Decode(s); err != nil {
		return nil, errors.New("the process's answer is not as expected; is it of another version?")
	}
	return s, nil
}

// Append appends the levels for people.
func (s *LevelStates) Append(b []byte) []byte {
	b = fmt.Appendf(b, "verb %d\n", s.Verb)
	for _, l := range s.Levels {
		own := ""
		if l.Own {
			own = "*"
		}
		b = fmt.Appendf(b, "  %-13s %-6s  %s\n", printable.Name(l.Subsystem), printable.Name(l.Level)+own, printable.Line(l.About))
	}
	if strings.Contains(string(b), "*") {
		b = append(b, "* its own, whatever verb says\n"...)
	}
	return b
}
