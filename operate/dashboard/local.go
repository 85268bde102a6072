package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"culvert/operate/manage/api"
	"culvert/store/memory"
)

// LocalOptions are what OpenLocal works with.
type LocalOptions struct {
	Listen string            // an address of loopback and a port, 0 for any that is free
	Socket http.RoundTripper // leads to the process's API
	Name   string            // of the process
	By     string            // the user of this machine who opens it
	Pages  fs.FS
	Log    *slog.Logger
}

// Local is the dashboard of a running process on loopback, for whoever has its link. What
// they do there, they do by the rights of who opened it.
type Local struct {
	// Link works once, for ten minutes.
	Link     string
	board    *Dashboard
	listener net.Listener
	http     *http.Server
}

// OpenLocal listens, and makes the link.
func OpenLocal(o LocalOptions) (*Local, error) {
	at, err := netip.ParseAddrPort(o.Listen)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("%.60q: expected an address of this machine alone and a port, such as 127.0.0.1:8444; to serve a dashboard to others, use culvert serve --dashboard", o.Listen)
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, err
	}
	where := &url.URL{Scheme: "http", Host: l.Addr().String()}
	links := memory.New()
	board, err := New(Options{API: passedOn(o.Socket, o.Name), Pages: o.Pages, URL: where, Names: []string{"localhost", "127.0.0.1", "::1"}, Store: links, Log: o.Log})
	if err != nil {
		l.Close()
		return nil, err
	}
	link, err := MakeLink(context.Background(), links, time.Now(), where, "", o.By)
	if err != nil {
		l.Close()
		return nil, err
	}
	quiet := slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)
	return &Local{Link: link, board: board, listener: l, http: &http.Server{Handler: board, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: quiet}}, nil
}

// Port is that of the listener.
func (l *Local) Port() int { return l.listener.Addr().(*net.TCPAddr).Port }

// Run answers until ctx ends.
func (l *Local) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	beside.Go(func() {
		l.board.Run(ctx)
		l.http.Close()
	})
	err := l.http.Serve(l.listener)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	beside.Wait()
	return err
}

// passedOn has another process answer, by its socket. It is told nothing of the browser.
func passedOn(socket http.RoundTripper, name string) http.Handler {
	return &httputil.ReverseProxy{
		Transport: socket, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "culvert"})
			r.Out.Host = "culvert"
			for key := range r.Out.Header {
				if key == "Cookie" || key == "Origin" || key == "Referer" || key == "Authorization" || strings.HasPrefix(key, "Sec-") {
					r.Out.Header.Del(key)
				}
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() != nil {
				panic(http.ErrAbortHandler) // nobody waits for the answer
			}
			problem(w, gone.Error(name+" does not answer: "+err.Error(), "see whether it runs: culvert status"))
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

// gone is a kind of faults.
var gone = api.Kind{Status: http.StatusBadGateway, Code: "process-gone", Doc: "the process whose dashboard this is does not answer", Mend: "see whether it runs: culvert status"}
