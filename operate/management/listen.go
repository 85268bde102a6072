package management

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"culvert/config"
)

const (
	// mostReaders is how many readers are served at once. mostStrangers is how many
	// may be at the password; another takes the place of the oldest of them.
	mostReaders   = 64
	mostStrangers = 16
)

// Open opens the interface that a configuration names, and serves readers until Close.
// With management-client it connects, instead of listening. It fails if the address is
// taken or the password file cannot be read.
func Open(cfg config.Management, p Process) (*Interface, error) {
	i := newInterface(cfg, p)
	d := door{i}
	i.State(plainState(stateConnecting, ""))
	var err error
	if i.password, err = readPassword(cfg, p.Ask); err != nil {
		return nil, err
	}
	switch {
	case cfg.Client:
		return i, d.connect()
	case cfg.InTunnel():
		return i, nil // until its address is known
	}
	if i.listener, err = d.listen(cfg.Address); err != nil {
		return nil, fmt.Errorf("management: %w", unheard(err))
	}
	i.working.Go(func() { d.accept(i.listener) })
	return i, nil
}

// reach opens the interface at this end's address in the tunnel (management tunnel PORT),
// where it is not open yet, and closes it where it was before.
func (d door) reach(v4, v6 netip.Addr) {
	if !d.cfg.InTunnel() {
		return
	}
	at := v4
	if !at.IsValid() {
		at = v6
	}
	if !at.IsValid() {
		d.process.Log.Error("management: this end has no address in the tunnel to listen at; write 127.0.0.1, or a socket (management PATH unix)")
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.listener != nil && d.inner == at {
		return
	}
	if d.listener != nil {
		d.listener.Close()
		d.listener = nil
	}
	l, err := d.listen(at.String())
	if err != nil {
		d.process.Log.Error("management: nobody can connect: the tunnel's address cannot be listened at; write 127.0.0.1, or a socket (management PATH unix)", "error", err)
		return
	}
	d.listener, d.inner = l, at
	d.working.Go(func() { d.accept(l) })
}

// door is where readers come in and leave.
type door struct{ *Interface }

// network returns what net.Listen and net.Dial want.
func (d door) network(host string) (network, address string) {
	if d.cfg.Unix {
		return "unix", host
	}
	return "tcp", net.JoinHostPort(host, d.cfg.Port)
}

// listen opens the socket, at an address or a path. One that a process left behind is replaced; one that
// another process answers on is not.
func (d door) listen(host string) (net.Listener, error) {
	network, address := d.network(host)
	if d.cfg.Unix {
		if err := clearSocket(address); err != nil {
			return nil, err
		}
	} else if d.password == nil && !loopback(host) {
		d.process.Log.Warn("management: whoever reaches this address steers this process, without a password; write 127.0.0.1, or a socket (management PATH unix), or name a password file as the last word", "address", address)
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	if u, ok := l.(*net.UnixListener); ok {
		// As with OpenVPN, management-client-user and -group say who may connect, and
		// without them anybody may.
		u.SetUnlinkOnClose(false)
		if err := os.Chmod(address, 0o777); err != nil {
			l.Close()
			return nil, err
		}
		d.process.Log.Info("MANAGEMENT: unix domain socket listening on " + address)
	} else {
		d.process.Log.Info("MANAGEMENT: TCP Socket listening on " + l.Addr().String())
	}
	return l, nil
}

// loopback reports whether only this host reaches an address.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// connect is management-client: the connection is made once, and the process ends with
// it.
func (d door) connect() error {
	network, address := d.network(d.cfg.Address)
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(d.ctx, network, address)
	if err != nil {
		return fmt.Errorf("management-client: %w; the program that management names has to listen before this one starts", err)
	}
	if err := permitted(d.cfg, conn); err != nil {
		conn.Close()
		return fmt.Errorf("management-client: %w", err)
	}
	r, _ := d.enter(conn, address)
	d.working.Go(func() {
		d.serve(r)
		if d.ctx.Err() == nil {
			d.process.Log.Warn("stopping, since the connection to the management client ended (management-client)")
			d.process.Signal("SIGTERM")
		}
	})
	return nil
}

// accept serves whoever connects.
func (d door) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if d.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			d.process.Log.Warn("management: a connection could not be accepted", "error", err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-d.ctx.Done():
			}
			continue
		}
		if err := permitted(d.cfg, conn); err != nil {
			d.process.Log.Warn("management: "+err.Error(), "address", d.cfg.Address)
			conn.Close()
			continue
		}
		name := conn.RemoteAddr().String()
		if d.cfg.Unix {
			name = d.cfg.Address
		}
		if r, ok := d.enter(conn, name); ok {
			d.working.Go(func() { d.serve(r) })
		} else {
			conn.Close()
		}
	}
}

