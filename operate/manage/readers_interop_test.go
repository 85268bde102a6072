//go:build interop

package manage

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
)

// TestThousandReaders: of a thousand readers of events, some of whom never read, each who
// reads gets all, and who stops for a while is told how much is missing; what happens waits
// for nobody. It is not among the unit tests because of what a thousand of them take.
func TestThousandReaders(t *testing.T) {
	const readers, stopped, large, small = 700, 299, 100, 6000
	b := backendtest.New()
	c := serve(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	follow := func(query string) io.Reader {
		resp, err := c.Stream(ctx, EventsPath+query)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp.Body
	}
	for range stopped {
		follow("")
	}
	paused := follow("")
	got := make([]int, readers)
	var reading sync.WaitGroup
	for i := range readers {
		from := follow("?kind=up")
		reading.Go(func() {
			c.messages(ctx, from, func(_, event string, _ []byte) error {
				if event == eventMessage {
					got[i]++
				}
				if got[i] == large {
					return io.EOF
				}
				return nil
			})
		})
	}
	for range large {
		b.Happen(backend.Event{Kind: backend.Up, Name: strings.Repeat("n", 4096)})
	}
	reading.Wait()
	for i, n := range got {
		if n != large {
			t.Fatalf("reader %d got %d of %d", i, n, large)
		}
	}
	for range small {
		b.Happen(backend.Event{Kind: backend.Left, Name: "anna"})
	}
	told := uint64(0)
	var last string
	enough := errors.New("enough")
	err := c.messages(ctx, paused, func(id, event string, data []byte) error {
		last = id
		if event == missedMessage {
			var m Missed
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			if m.Count == 0 {
				t.Error("nothing is missed")
			}
			told += m.Count
		} else {
			told++
		}
		if told >= large+small {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || told != large+small {
		t.Errorf("who paused was told of %d of %d: %v", told, large+small, err)
	}
	// Who comes again goes on behind what it had.
	b.Happen(backend.Event{Kind: backend.Up, Name: "next"})
	err = c.messages(ctx, follow("?after="+last), func(_, event string, data []byte) error {
		var e backend.Event
		if err := json.Unmarshal(data, &e); err != nil || e.Name != "next" {
			t.Errorf("went on with %s %s", event, data)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}
