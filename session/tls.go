package session

import (
	"crypto/tls"
	"errors"
	"io"
	"iter"
	"net"
	"os"
	"time"
)

// maxPlain bounds decrypted bytes nobody has taken yet: a key exchange message
// and a control message or two.
const maxPlain = 256 << 10

// maxUnsent bounds ciphertext that the peer does not acknowledge: it can make
// TLS answer (key updates) without end.
const maxUnsent = 1 << 20

var errUnsent = errors.New("the peer acknowledges none of 1 MiB of control messages")

var errTooMuch = errors.New("the peer sent more than 256 KiB of control messages at once")

// tlsMachine is crypto/tls as a machine without I/O: ciphertext is fed in and
// taken out, and everything happens inside Feed and Write. The library blocks
// in Read, so it runs on a coroutine that is left whenever it wants more.
type tlsMachine struct {
	conn *tls.Conn
	in   []byte // ciphertext not read yet
	out  outbox // ciphertext to send
	// plain is what arrived decrypted; the owner takes from its front.
	plain       []byte
	established bool
	err         error // why it ended; io.EOF after close_notify
	answered    bool  // the peer has sent anything of TLS
	server      bool
	alert       alertWriter
	offer       func() string // what of TLS this side offers, in words
	// clearAlert is one that came in the clear during a handshake, 0 for none.
	clearAlert uint8

	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

func newTLSMachine(config *tls.Config, server bool) *tlsMachine {
	m := &tlsMachine{server: server}
	m.offer = func() string { return offer(config) }
	watched := m.alert.watch(config, server)
	if server {
		m.conn = tls.Server((*memoryConn)(m), watched)
	} else {
		m.conn = tls.Client((*memoryConn)(m), watched)
	}
	m.resume, m.stop = iter.Pull(m.run)
	return m
}

// run is the coroutine: the handshake, then reading for as long as the session
// lives.
func (m *tlsMachine) run(yield func(struct{}) bool) {
	m.yield = yield
	m.err = m.conn.Handshake()
	m.alert.forget()
	if m.err != nil {
		return
	}
	m.established = true
	buffer := make([]byte, 1024)
	for {
		n, err := m.conn.Read(buffer)
		m.plain = append(m.plain, buffer[:n]...)
		if len(m.plain) > maxPlain {
			err = errTooMuch
		}
		if err != nil {
			m.err = err
			return
		}
	}
}

// garbled reports whether TLS ended because of something that was not TLS or
// did not authenticate, and not because of what the peer said.
func (m *tlsMachine) garbled() bool { return garbled(m.err) }

func garbled(err error) bool {
	if alert, ok := errors.AsType[*net.OpError](err); ok {
		return alert.Op == "local error"
	}
	return errors.As(err, new(tls.RecordHeaderError))
}

// Feed takes ciphertext and works until it wants more.
func (m *tlsMachine) Feed(ciphertext []byte) {
	m.in = append(m.in, ciphertext...)
	m.answered = m.answered || len(ciphertext) > 0
	if alert := alertInClear(ciphertext); alert != 0 && !m.established {
		m.clearAlert = alert
	}
	m.resume()
}

// alertInClear is the fatal alert that a packet is, 0 if it is none.
func alertInClear(packet []byte) uint8 {
	const typeAlert, fatal = 21, 2
	if len(packet) != header+2 || packet[0] != typeAlert || packet[1] != 3 || packet[3] != 0 || packet[4] != 2 || packet[5] != fatal {
		return 0
	}
	return packet[6]
}

// failure is why the connection ended. OpenSSL's clients send the alert about a
// server's certificate in the clear, where the library expects it sealed and
// finds only damage. Whoever may have sent it, it has ended the handshake.
func (m *tlsMachine) failure() error {
	if m.server && m.clearAlert != 0 && garbled(m.err) {
		return &net.OpError{Op: "remote error", Err: tls.AlertError(m.clearAlert)}
	}
	return m.err
}

// Write encrypts one record. It must not be called before the handshake is
// done.
func (m *tlsMachine) Write(message []byte) error {
	_, err := m.conn.Write(message)
	return err
}

// Close ends the coroutine.
func (m *tlsMachine) Close() { m.stop() }

// memoryConn is the side of a tlsMachine that crypto/tls sees.
type memoryConn tlsMachine

func (c *memoryConn) Read(b []byte) (int, error) {
	for len(c.in) == 0 {
		if !c.yield(struct{}{}) {
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *memoryConn) Write(b []byte) (int, error) {
	if c.out.size+len(b) > maxUnsent {
		return 0, errUnsent
	}
	c.out.add(b)
	if n := len(c.out.writes); n > 0 {
		c.alert.fit(c.out.writes[n-1])
	}
	return len(b), nil
}

func (c *memoryConn) Close() error                     { return nil }
func (c *memoryConn) LocalAddr() net.Addr              { return memoryAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr             { return memoryAddr{} }
func (c *memoryConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "openvpn" }
func (memoryAddr) String() string  { return "control channel" }
