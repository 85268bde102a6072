// Package management is OpenVPN's management protocol: lines of text over TCP or a
// Unix socket, by which other programs watch and steer a process, answer what it
// asks, and decide about the clients of a server. The protocol is described in
// OpenVPN's doc/management-notes.txt; what readers get has the form of OpenVPN's bytes.
//
// Unlike OpenVPN's, an Interface serves any number of readers at once. Each gets all
// messages. A question is answered by the first reader that does. A reader that does
// not read is cut off; nothing waits for it.
//
// An Interface lives as long as its process. The tunnel it belongs to comes and goes
// (Attach) when the configuration is read again.
package management

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/config"
	"culvert/operate/backend"
)

// Signals are what a reader can ask for, as if the process had got the signal.
var Signals = []string{"SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2"}

// Process is the process that an Interface belongs to. Its functions must not block.
type Process struct {
	// Title is the first line of `version`: OpenVPN's form, and who this is.
	Title string
	// AuthRetry returns what the configuration says about refused logins.
	AuthRetry func() config.AuthRetry
	// StatusVersion returns the format of `status` without a number.
	StatusVersion func() int
	// Signal does what the named signal of Signals asks for.
	Signal func(name string)
	// Ask asks people at the terminal for a password; nil: nobody can be asked.
	Ask func(prompt string) (string, error)
	// Verb and Mute read the log's verbosity and how many lines of a kind it repeats;
	// SetVerb and SetMute change them at once.
	Verb, Mute       func() int
	SetVerb, SetMute func(int)
	Log              *slog.Logger
}

// Interface is the management interface of a process. Make it with Open.
type Interface struct {
	cfg      config.Management
	process  Process
	password []byte // nil: none
	stop     context.CancelFunc
	ctx      context.Context
	working  sync.WaitGroup
	gate     gate

	mu      sync.Mutex
	readers []*reader
	backend backend.Backend // nil between two tunnels
	closed  bool
	// listener is nil with management-client, and while there is no tunnel to listen
	// in. inner is the tunnel's address that it is at.
	listener net.Listener
	inner    netip.Addr
	states   history
	echoes   history
	log      history
	// standing are questions and states that a reader who comes later must see, too:
	// >HOLD, >PASSWORD:Need and others, by their kind, the oldest first.
	standing []standing
	hold     hold
	clients  clients
	asks     asks
	course   course
}

// standing is a message that holds until it is answered. line is its text for readers
// of a version of the protocol.
type standing struct {
	kind string
	line func(version int) string
}

// newInterface makes an interface that nobody can connect to yet.
func newInterface(cfg config.Management, p Process) *Interface {
	ctx, stop := context.WithCancel(context.Background())
	i := &Interface{cfg: cfg, process: p, ctx: ctx, stop: stop}
	i.states.most, i.echoes.most, i.log.most = mostStates, mostEchoes, defaultLog
	if cfg.LogCache > 0 {
		i.log.most = cfg.LogCache
	}
	i.hold.flag = cfg.Hold
	i.clients.pending, i.clients.known = map[key]*pending{}, map[uint64]bool{}
	i.asks = newAsks()
	return i
}

// Attach makes b the tunnel that readers see, until detach is called.
func (i *Interface) Attach(b backend.Backend) (detach func()) {
	if i == nil {
		return func() {}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.backend = b
	i.asks.attached(b)
	i.course.reloading = false
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.backend == b {
			i.backend = nil
		}
	}
}

// tunnel returns the tunnel at work; nil for none.
func (i *Interface) tunnel() backend.Backend {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.backend
}

// Reloading says that the process starts over with its configuration: the end of the
// tunnel that follows is not the process's.
func (i *Interface) Reloading() {
	if i == nil {
		return
	}
	i.mu.Lock()
	i.course.reloading = true
	i.mu.Unlock()
	if b := i.tunnel(); b != nil && b.Status().Role == "server" { // which reports no end
		i.State(plainState(stateReconnecting, "SIGHUP"))
	}
}

// Broadcast sends lines to every reader, together: nothing of another message comes
// between them. Line ends within a line become spaces, so that no peer's words can
// pass for a message.
func (i *Interface) Broadcast(lines ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.broadcast(nil, lines...)
}

// broadcast is Broadcast for the readers that wish to have it; nil: for all. The
// caller holds the lock.
func (i *Interface) broadcast(wishes func(*reader) bool, lines ...string) {
	text := joined(lines)
	for _, r := range i.readers {
		if r.in && (wishes == nil || wishes(r)) {
			r.push(text)
		}
	}
}

// joined are lines as they are sent.
func joined(lines []string) []byte {
	var b []byte
	for _, line := range lines {
		b = append(append(b, oneLine(line)...), "\r\n"...)
	}
	return b
}

// oneLine makes the text of a line harmless where it has line ends or NUL.
func oneLine(text string) string {
	if !strings.ContainsAny(text, "\r\n\x00") {
		return text
	}
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, text)
}

// stand sends a message to every reader, and to those who come until it is withdrawn
// or another of its kind is sent. line is its text for the reader's version.
func stand(i *Interface, kind string, line func(version int) string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.standing = append(without(i.standing, kind), standing{kind, line})
	for _, r := range i.readers {
		if r.in {
			r.say(line(r.version))
		}
	}
}

// withdraw takes back a standing message.
func withdraw(i *Interface, kind string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.standing = without(i.standing, kind)
}

func without(all []standing, kind string) []standing {
	return slices.DeleteFunc(slices.Clone(all), func(s standing) bool { return s.kind == kind })
}

// State reports a state of the tunnel to readers (>STATE) and keeps it for later. text
// is what follows the time: the name and its fields.
func (i *Interface) State(text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	line := stamped(time.Now(), oneLine(text))
	i.states.add(line)
	i.broadcast(func(r *reader) bool { return r.states }, ">STATE:"+line)
}

// Echo reports an `echo` directive to readers (>ECHO) and keeps it for later.
func (i *Interface) Echo(text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	line := stamped(time.Now(), oneLine(text))
	i.echoes.add(line)
	i.broadcast(func(r *reader) bool { return r.echoes }, ">ECHO:"+line)
}

// LogLine reports a line of the log to readers (>LOG) and keeps it for later. flags
// are OpenVPN's: I, N, W, F, D, or none.
func (i *Interface) LogLine(when time.Time, flags, text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	line := stamped(when, flags+","+oneLine(text))
	i.log.add(line)
	i.broadcast(func(r *reader) bool { return r.logs }, ">LOG:"+line)
}

// Fatal tells readers why the process ends (>FATAL).
func (i *Interface) Fatal(text string) { i.Broadcast(">FATAL:" + text) }