// enter makes a connection a reader, if there is room.
func (d door) enter(conn net.Conn, name string) (*reader, bool) {
	r := newReader(d.Interface, conn, name)
	d.mu.Lock()
	if d.password != nil {
		if oldest := d.oldestStranger(); oldest != nil {
			oldest.fail(errors.New("it gave no password while others waited"))
		}
	}
	room := !d.closed && d.inside() < mostReaders && len(d.readers) < mostReaders+mostStrangers
	if room {
		d.readers = append(d.readers, r)
	}
	d.mu.Unlock()
	if !room {
		d.process.Log.Warn("management: there are too many readers; this one is turned away", "limit", mostReaders, "from", name)
	}
	return r, room
}

// inside is how many readers have given the password. The caller holds the lock.
func (i *Interface) inside() (n int) {
	for _, r := range i.readers {
		if r.in {
			n++
		}
	}
	return n
}

// oldestStranger is the reader that waits longest at the password, if as many do as
// may. The caller holds the lock.
func (d door) oldestStranger() *reader {
	if len(d.readers)-d.inside() < mostStrangers {
		return nil
	}
	at := slices.IndexFunc(d.readers, func(r *reader) bool { return !r.in && r.cutOff() == nil })
	if at < 0 {
		return nil
	}
	return d.readers[at]
}

// serve serves a reader from its password to its end.
func (d door) serve(r *reader) {
	var writer sync.WaitGroup
	writer.Go(r.write)
	err := d.admit(r)
	if err == nil {
		d.process.Log.Info("MANAGEMENT: Client connected from " + r.name)
		err = r.serve()
	}
	d.leave(r, err)
	close(r.done)
	writer.Wait()
	r.conn.Close()
}

// admit asks for the password, if there is one, and greets.
func (d door) admit(r *reader) error {
	if d.password != nil {
		if err := d.askPassword(r); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside() >= mostReaders {
		return errors.New("there are too many readers")
	}
	if d.password != nil {
		r.say("SUCCESS: password is correct")
	}
	r.in = true
	r.say(banner())
	for _, s := range d.standing {
		r.say(s.line(r.version))
	}
	return nil
}

// leave takes a reader out, and does what is asked for when the last one has gone.
func (d door) leave(r *reader, err error) {
	r.count.stop()
	d.mu.Lock()
	was := r.in
	r.in = false
	d.readers = slices.DeleteFunc(d.readers, func(other *reader) bool { return other == r })
	last, closing := was && d.inside() == 0, d.closed
	d.mu.Unlock()
	switch {
	case closing:
		return
	case r.cutOff() != nil:
		d.process.Log.Warn("MANAGEMENT: Client cut off", "from", r.name, "error", r.cutOff())
	case errors.Is(err, errPassword):
		d.process.Log.Warn("MANAGEMENT: Client refused: "+err.Error(), "from", r.name)
	case was:
		d.process.Log.Info("MANAGEMENT: Client disconnected", "from", r.name)
	}
	if last && d.cfg.ForgetDisconnect {
		forget(d.Interface)
	}
	if last && d.cfg.Signal && !d.cfg.Client {
		d.process.Log.Info("connecting anew, since the last management reader disconnected (management-signal)")
		d.process.Signal("SIGUSR1")
	}
}

// Close ends the interface, and tells readers that the process ends; err is why, nil if
// that was wanted. What is queued for readers is sent first, for a second at most.
func (i *Interface) Close(err error) {
	if i == nil {
		return
	}
	i.mu.Lock()
	exiting, why := i.course.last == stateExiting, i.course.exiting()
	i.mu.Unlock()
	switch { // as with OpenVPN, it is one or the other
	case exiting:
	case err != nil:
		i.Fatal(err.Error())
	default:
		i.State(plainState(stateExiting, why))
	}
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return
	}
	i.closed = true
	readers := slices.Clone(i.readers)
	if i.listener != nil {
		i.listener.Close()
	}
	i.mu.Unlock()
	i.stop()
	end := time.Now().Add(time.Second)
	for _, r := range readers {
		r.conn.SetReadDeadline(time.Now())
		r.conn.SetWriteDeadline(end)
	}
	i.working.Wait()
	Forget(i.cfg)
}
