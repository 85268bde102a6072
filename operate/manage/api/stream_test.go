package api

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestStream: messages, comments where nothing happens, and errors before and after the
// beginning.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(Options{})
		Stream(a, Op{Method: "GET", Path: "/v1/ticks", Group: "ticks", Scope: Read, Summary: "Ticks", Errors: []Kind{Conflict}}, map[string]any{"tick": thing{}, "error": Error{}},
			func(_ context.Context, in *struct {
				Fails string `query:"fails" enum:"first,last"`
			}, s *Sender) error {
				if in.Fails == "first" {
					return Conflict.Error("it does not tick", "")
				}
				if err := s.Send(Message{ID: "7", Event: "tick", Data: thing{"a", 1}}); err != nil {
					return err
				}
				time.Sleep(2*beatTime + time.Second)
				if s.Send(Message{Event: "a\nb"}) == nil {
					t.Error("a name with a line's end is sent")
				}
				if in.Fails == "last" {
					return errors.New("it broke")
				}
				return nil
			})
		const whole = "id: 7\nevent: tick\ndata: {\"name\":\"a\",\"count\":1}\n\n:\n\n:\n\n"
		for path, want := range map[string]string{
			"/v1/ticks":            whole,
			"/v1/ticks?fails=last": whole + "event: error\ndata: {\"status\":500,\"title\":\"Internal Server Error\",\"code\":\"failed\",\"detail\":\"it broke\",\"mend\":\"" + Failed.Mend + "\"}\n\n",
		} {
			if w := ask(a, by(Read), "GET", path, ""); w.Body.String() != want || w.Header().Get("Content-Type") != "text/event-stream" {
				t.Errorf("%s: %v\n%s", path, w.Header(), w.Body)
			}
		}
		w := ask(a, by(Read), "GET", "/v1/ticks?fails=first", "")
		if e := problemOf(t, w); e.Code != Conflict.Code {
			t.Errorf("%s", w.Body)
		}
	})
}

// stuck is a reader that takes nothing any more.
type stuck struct {
	*httptest.ResponseRecorder
	writes int
}

func (s *stuck) Write(b []byte) (int, error) {
	if s.writes++; s.writes > 1 {
		return 0, errors.New("i/o timeout")
	}
	return len(b), nil
}

// TestStreamToNobody: a stream whose reader takes nothing ends, though nothing happens.
func TestStreamToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, ended := New(Options{}), false
		Stream(a, Op{Method: "GET", Path: "/v1/ticks", Group: "ticks", Scope: Read, Summary: "Ticks"}, map[string]any{"tick": thing{}},
			func(ctx context.Context, _ *None, s *Sender) error {
				s.Send(Message{Event: "tick"})
				<-ctx.Done()
				ended = s.Send(Message{Event: "tick"}) != nil
				return nil
			})
		begun := time.Now()
		a.Handler().ServeHTTP(&stuck{ResponseRecorder: httptest.NewRecorder()}, httptest.NewRequestWithContext(by(Read), "GET", "/v1/ticks", nil))
		if !ended || time.Since(begun) > beatTime {
			t.Errorf("ended: %v, after %v", ended, time.Since(begun))
		}
	})
}
