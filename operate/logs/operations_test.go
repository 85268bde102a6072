package logs

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"culvert/internal/subsystem"
	"culvert/operate/manage/api"
)

// served is an API with the operations of a log.
func served(ring *Ring, levels *Levels, changed func()) http.Handler {
	a := api.New(api.Options{})
	AddOperations(a, Control{Latest: ring, Levels: levels, Verb: func() int { return 3 }, Changed: changed})
	return a.Handler()
}

func asks(h http.Handler, scope api.Scope, method, path, body string, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(api.As(context.Background(), api.Caller{Name: "anna", Scope: scope}), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

func filled(n int) *Ring {
	r := new(Ring)
	for i := range n {
		level := slog.LevelInfo
		if i%2 == 1 {
			level = slog.LevelWarn
		}
		r.Add(Line{Level: level, Subsystem: subsystem.Access, Message: fmt.Sprint("m", i+1), Attributes: []Attribute{{"client", "a\\nb"}, {"port", uint64(1194)}}})
	}
	return r
}

// TestPage: pages are of the latest lines, or go on from a number.
func TestPage(t *testing.T) {
	ring := filled(9)
	h := served(ring, new(Levels), nil)
	for query, want := range map[string]string{
		"":                              "m1 m2 m3 m4 m5 m6 m7 m8 m9 next 9",
		"?limit=2":                      "m8 m9 next 9",
		"?level=warn&limit=2":           "m6 m8 next 9",
		"?after=3&limit=2":              "m4 m5 next 5",
		"?subsystem=web":                "next 9",
		"?subsystem=access&text=M7+CLI": "m7 next 9",
		"?client=a%5Cnb&limit=1":        "m9 next 9",
		"?client=bob":                   "next 9",
		"?after=9":                      "next 9",
		"?after=9&run=RUN":              "next 9",
		"?after=10&limit=2":             "m1 m2 next 2 restarted",
		"?after=3&run=another&limit=1":  "m1 next 1 restarted",
	} {
		w := asks(h, api.Read, "GET", PagePath+strings.Replace(query, "RUN", ring.Epoch(), 1), "")
		var e Entries
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != 200 {
			t.Errorf("%s: %v: %s", query, err, w.Body)
			continue
		}
		var got []string
		for _, l := range e.Lines {
			got = append(got, l.Message)
			if l.Client != `a\nb` || l.Text != l.Message+` client="a\\nb" port=1194` || l.Attributes["port"] != 1194.0 {
				t.Errorf("%+v", l)
			}
		}
		got = append(got, fmt.Sprint("next ", e.Next))
		if e.Restarted {
			got = append(got, "restarted")
		}
		if text := strings.Join(got, " "); text != want || e.Run != ring.Epoch() {
			t.Errorf("%s: %s, want %s", query, text, want)
		}
	}
	for _, query := range []string{"?level=loud", "?subsystem=nothing", "?limit=0", "?colour=red"} {
		if w := asks(h, api.Read, "GET", PagePath+query, ""); w.Code/100 != 4 {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// TestFollow: a stream begins with the latest lines, goes on with those that come, and for
// a reader that comes again with those that it has not.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := filled(3)
		h := served(r, new(Levels), nil)
		ctx, cancel := context.WithCancel(api.As(t.Context(), api.Caller{Scope: api.Read}))
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", FollowPath+"?lines=2&level=info", nil))
		}()
		synctest.Wait()
		r.Add(Line{Level: slog.LevelDebug, Message: "quiet"})
		r.Add(Line{Level: slog.LevelInfo, Message: "new"})
		synctest.Wait()
		cancel()
		<-done
		if got, want := messages(w.Body.String()), "m2 m3 new"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		last := asks(h, api.Read, "GET", FollowPath+"?follow=false", "", "Last-Event-ID", r.Epoch()+"-3")
		if got := messages(last.Body.String()); got != "quiet new" {
			t.Errorf("behind 3: %s", got)
		}
		other := asks(h, api.Read, "GET", FollowPath+"?follow=false&lines=1", "", "Last-Event-ID", "another-3")
		if got := messages(other.Body.String()); got != " new" || !strings.Contains(other.Body.String(), `"restarted":true`) {
			t.Errorf("behind another process's 3: %s", got)
		}
		for range mostLines {
			r.Add(Line{Message: "flood"})
		}
		late := asks(h, api.Read, "GET", FollowPath+"?follow=false", "", "Last-Event-ID", r.Epoch()+"-3")
		if !strings.HasPrefix(late.Body.String(), "event: missed\ndata: {\"count\":2}\n\n") {
			t.Errorf("late: %.100s", late.Body)
		}
	})
}

// messages are those of a stream's lines.
func messages(stream string) string {
	var all []string
	for in := bufio.NewScanner(strings.NewReader(stream)); in.Scan(); {
		if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
			var e Entry
			if json.Unmarshal([]byte(data), &e) == nil {
				all = append(all, e.Message)
			}
		}
	}
	return strings.Join(all, " ")
}

