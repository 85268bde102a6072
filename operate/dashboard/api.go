package dashboard

import (
	"context"
	"net/http"
	"time"

	"culvert/operate/manage/api"
	"culvert/operate/web"
)

// Via is by what callers of the API ask who are signed in.
const Via = "dashboard"

// sendTime is how long a browser may take to take what is sent at once.
const sendTime = 30 * time.Second

// api passes a request on for who is signed in, for as long as they are.
func (d *Dashboard) api(w http.ResponseWriter, r *http.Request) {
	s := d.sessions.get(d.cookies.session(r), d.o.Now())
	if s == nil {
		problem(w, errSignIn)
		return
	}
	web.Known(w)
	ctx, end := context.WithCancel(api.As(r.Context(), api.Caller{Name: s.who.name, Scope: s.scope, Via: Via}))
	defer end()
	defer context.AfterFunc(s.ended, end)()
	deadlines := http.NewResponseController(w)
	if r.ContentLength == 0 && len(r.TransferEncoding) == 0 {
		deadlines.SetReadDeadline(time.Time{}) // or it would end an answer that takes longer
	}
	d.o.API.ServeHTTP(&paced{w, deadlines}, r.WithContext(ctx))
}

// paced gives each part of an answer time of its own: an answer may go on for as long as it
// is taken.
type paced struct {
	http.ResponseWriter
	deadlines *http.ResponseController
}

// Write implements http.ResponseWriter.
func (p *paced) Write(b []byte) (int, error) {
	p.deadlines.SetWriteDeadline(time.Now().Add(sendTime)) // an answer in memory has none
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *paced) Unwrap() http.ResponseWriter { return p.ResponseWriter }
