package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"culvert/store"
)

// How long transactions are as JSON, in bytes: values are a third longer there, and each key
// may be in a condition, too.
const (
	maxBody    = 2 * store.MaxSize
	maxAllBody = 4 * store.MaxAllSize
)

// patience is how long a client may take to read what it asked for, each time something is
// written. A backup that waits keeps the file from growing.
const patience = 30 * time.Second

// handler answers requests about a store.
type handler struct {
	store.Store
	patience time.Duration // of watches
}

// Handler answers requests about a store. Who asks, it does not look at: Serve does.
func Handler(s store.Store) http.Handler { return handler{s, patience}.mux() }

func (h handler) mux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, reply{}, nil) })
	mux.HandleFunc("GET /v1/get", h.get)
	mux.HandleFunc("GET /v1/list", h.list)
	mux.HandleFunc("POST /v1/commit", h.commit)
	mux.HandleFunc("POST /v1/commit-all", h.commitAll)
	mux.HandleFunc("GET /v1/watch", h.watch)
	mux.HandleFunc("GET /v1/backup", h.backup)
	return mux
}

func (h handler) get(w http.ResponseWriter, r *http.Request) {
	q, err := query(r, "key")
	var e store.Entry
	if err == nil {
		e, err = h.Get(r.Context(), q.Get("key"))
	}
	answer(w, reply{Entry: &e}, err)
}

func (h handler) list(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	var snap store.Snapshot
	if prefixes := q["prefix"]; err == nil && len(q) > min(len(prefixes), 1) {
		err = errors.New("parameters: expected only prefix")
	} else if err == nil {
		snap, err = h.List(r.Context(), prefixes...)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	writeSnapshot(&timely{w, http.NewResponseController(w)}, snap, err)
}

func (h handler) commit(w http.ResponseWriter, r *http.Request) {
	t, err := parseTxn(http.MaxBytesReader(w, r.Body, maxBody))
	var at store.Revision
	if err == nil {
		at, err = h.Commit(r.Context(), t)
	}
	answer(w, reply{Revision: at}, err)
}

func (h handler) commitAll(w http.ResponseWriter, r *http.Request) {
	t, err := parseAll(http.MaxBytesReader(w, r.Body, maxAllBody))
	var at store.Revision
	if whole, ok := h.Store.(store.Whole); err == nil && ok {
		at, err = whole.CommitAll(r.Context(), t)
	} else if err == nil {
		err = store.ErrSteps
	}
	answer(w, reply{Revision: at}, err)
}

func (h handler) watch(w http.ResponseWriter, r *http.Request) {
	q, err := query(r, "prefix", "after")
	var after uint64
	if err == nil {
		if after, err = strconv.ParseUint(q.Get("after"), 10, 64); err != nil {
			err = fmt.Errorf("after=%.40q: expected a revision", q.Get("after"))
		}
	}
	if err != nil {
		answer(w, reply{}, err)
		return
	}
	lines := json.NewEncoder(w)
	send := func(a reply) bool {
		c := http.NewResponseController(w)
		c.SetWriteDeadline(time.Now().Add(h.patience))
		return lines.Encode(a) == nil && c.Flush() == nil
	}
	if !send(reply{}) { // so that the client knows that somebody listens
		return
	}
	for batch, err := range h.Watch(r.Context(), q.Get("prefix"), store.Revision(after)) {
		a := reply{Changes: batch}
		if err != nil {
			a.Fault = faultOf(err)
		}
		if !send(a) {
			return
		}
	}
}

// backup writes the file. A connection that ends before its end tells that it is not all.
func (h handler) backup(w http.ResponseWriter, r *http.Request) {
	b, ok := h.Store.(store.Backuper)
	if !ok {
		answer(w, reply{}, errors.New("this store cannot be copied as a file; use culvert export"))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := b.Backup(r.Context(), &timely{w, http.NewResponseController(w)}); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// timely is a response that is given up when nobody reads it.
type timely struct {
	io.Writer
	control *http.ResponseController
}

func (t *timely) Write(p []byte) (int, error) {
	t.control.SetWriteDeadline(time.Now().Add(patience))
	return t.Writer.Write(p)
}

// query returns the parameters of a request, which are those that are expected.
func query(r *http.Request, expected ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	for _, name := range expected {
		if len(q[name]) != 1 {
			return nil, fmt.Errorf("parameter %s: expected once, found %d times", name, len(q[name]))
		}
	}
	if len(q) > len(expected) {
		return nil, fmt.Errorf("parameters: expected only %q", expected)
	}
	return q, nil
}

// parseTxn reads a transaction.
func parseTxn(r io.Reader) (store.Txn, error) {
	t, err := parseAll(r)
	if err == nil {
		err = t.Check()
	}
	return t, err
}

// parseAll reads a large transaction.
func parseAll(r io.Reader) (t store.Txn, err error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields() // of a newer version, they may be conditions
	if err := d.Decode(&t); err != nil {
		return store.Txn{}, fmt.Errorf("a transaction that cannot be read: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return store.Txn{}, errors.New("a transaction with something behind it")
	}
	return t, t.CheckAll()
}

// answer sends a reply, or an error in its place.
func answer(w http.ResponseWriter, a reply, err error) {
	if err != nil {
		a = reply{Fault: faultOf(err)}
	}
	w.Header().Set("Content-Type", "application/json")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
	json.NewEncoder(w).Encode(a)
}

// serve answers on a listener until ctx ends, and then for a moment those who have asked.
func serve(ctx context.Context, l *listener, s store.Store) {
	server := &http.Server{Handler: Handler(s), ReadHeaderTimeout: patience}
	watches, cancel := context.WithCancel(context.Background())
	server.Handler = untilEnd(server.Handler, watches)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(l)
	}()
	select {
	case <-ctx.Done():
	case <-done:
	}
	cancel()
	moment, stop := context.WithTimeout(context.Background(), goodbye)
	defer stop()
	if server.Shutdown(moment) != nil {
		server.Close()
	}
	<-done
}

// goodbye is how long requests may take that are under way at the end.
const goodbye = 2 * time.Second

// untilEnd ends what waits, such as watches, with ctx.
func untilEnd(h http.Handler, ctx context.Context) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet { // a transaction is finished
			h.ServeHTTP(w, r)
			return
		}
		own, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		h.ServeHTTP(w, r.WithContext(own))
	})
}
