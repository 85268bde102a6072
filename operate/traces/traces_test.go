package traces

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/operate/backend"
)

var began = time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }

func numbered(n uint64) *uint64 { return &n }

// up is a client that is in.
func up() backend.Event {
	return backend.Event{
		Kind: backend.Up, Time: after(7), Number: numbered(7), Name: "phone.anna", User: "anna", Remote: "192.0.2.7:40000", Agent: "2.6\xff" + strings.Repeat("x", 200), Cipher: "AES-256-GCM", TLS: "TLSv1.3, X25519, peer certificate OU=device, CN=phone.anna",
		Handshake: &backend.Handshake{Began: began, Answer: after(1), TLS: after(2), Keys: after(3), Push: after(5), Up: after(6), Stage: "up", Outcome: "completed"},
	}
}

// turnedAway is a client that may not come in, and then that it is gone.
func turnedAway() (refused, left backend.Event) {
	refused = backend.Event{
		Kind: backend.Refused, Time: after(4), Number: numbered(8), Reason: "no room for anna",
		Handshake: &backend.Handshake{Began: began, Answer: after(1), TLS: after(2), Keys: after(3), Decision: after(4), Stage: "decision", Outcome: "refused", By: "room"},
	}
	left = refused
	left.Kind, left.Time = backend.Left, after(9)
	return refused, left
}

// collector keeps what it is sent, and answers as it is told.
type collector struct {
	mu     sync.Mutex
	bodies [][]byte
	status int
	answer string
	came   chan struct{}
}

func newCollector(t *testing.T) (*collector, string) {
	c := &collector{status: http.StatusOK, answer: "{}", came: make(chan struct{}, 100)}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return c, s.URL + "/v1/traces"
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method == http.MethodPost && r.URL.Path == "/v1/traces" && r.Header.Get("Content-Type") == "application/json" {
		c.bodies = append(c.bodies, body)
	}
	w.WriteHeader(c.status)
	io.WriteString(w, c.answer)
	c.came <- struct{}{}
}

// TestSpans: what a collector reads of a handshake that was completed, by the names of OTLP.
func TestSpans(t *testing.T) {
	c, url := newCollector(t)
	tracer := New(Options{URL: url, Role: "server", Log: slog.New(slog.DiscardHandler)})
	if refused, err := tracer.post(t.Context(), spansOf(up(), identifiers)); err != nil || refused != "" {
		t.Fatal(refused, err)
	}
	var got struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes []struct {
					Key   string
					Value struct{ StringValue string }
				}
			}
			ScopeSpans []struct {
				Spans []struct {
					TraceID, SpanID, ParentSpanID      string
					Name                               string
					Kind                               int
					StartTimeUnixNano, EndTimeUnixNano string
					Attributes                         []struct {
						Key   string
						Value map[string]string
					}
					Status *struct{ Code int }
				}
			}
		}
	}
	if err := json.Unmarshal(c.bodies[0], &got); err != nil {
		t.Fatal(err)
	}
	if a := got.ResourceSpans[0].Resource.Attributes[0]; a.Key != "service.name" || a.Value.StringValue != "culvert" {
		t.Errorf("the resource has %+v", a)
	}
	spans := got.ResourceSpans[0].ScopeSpans[0].Spans
	var names []string
	for i, s := range spans {
		names = append(names, s.Name)
		if len(s.TraceID) != 32 || s.TraceID != spans[0].TraceID || len(s.SpanID) != 16 || s.Status != nil {
			t.Errorf("%s: %+v", s.Name, s)
		}
		if i > 0 && (s.ParentSpanID != spans[0].SpanID || s.SpanID == spans[0].SpanID || s.Kind != kindInternal) {
			t.Errorf("%s is not within the whole: %+v", s.Name, s)
		}
		if i > 1 && s.StartTimeUnixNano != spans[i-1].EndTimeUnixNano {
			t.Errorf("%s begins at %s, and the stage before it ended at %s", s.Name, s.StartTimeUnixNano, spans[i-1].EndTimeUnixNano)
		}
	}
	if want := []string{"handshake", "answer", "tls", "keys", "push", "up"}; !slices.Equal(names, want) {
		t.Errorf("spans %q, want %q", names, want)
	}
	if s := spans[0]; s.Kind != kindServer || s.StartTimeUnixNano != nanoseconds(began) || s.EndTimeUnixNano != nanoseconds(after(6)) || s.ParentSpanID != "" {
		t.Errorf("the whole is %+v", s)
	}
	all := make(map[string]map[string]string)
	for _, a := range spans[0].Attributes {
		all[a.Key] = a.Value
	}
	if all["culvert.session.number"]["intValue"] != "7" || all["culvert.tls"]["stringValue"] != "TLSv1.3, X25519" || all["culvert.cipher"]["stringValue"] != "AES-256-GCM" || len(all["culvert.peer.agent"]["stringValue"]) > longest+3 {
		t.Errorf("attributes %v", all)
	}
	for _, private := range []string{"anna", "192.0.2.7"} {
		if bytes.Contains(c.bodies[0], []byte(private)) {
			t.Errorf("a trace tells of %s", private)
		}
	}
}

