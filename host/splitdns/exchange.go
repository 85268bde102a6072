package splitdns

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Upstream is a name server that questions are passed on to.
type Upstream struct {
	Addr netip.AddrPort
	// TLS says to ask by DNS over TLS (RFC 7858) alone. Name is in the server's
	// certificate; "": its address.
	TLS  bool
	Name string
}

// Dial connects to an upstream, over "udp" or "tcp". tunnel says that it is one of the
// tunnel's, so that nothing for it may go elsewhere.
type Dial func(ctx context.Context, network string, to netip.AddrPort, tunnel bool) (net.Conn, error)

const (
	// patience is how long an upstream has to answer before the next is asked as well.
	patience = time.Second
	// limit is how long all of them have: a little less than askers wait, so that they hear
	// of the failure.
	limit = 4500 * time.Millisecond
	// again is how long to wait before another round when no upstream could be reached: a way
	// may just be changing.
	again = patience / 4
	// rounds is how often each upstream is asked, and maxAsked how often all of them.
	rounds, maxAsked = 2, 8
)

// errSilent reports that no upstream has answered in time.
var errSilent = errors.New("no name server answered in time")

// exchange is one query on its way to some upstreams.
type exchange struct {
	query  []byte
	q      question
	stream bool // over TCP, as it came
	tunnel bool
	dial   Dial
}

type outcome struct {
	msg []byte // nil with an error
	err error
}

// ask asks the upstreams in turn and takes the first good answer of any, with the query's
// own id. If there is none, it takes one by which a server refuses.
func (x exchange) ask(ctx context.Context, upstreams []Upstream) ([]byte, error) {
	if len(upstreams) == 0 {
		return nil, errors.New("there is no name server to ask")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errSilent)
	defer cancel()
	most := min(rounds*len(upstreams), maxAsked)
	answers := make(chan outcome, most)
	next := time.NewTimer(0)
	defer next.Stop()
	var last outcome
	for begun, over := 0, 0; over < most; {
		select {
		case <-next.C:
			if begun < most {
				to := upstreams[begun%len(upstreams)]
				go func() { answers <- x.askOne(ctx, to) }()
				begun++
				next.Reset(patience)
			}
		case a := <-answers:
			over++
			if a.err == nil && !passesBy(code(a.msg)) {
				return x.own(a.msg), nil
			}
			if a.err == nil || last.msg == nil {
				last = a
			}
			switch {
			case begun < len(upstreams):
				next.Reset(0)
			case over == begun && last.msg != nil:
				return x.own(last.msg), nil
			case over == begun:
				next.Reset(again)
			}
		case <-ctx.Done():
			if last.msg != nil {
				return x.own(last.msg), nil
			}
			return nil, context.Cause(ctx)
		}
	}
	if last.msg != nil {
		return x.own(last.msg), nil
	}
	return nil, last.err
}

// passesBy reports whether another server could know better.
func passesBy(c dnsmessage.RCode) bool {
	return c == dnsmessage.RCodeServerFailure || c == dnsmessage.RCodeRefused || c == dnsmessage.RCodeNotImplemented
}

// own gives an answer the query's id.
func (x exchange) own(msg []byte) []byte {
	binary.BigEndian.PutUint16(msg, x.q.id)
	return msg
}

// askOne asks one upstream, from a port and with an id of this question's own.
func (x exchange) askOne(ctx context.Context, to Upstream) outcome {
	network := "udp"
	stream := x.stream || to.TLS
	if stream {
		network = "tcp"
	}
	plain, err := x.dial(ctx, network, to.Addr, x.tunnel)
	if err != nil {
		return outcome{err: fmt.Errorf("name server %v: %w", to.Addr, err)}
	}
	defer plain.Close()
	defer context.AfterFunc(ctx, func() { plain.SetDeadline(time.Unix(1, 0)) })()
	conn := plain
	if to.TLS {
		conn = tls.Client(plain, &tls.Config{ServerName: to.serverName(), MinVersion: tls.VersionTLS12})
	}
	msg, err := x.over(conn, stream)
	if err != nil {
		return outcome{err: fmt.Errorf("name server %v: %w", to.Addr, err)}
	}
	return outcome{msg: msg}
}

func (u Upstream) serverName() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Addr.Addr().WithZone("").String()
}

func (x exchange) over(conn net.Conn, stream bool) ([]byte, error) {
	var id [2]byte
	rand.Read(id[:])
	sent := append(append([]byte(nil), id[:]...), x.query[2:]...)
	if stream {
		if err := writeStream(conn, sent); err != nil {
			return nil, err
		}
		msg, err := readStream(conn)
		if err == nil && !answers(x.query, msg, x.q, binary.BigEndian.Uint16(id[:])) {
			err = errors.New("its answer is not to the question")
		}
		return msg, err
	}
	if _, err := conn.Write(sent); err != nil {
		return nil, err
	}
	room := min(x.q.room, maxDatagram)
	buf := make([]byte, room+1)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if !answers(x.query, buf[:n], x.q, binary.BigEndian.Uint16(id[:])) {
			continue
		}
		if n > room {
			return truncated(x.query, x.q), nil
		}
		return buf[:n], nil
	}
}

// writeStream writes a message with its length before it.
func writeStream(w io.Writer, msg []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...))
	return err
}

func readStream(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, msg)
	return msg, err
}
