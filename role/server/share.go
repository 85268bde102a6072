package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/nic/userstack/relay"
	"culvert/session/wire"
)

const (
	// maxShared is how many connections are passed on at the same time.
	maxShared = 1024
	// shareDialTime is the time limit for connecting to the other server.
	shareDialTime = 5 * time.Second
)

// share passes connections that do not speak OpenVPN on to another server
// (`port-share`).
type share struct {
	log  *slog.Logger
	addr string
	dir  string // for a file per connection, "" for none
	room chan struct{}
}

func newShare(c *config.PortShare, log *slog.Logger) *share {
	if c == nil {
		return nil
	}
	return &share{log, net.JoinHostPort(c.Host, c.Port), c.Dir, make(chan struct{}, maxShared)}
}

// isForeign reports, by its first bytes, whether a connection does not speak OpenVPN,
// which begins with the length and first byte of a client's hard reset. A connection
// that says nothing is not foreign.
func (c *stream) isForeign(most int) bool {
	const start = 3
	b, err := c.Peek(start)
	if err != nil {
		return false
	}
	length := int(binary.BigEndian.Uint16(b))
	op, key := wire.ParseHead(b[2])
	reset := op == wire.PControlHardResetClientV2 || op == wire.PControlHardResetClientV3
	return length < wire.ControlHeaderLen || length > most || !reset || key != 0
}

// serve carries a connection to the other server and back, to its end.
func (s *share) serve(ctx context.Context, c *stream) {
	select {
	case s.room <- struct{}{}:
		defer func() { <-s.room }()
	default:
		s.log.Warn("port-share: a connection was closed because too many are passed on", "from", c.RemoteAddr(), "limit", maxShared)
		return
	}
	dialer := net.Dialer{Timeout: shareDialTime}
	there, err := dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		s.log.Warn("port-share: the other server cannot be reached", "from", c.RemoteAddr(), "error", err)
		return
	}
	defer there.Close()
	defer s.note(there, c)()
	defer context.AfterFunc(ctx, func() { there.Close() })()
	here, first := c.Detach()
	c.SetReadDeadline(time.Time{})
	if _, err := there.Write(first); err == nil {
		splice(here, there)
	}
}

// splice carries bytes both ways until both directions have ended.
func splice(a, b net.Conn) {
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, err := io.Copy(way[0], way[1])
			if half, ok := way[0].(relay.HalfCloser); ok && err == nil {
				_ = half.CloseWrite()
				return
			}
			a.Close()
			b.Close()
		})
	}
	both.Wait()
}

// note writes a file that says who the client is, named after this end of the
// connection to the other server. It returns a function that removes the file.
func (s *share) note(there net.Conn, c *stream) (remove func()) {
	if s.dir == "" {
		return func() {}
	}
	name := filepath.Join(s.dir, there.LocalAddr().String())
	if err := noteConnection(name, c); err != nil {
		s.log.Warn("port-share: the file that names a connection cannot be written", "error", err)
	}
	return func() { os.Remove(name) }
}

func noteConnection(name string, c *stream) error {
	f, err := process.Create(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, c.RemoteAddr())
	return errors.Join(err, f.Close())
}