// TestStopped: a handshake that came to nothing is in error, and the stage in which it stopped.
func TestStopped(t *testing.T) {
	refused, _ := turnedAway()
	spans := spansOf(refused, identifiers)
	last := spans[len(spans)-1]
	if len(spans) != 5 || last.Name != "decision" || last.Status == nil || last.Status.Code != statusError || last.Start != nanoseconds(after(3)) || last.End != nanoseconds(after(4)) {
		t.Errorf("%d spans, the last is %+v", len(spans), last)
	}
	if s := spans[0].Status; s == nil || s.Code != statusError || s.Message != "refused room" {
		t.Errorf("the whole has status %+v", s)
	}
	renewal := backend.Event{Kind: backend.NotRenewed, Time: after(60), Handshake: &backend.Handshake{Began: began, Answer: after(1), Stage: "tls", Outcome: "failed"}}
	spans = spansOf(renewal, identifiers)
	if len(spans) != 3 || spans[0].Name != "rekey" || spans[0].Kind != kindClient || spans[2].Name != "tls" || spans[2].End != nanoseconds(after(60)) {
		t.Errorf("a renewal that failed: %+v", spans)
	}
}

// told is a reader of these events, which then waits for the end.
type told []backend.Event

func (r *told) Next(ctx context.Context) (backend.Event, bool) {
	if len(*r) == 0 {
		<-ctx.Done()
		return backend.Event{}, false
	}
	e := (*r)[0]
	*r = (*r)[1:]
	return e, true
}

// roundTrip answers in place of a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answered(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// TestTogether: handshakes are sent together; a client that was refused and then left counts
// once, what goes on does not count, and what the reader missed is lost.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies [][]byte
		refused, left := turnedAway()
		under := up()
		under.Handshake = &backend.Handshake{Began: began, Stage: "tls"}
		tracer := New(Options{URL: "http://collector/v1/traces", Log: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, body)
			return answered(http.StatusOK, "{}"), nil
		})}})
		tracer.Follow(&told{under, up(), refused, {Kind: backend.Moved}, left, {Kind: backend.Missed, Count: 3}})
		time.Sleep(gather + time.Second)
		synctest.Wait()
		if len(bodies) != 1 || bytes.Count(bodies[0], []byte(`"handshake"`)) != 2 {
			t.Errorf("sent %q", bodies)
		}
		if s := tracer.Stats(); s.Sent != 2 || s.Lost != 3 || s.Trouble != "" {
			t.Errorf("%+v", s)
		}
		tracer.Close()
	})
}

// TestDeadCollector: one that takes nothing holds up nobody; what is lost is counted and said
// once, and that it is well again.
func TestDeadCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		asked := 0
		events := make(told, waiting+2*batch)
		for i := range events {
			events[i] = up()
		}
		tracer := New(Options{URL: "http://collector/v1/traces", Log: slog.New(slog.NewTextHandler(&log, nil)), HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked++
			switch asked {
			case 1:
				<-r.Context().Done()
				return nil, r.Context().Err()
			case 2:
				return answered(http.StatusServiceUnavailable, ""), nil
			case 3:
				return answered(http.StatusOK, `{"partialSuccess":{"rejectedSpans":"2","errorMessage":"no <b>"}}`), nil
			}
			return answered(http.StatusOK, ""), nil
		})}})
		tracer.Follow(&events)
		time.Sleep(time.Minute)
		synctest.Wait()
		s := tracer.Stats()
		if s.Lost < 3*batch || s.Sent == 0 || s.Sent+s.Lost != waiting+2*batch || s.Trouble != "" {
			t.Errorf("%+v", s)
		}
		tracer.Close()
		if said := log.String(); strings.Count(said, "are lost") != 1 || strings.Count(said, "takes traces of handshakes again") != 1 || strings.Contains(said, "<b>") {
			t.Errorf("the log says:\n%s", said)
		}
	})
}

// TestClose ends a request under way, and is nothing for nobody.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := New(Options{URL: "http://collector/v1/traces", Log: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}})
		tracer.Follow(&told{up()})
		time.Sleep(gather + time.Second)
		tracer.Close()
		if s := tracer.Stats(); s.Trouble != "" {
			t.Errorf("%+v", s)
		}
		(*Tracer)(nil).Close()
	})
}

// FuzzPartial: what a collector answers breaks nothing.
func FuzzPartial(f *testing.F) {
	f.Add([]byte(`{"partialSuccess":{"rejectedSpans":"2"}}`))
	f.Add([]byte(`{"partialSuccess":{"rejectedSpans":2}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if why := partial(answer); why != "" && !strings.HasPrefix(why, "the collector refused ") {
			t.Errorf("%q", why)
		}
	})
}
