package service

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/nic/tuntap"
	"culvert/operate/manage"
	"culvert/operate/manage/capture"
	"culvert/operate/manage/filter"
	"culvert/operate/manage/trace"
	"culvert/operate/manage/watch"
	"culvert/role/client"
	"culvert/role/p2p"
	"culvert/role/server"
	"culvert/tunnel"
)

// local is the interface for the command line, open while a tunnel is.
type local struct {
	mu   sync.Mutex
	stop func()
}

// watched opens the interface of a tunnel with its adapter, which is before
// rights are given up; s is known by then.
func (l *life) watched(c *config.Config, open bringup.Opener, s func() role) bringup.Opener {
	return func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
		a, err := open(ctx, want)
		if err == nil {
			l.serveLocal(c, s(), a.Name())
		}
		return a, err
	}
}

// serveLocal opens the interface once for a tunnel. A process goes on without.
func (l *life) serveLocal(c *config.Config, s role, adapter string) {
	l.local.mu.Lock()
	defer l.local.mu.Unlock()
	if l.local.stop != nil {
		return
	}
	name := l.Name
	if name == "" {
		name = roleName(s) + "-" + adapter
	}
	stop, err := manage.Serve(l.localDir(), name, handler(c, s, adapter))
	if err == nil && l.worker != nil {
		err = l.worker.Local(name)
	}
	if err != nil {
		l.log.Warn("culvert status, trace and capture will not find this process; --name gives it a name of its own", "name", name, "error", err)
		stop = func() {}
	}
	l.local.stop = stop
}

// localDir is where the sockets are.
func (l *life) localDir() string {
	if l.StateDir != "" {
		return l.StateDir
	}
	return manage.DefaultDir()
}

func (l *local) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
	}
	l.stop = nil
}

func roleName(s role) string {
	switch s.(type) {
	case *server.Server:
		return "server"
	case *p2p.Host:
		return "p2p"
	}
	return "client"
}

func handler(c *config.Config, s role, adapter string) http.Handler {
	began, eyes, link := time.Now(), watch.New(&s.Road().Observer), filter.IP
	if c.Adapter.DevType == config.DevTap {
		link = filter.Ethernet
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+manage.StatusPath, func(w http.ResponseWriter, r *http.Request) {
		status := manage.Status{Role: roleName(s), Adapter: adapter, Since: began, Drops: s.Road().Counters.Snapshot(), Peers: peers(s)}
		if s, ok := s.(*server.Server); ok {
			status.Lists = s.Lists()
		}
		if n := s.Adapter().Overflow(); n > 0 {
			status.Drops[tuntap.QueueFull] = n
		}
		status.Marked = s.Adapter().Marked()
		json.NewEncoder(w).Encode(status)
	})
	mux.Handle("GET "+trace.Path, trace.Handler(eyes, adapter, link))
	mux.Handle("GET "+capture.Path, capture.Handler(capture.Road(eyes, roleName(s), adapter, link)))
	if s, ok := s.(*server.Server); ok {
		mux.Handle("POST "+manage.UpdatePath, manage.UpdateHandler(func(u manage.Update) (manage.Updated, error) {
			done, err := s.PushUpdate(server.Update(u))
			return manage.Updated(done), err
		}))
	}
	return mux
}

// peers are who is at the other end.
func peers(s role) (list []manage.Peer) {
	switch s := s.(type) {
	case *server.Server:
		for _, c := range s.Everybody() {
			list = append(list, clientPeer(c))
		}
	case *client.Client:
		list = appendPeer(list, s.Server())
	case *p2p.Host:
		list = appendPeer(list, s.Peer())
	}
	return list
}

func clientPeer(c server.ClientStatus) manage.Peer {
	p := manage.Peer{
		Name: c.Name, User: c.Username, Connecting: c.Connecting, Remote: c.Remote.String(), IPv4: c.IPv4, IPv6: c.IPv6,
		Cipher: c.Cipher, Serial: c.Serial, Since: c.Since, LastHeard: c.LastHeard, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
	}
	if !c.Connecting {
		p.PeerID = &c.PeerID
	}
	return p
}

func appendPeer(list []manage.Peer, p *tunnel.Peer) []manage.Peer {
	if p == nil {
		return list
	}
	return append(list, manage.Peer{
		Name: p.Name(), Remote: p.Path().Remote.String(), Cipher: p.Data.CipherName(), LastHeard: p.Data.LastReceived(),
		BytesIn: p.Counters.LinkIn.Load(), BytesOut: p.Counters.LinkOut.Load(),
	})
}
