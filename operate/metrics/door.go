package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"culvert/config"
	"culvert/internal/sockerr"
	"culvert/operate/web"
)

// Path is where metrics are.
const Path = "/metrics"

// What one who asks may take.
const (
	headerTime   = 5 * time.Second
	writeTime    = 20 * time.Second
	idleTime     = 2 * time.Minute
	maxHeader    = 8 << 10
	connections  = 64 // at a time
	ofOne        = 16 // of them of one source
	scrapes      = 4  // under way; more are told to come again
	scrapeTime   = 10 * time.Second
	farewellTime = time.Second
)

// door is the listener of metrics, and who answers there.
type door struct {
	listener net.Listener
	http     *http.Server
	working  sync.WaitGroup
}

// Open opens the address of metrics, if there is one, and answers there until Close.
func (m *Metrics) Open(c config.Metrics) error {
	if !c.Yes() {
		return nil
	}
	l, err := net.Listen("tcp", c.Address())
	if err != nil {
		return fmt.Errorf("metrics-listen: %w%s", err, mend(err))
	}
	m.serve(l)
	m.log.Info("serving metrics", "url", "http://"+l.Addr().String()+Path)
	return nil
}

func (m *Metrics) serve(l net.Listener) {
	m.door = &door{listener: web.Bounded(l, connections, ofOne), http: &http.Server{
		Handler: m.Handler(), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
	}}
	m.door.working.Go(func() {
		if err := m.door.http.Serve(m.door.listener); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("metrics are not served any more", "error", err)
		}
	})
}

// mend is what to do about an error of listening.
func mend(err error) string {
	err = sockerr.Named(err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; another program has this port: end it, or write another port"
	case errors.Is(err, syscall.EACCES):
		return "; ports below 1024 need root: write another port, such as 9176"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; this host does not have the address: write 127.0.0.1, * or one of this host's"
	}
	return ""
}

// Close ends what Open began, if it did. It may be called for a nil Metrics.
func (m *Metrics) Close() {
	if m == nil || m.door == nil {
		return
	}
	ctx, end := context.WithTimeout(context.Background(), farewellTime)
	defer end()
	if m.door.http.Shutdown(ctx) != nil {
		m.door.http.Close()
	}
	m.door.working.Wait()
}

// Handler answers GET for Path, as text or in OpenMetrics, and nothing else.
func (m *Metrics) Handler() http.Handler {
	answer := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapes, Timeout: scrapeTime, EnableOpenMetrics: true,
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		answer.ServeHTTP(w, r)
	})
	return mux
}