// TestChangeLevels: all of a request counts, or nothing of it; who only reads may not.
func TestChangeLevels(t *testing.T) {
	levels, told := new(Levels), 0
	h := served(new(Ring), levels, func() { told++ })
	for body, want := range map[string]int{
		`{"levels":{"access":"debug","nothing":"debug"}}`: 404,
		`{"levels":{"access":"debug","web":"loud"}}`:      400,
		`{"levels":{"access":true}}`:                      400,
	} {
		if w := asks(h, api.Operate, "PUT", LevelsPath, body); w.Code != want {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := asks(h, api.Read, "PUT", LevelsPath, `{"levels":{"access":"debug"}}`); w.Code != 403 {
		t.Errorf("a reader: %d %s", w.Code, w.Body)
	}
	if _, own := levels.Own(subsystem.Access); own || told != 0 {
		t.Fatal("a request that was refused changed something")
	}
	if w := asks(h, api.Operate, "PUT", LevelsPath, `{"levels":{"access":"debug","web":"error"}}`); w.Code != 200 || told != 1 || levels.Of(subsystem.Access) != slog.LevelDebug || levels.Of(subsystem.Web) != slog.LevelError {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := asks(h, api.Operate, "PUT", LevelsPath, `{"levels":{"access":"default"}}`); w.Code != 200 || levels.Of(subsystem.Access) != slog.LevelInfo {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	var s LevelStates
	if w := asks(h, api.Read, "GET", LevelsPath, ""); json.Unmarshal(w.Body.Bytes(), &s) != nil || s.Verb != 3 || len(s.Levels) != len(subsystem.All()) {
		t.Errorf("%s", w.Body)
	}
}

// TestShare: another process's lines come with what they hold, and its levels change with
// these.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, levels := filled(2), new(Levels)
		share := Share{theirs, levels}
		ours := new(Ring)
		ctx, cancel := context.WithCancel(t.Context())
		go ours.Follow(func(number uint64) ([]byte, uint64, error) {
			lines, next := share.After(ctx, number)
			return lines, next, ctx.Err()
		})
		synctest.Wait()
		theirs.Add(Line{Message: "more", Attributes: []Attribute{{"n", int64(1)}, {"ok", true}}})
		synctest.Wait()
		if got, want := texts(ours.Latest(everything, 9)), `m1 client="a\\nb" port=1194, m2 client="a\\nb" port=1194, more n=1 ok=true`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		own := new(Levels)
		own.Set(slog.LevelError, map[subsystem.Name]slog.Level{subsystem.Host: slog.LevelDebug})
		if err := share.SetLevels(own.Encode()); err != nil || levels.General() != slog.LevelError || levels.Of(subsystem.Host) != slog.LevelDebug {
			t.Errorf("%v: %+v", err, levels.State())
		}
		if err := share.SetLevels([]byte("x")); err == nil {
			t.Error("levels of nothing")
		}
		cancel()
		synctest.Wait()
	})
}
