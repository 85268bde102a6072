package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// bodyTime is how long a body may take to come.
const bodyTime = 10 * time.Second

var errorType = reflect.TypeFor[Error]()

// asksWithBody reports whether a type has a body.
func asksWithBody[In any]() bool {
	t := reflect.TypeFor[In]()
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("api: %v: expected a struct", t))
	}
	_, has := t.FieldByName("Body")
	return has
}

// guarded is an operation with what goes before it: who asks and may, and the body, read
// within limits.
func (a *API) guarded(op Op, h *huma.Operation, handler func(huma.Context)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noted := &noted{ResponseWriter: w}
		caller, err := allowed(r, op)
		if err == nil {
			err = readBody(noted, r, op)
		}
		if err != nil {
			refuse(noted, r, err)
		} else {
			a.recovered(noted, r, op, func() { handler(humago.NewContext(h, r, noted)) })
		}
		if a.o.Changed != nil && op.Method != http.MethodGet && !op.Quiet && caller.Name != "" {
			a.o.Changed(r.Context(), Change{caller, op, r.URL.Path, noted.status})
		}
	})
}

// What is read of a body after a request was refused, so that whoever sends it comes to read the
// answer: a connection that is closed meanwhile would have them see that alone.
const (
	drainBytes = 256 << 20
	drainTime  = 5 * time.Second
)

// refuse answers a request whose body was not read to its end, and reads on within bounds:
// for nobody who is not known.
func refuse(w http.ResponseWriter, r *http.Request, e *Error) {
	if r.Body == nil || r.ContentLength == 0 || e.Status == http.StatusUnauthorized {
		e.Write(w)
		return
	}
	c := http.NewResponseController(w) // an answer in memory can nothing of this
	c.EnableFullDuplex()               // or the answer would wait for the body
	e.Write(w)
	if c.Flush() != nil || r.Header.Get("Expect") != "" && r.ContentLength > 0 { // who waits for leave to send has the answer
		return
	}
	c.SetReadDeadline(time.Now().Add(drainTime))
	io.CopyN(io.Discard, r.Body, drainBytes)
}

// allowed returns who asks, if they may.
func allowed(r *http.Request, op Op) (Caller, *Error) {
	c, known := CallerOf(r.Context())
	if !known {
		return c, SignIn.Error("nobody is known to ask", "send a token: Authorization: Bearer TOKEN")
	}
	if !c.Scope.Allows(op.Scope) {
		return c, Forbidden.Error(fmt.Sprintf("this needs the scope %s, and the caller has %s", op.Scope, c.Scope), "ask by a token of the scope "+string(op.Scope))
	}
	return c, nil
}

// readBody has the body in memory: what is too large is refused before it is read to its
// end, and what is slow, too. An operation without a body gets none.
func readBody(w http.ResponseWriter, r *http.Request, op Op) *Error {
	if !op.body {
		if r.ContentLength == 0 && len(r.TransferEncoding) == 0 {
			return nil
		}
		// What comes with a request that needs nothing is read as far as it is short.
		op.MaxBody = 1 << 10
	}
	tooLarge := func() *Error {
		w.Header().Set("Connection", "close")
		return TooLarge.Error(fmt.Sprintf("the body is larger than %d bytes", op.MaxBody), "send less at a time")
	}
	if r.ContentLength > op.MaxBody {
		return tooLarge()
	}
	if t := r.Header.Get("Content-Type"); t != "" && op.body {
		if media, _, err := mime.ParseMediaType(t); err != nil || media != "application/json" {
			w.Header().Set("Connection", "close")
			return WrongType.Error("the body is "+short(t), "send application/json")
		}
	}
	deadline := http.NewResponseController(w)
	deadline.SetReadDeadline(time.Now().Add(bodyTime)) // an answer in memory has none
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, op.MaxBody))
	deadline.SetReadDeadline(time.Time{}) // or it would end the context of an operation that takes longer
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge()
	case err != nil:
		w.Header().Set("Connection", "close")
		return BadRequest.Error(errUnread.Error(), "send it again")
	}
	r.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// recovered calls f, and answers for it where it panics.
func (a *API) recovered(w *noted, r *http.Request, op Op, f func()) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if fault == http.ErrAbortHandler || r.Context().Err() != nil {
			panic(http.ErrAbortHandler)
		}
		a.o.Log.Error("an operation of the API failed: this is a fault of the program, please report it", "operation", op.ID(), "fault", fault, "stack", string(debug.Stack()))
		if w.status != 0 {
			panic(http.ErrAbortHandler)
		}
		Failed.Error("this is a fault of the program, which its log has", "please report it").Write(w)
	}()
	f()
}

// sendTime is how long whoever asked may take to take a part of an answer, before they are
// given up.
const sendTime = 15 * time.Second

// noted is an answer that notes its status, and waits for its reader within bounds.
type noted struct {
	http.ResponseWriter
	status int
}

// paced gives the reader time for the next part. An answer in memory has no deadlines.
func (n *noted) paced() {
	http.NewResponseController(n.ResponseWriter).SetWriteDeadline(time.Now().Add(sendTime))
}

// WriteHeader implements http.ResponseWriter.
func (n *noted) WriteHeader(status int) {
	n.paced()
	if n.status == 0 {
		n.status = status
	}
	n.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (n *noted) Write(b []byte) (int, error) {
	n.paced()
	if n.status == 0 {
		n.status = http.StatusOK
	}
	return n.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController.
func (n *noted) FlushError() error {
	n.paced()
	err := http.NewResponseController(n.ResponseWriter).Flush()
	if errors.Is(err, http.ErrNotSupported) { // an answer in memory
		return nil
	}
	return err
}

// Unwrap is for http.ResponseController.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }
