package manage

import (
	"bufio"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
)

// reading is one answer of the stream of events, block by block.
type reading struct {
	t    *testing.T
	in   *bufio.Reader
	last string // the id that a reader would come again with
	stop func()
}

func read(t *testing.T, c *Client, query url.Values) *reading {
	t.Helper()
	answer, err := c.Stream(t.Context(), EventsPath+"?"+query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return &reading{t: t, in: bufio.NewReader(answer.Body), stop: func() { answer.Body.Close() }}
}

// block reads what comes next: the name of a message, "" for an id alone, and its data.
func (r *reading) block() (event, data string) {
	r.t.Helper()
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			r.t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "id":
			r.last = value
		case "event":
			event = value
		case "data":
			data = value
		case "":
			return event, data
		}
	}
}

// want reads a message whose data has a text in it.
func (r *reading) want(event, data string) {
	r.t.Helper()
	if e, d := r.block(); e != event || !strings.Contains(d, data) {
		r.t.Errorf("%q %s, expected %q with %s", e, d, event, data)
	}
}

// TestResume: a reader that was cut off before its first event, or for which there was none for
// long, comes again and has missed nothing; one of another process is told so once.
func TestResume(t *testing.T) {
	b := backendtest.New()
	c := serve(t, b)
	happen := func(n int, kind backend.Kind, name string) {
		for range n {
			b.Happen(backend.Event{Kind: kind, Name: name})
		}
	}
	first := read(t, c, nil)
	first.want("", "")
	first.stop()
	happen(1, backend.Up, "anna")
	again := read(t, c, url.Values{"after": {first.last}})
	again.want("", "")
	again.want("event", "anna")
	again.stop()

	choosy := read(t, c, url.Values{"kind": {"left"}, "after": {again.last}})
	choosy.want("", "")
	for range 10 { // in all more than are kept
		happen(500, backend.Up, "others")
		happen(1, backend.Left, "bob")
		for {
			if event, data := choosy.block(); event != "" {
				if event != "event" || !strings.Contains(data, "bob") {
					t.Fatalf("%q %s", event, data)
				}
				break
			}
		}
	}
	happen(500, backend.Up, "others")
	for before := choosy.last; choosy.last == before; {
		choosy.want("", "")
	}
	choosy.stop()
	happen(3500, backend.Up, "others") // of 4096 that are kept
	happen(1, backend.Left, "carl")
	rest := read(t, c, url.Values{"kind": {"left"}, "after": {choosy.last}})
	rest.want("", "")
	for {
		event, data := rest.block()
		if event == "" {
			continue
		}
		if event != "event" || !strings.Contains(data, "carl") {
			t.Errorf("%q %s: expected what happened, and nothing to be missed", event, data)
		}
		break
	}
	rest.stop()

	stranger := read(t, c, url.Values{"after": {"0123456789abcdef-7"}})
	stranger.want("missed", "restarted")
	if _, number, _ := strings.Cut(stranger.last, "-"); number != "0" {
		t.Errorf("after a restart: id %q", stranger.last)
	}
	stranger.stop()
	read(t, c, url.Values{"after": {stranger.last}}).block()
	if fmt.Sprint(stranger.last[:16]) != first.last[:16] {
		t.Errorf("%s and %s are of one process", stranger.last, first.last)
	}
}
