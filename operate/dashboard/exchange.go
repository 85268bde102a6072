package dashboard

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"

	"culvert/operate/manage/api"
)

const (
	maxBody = 64 << 10 // of a request below /auth/
	// checkTime is how long checking a password may take: directories are slow.
	checkTime = 90 * time.Second
)

// exchange is a request below /auth/ that is being answered.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	remote  netip.AddrPort
	session *stay // nil: nobody is signed in
}

// answer has f answer a request: with JSON, with nothing for nil, or with a fault.
func (d *Dashboard) answer(w http.ResponseWriter, r *http.Request, f func(*exchange) (any, error)) {
	e := &exchange{w: w, r: r, remote: remoteOf(r), session: d.sessions.get(d.cookies.session(r), d.o.Now())}
	out, err := f(e)
	switch {
	case err != nil:
		problem(w, asProblem(d.o.Log, err))
	case out == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out)
	}
}

// read reads the body of a request into a struct, and gives the answer the time that it may
// take.
func (e *exchange) read(into any) error {
	if e.r.ContentLength > maxBody {
		return tooLarge()
	}
	d := json.NewDecoder(http.MaxBytesReader(e.w, e.r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the object")
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge()
	case err != nil:
		return api.BadRequest.Error("the body cannot be read", "send an object of JSON with the fields that this takes")
	}
	e.takesLong()
	return nil
}

// takesLong gives an answer more time than others have.
func (e *exchange) takesLong() {
	c := http.NewResponseController(e.w)
	c.SetReadDeadline(time.Time{}) // or it would end the request's context; an answer in memory has none
	c.SetWriteDeadline(time.Now().Add(checkTime))
}

func tooLarge() error {
	return api.TooLarge.Error("the body is larger than 64 KiB", "send what the dashboard's pages send")
}
