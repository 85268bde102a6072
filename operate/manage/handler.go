package manage

import (
	"encoding/json"
	"errors"
	"net/http"

	"culvert/operate/backend"
	"culvert/operate/manage/capture"
	"culvert/operate/manage/filter"
	"culvert/operate/manage/trace"
)

// The paths of a process that has a backend.Backend, beside those of trace and
// capture.
const (
	// UpdatePath takes a backend.Update, by POST, and answers with a backend.Updated.
	UpdatePath = "/push-update"
	// ServersPath answers with the table of a client that measures its servers, by GET.
	ServersPath = "/servers"
	// EventsPath answers with each backend.Event from now on, by GET, as a line of
	// JSON, until the asking side has closed its half of the connection or the tunnel
	// has ended.
	EventsPath = "/events"
)

// Handler answers for a back end whose adapter is open.
func Handler(b backend.Backend) http.Handler {
	status, packets, kind := b.Status(), b.Packets(), filter.IP
	if packets.Ethernet {
		kind = filter.Ethernet
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+EventsPath, events(b))
	mux.HandleFunc("POST "+UpdatePath, pushUpdate(b))
	mux.HandleFunc("GET "+ServersPath, servers(b))
	steer(mux, b)
	mux.Handle("GET "+trace.Path, trace.Handler(packets.Eyes, status.Adapter, kind))
	mux.Handle("GET "+capture.Path, capture.Handler(capture.Road(packets.Eyes, status.Role, status.Adapter, kind)))
	return mux
}

// servers answers at ServersPath.
func servers(b backend.Backend) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		m, measures := b.(backend.Measurer)
		if !measures {
			http.Error(w, "this process is no client, so it has no servers to choose from", http.StatusConflict)
			return
		}
		rows, err := m.Servers()
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(rows)
	}
}

// maxUpdate is the most bytes of an Update.
const maxUpdate = 1 << 20

// pushUpdate answers at UpdatePath.
func pushUpdate(b backend.Backend) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var u backend.Update
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxUpdate))
		d.DisallowUnknownFields()
		err := d.Decode(&u)
		var done backend.Updated
		if err == nil {
			done, err = b.PushUpdate(u)
		}
		if errors.Is(err, backend.ErrUnsupported) {
			http.NotFound(w, r)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(done)
	}
}

// eventsWaiting is how many events may wait for one reader of EventsPath.
const eventsWaiting = 1024

// events answers at EventsPath.
func events(b backend.Backend) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reader := b.Events(eventsWaiting)
		defer reader.Close()
		w.Header().Set("Content-Type", "application/x-ndjson")
		out, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
		flush()
		for {
			e, more := reader.Next(r.Context())
			if !more || out.Encode(e) != nil || flush() != nil {
				return
			}
		}
	}
}
