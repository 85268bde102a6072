package event

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"culvert/internal/printable"
)

// Words are what differs between the lines of the two roles.
type Words struct {
	Other    string // whom the tunnel leads to: "the server"
	OtherKey string // the key of its address: "server"
	Looped   string // what to say about packets to its outer address
}

// Log writes events as lines of a log. It is safe for concurrent use.
type Log struct {
	to    *slog.Logger
	words Words

	mu         sync.Mutex
	complaints complaints
	delays     delays
	missing    string // what could not be set up on this host, as it was said last
}

// NewLog is a reader that writes to a log.
func NewLog(to *slog.Logger, words Words) *Log { return &Log{to: to, words: words} }

// Read takes an event.
func (l *Log) Read(e Event) {
	switch e := e.(type) {
	case Listening:
		l.to.Info("waiting for "+l.words.Other, "listening", e.Addr, "adapter", e.Adapter)
	case Connecting:
		l.to.Info("connecting", "remote", e.Remote)
	case AwaitingKey:
		l.to.Info("waiting for "+l.words.Other+", which brings the key (tls-crypt-v2)", "remote", e.Remote)
	case Delayed:
		l.delayed(e)
	case Secured:
		l.secured(e)
	case Up:
		l.up(e)
	case Renewed:
		l.to.Info("Control Channel: " + e.TLS)
		l.to.Info("keys renewed", "key", e.Key)
	case RenewalFailed:
		l.to.Warn("renewing keys failed, the old ones stay in use; it will be tried again", "error", e.Err)
	case Configured:
		l.configured(e)
	case Pushed, PushUpdated:
		l.push(e)
	case LoginAsked, LoginFailed, LoginPending, TokenGiven:
		l.login(e)
	case Reconnecting:
		l.reconnecting(e)
	case Ended:
		if e.Asked {
			l.to.Warn("ending, as the configuration asks", "reason", e.Err)
		}
	default:
		l.read(e)
	}
}

// read takes the rarer ones.
func (l *Log) read(e Event) {
	switch e := e.(type) {
	case Moved:
		l.to.Info(l.words.Other+" moved", "from", e.From, "to", e.To)
	case Moving:
		l.to.Info("moving to another connection, beside the present one", "remote", e.Remote, "why", e.Why)
	case Portal:
		l.to.Warn("this network has a captive portal, which lets nothing out before you have logged in there: open this page in a browser: "+printable.Name(e.URL), "remote", e.Remote)
	case Silent:
		l.silent(e)
	case Woke:
		l.to.Info("this host was asleep, or this process stopped: is the connection still there?", "slept", e.Slept.Round(time.Second))
	case Stayed:
		l.to.Warn("not moved: the present connection goes on", "remote", e.Remote, "reason", e.Err)
	case Left:
		l.to.Info(l.words.Other+" left", "remote", e.Remote)
	case Lost:
		l.to.Warn("connection lost", "remote", e.Remote, "reason", e.Err)
	case Replaced:
		l.to.Info(l.words.Other+" began anew; the session before is over", "reason", e.Err)
	case Failed:
		l.to.Warn("no connection", "remote", e.Remote, "reason", e.Err)
	case MoreFailed:
		l.to.Warn("more connections did not come up, beside those named above", "how-many", e.N)
	case Stranger:
		l.to.Warn(e.Text, "from", e.From, "reason", e.Err)
	case Revoked:
		l.to.Warn(l.words.Other+" is shut out", "remote", e.Remote, "reason", e.Err)
	case Looped:
		l.to.Warn(l.words.Looped, l.words.OtherKey, e.Addr)
	case Message:
		l.to.Info("message from "+l.words.Other, "text", e.Text)
	case Remark:
		if e.Err != nil {
			l.to.Warn(e.Text, "error", e.Err)
			return
		}
		l.to.Warn(e.Text)
	}
}

func (l *Log) silent(e Silent) {
	text := "connected, but nothing comes from the server: packets leave this host, so the network behind it, a firewall or the server is to blame; it is asked again and again, and called anew"
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	l.to.Warn(text, "remote", e.Remote, "for", e.For.Round(time.Second))
}

func (l *Log) secured(e Secured) {
	if e.TLS == "" {
		l.to.Info("Data Channel: "+e.Data, "key", "static")
		return
	}
	l.to.Info("Control Channel: " + e.TLS)
	l.to.Info("Data Channel: "+e.Data, "peer-id", e.PeerID)
}

func (l *Log) up(e Up) {
	l.mu.Lock()
	l.delays = delays{}
	missing := l.missing
	l.mu.Unlock()
	level, text := Completed(missing)
	l.to.Log(context.Background(), level, text, "adapter", e.Adapter, l.words.OtherKey, e.Remote, "ipv4", orNone(e.IPv4), "ipv6", orNone(e.IPv6))
}

// Completed is the level and the text of the line that says that all is up, of which
// what is missing on this host was said before; "" for nothing.
func Completed(missing string) (slog.Level, string) {
	const text = "Initialization Sequence Completed"
	if missing == "" {
		return slog.LevelInfo, text
	}
	what, _, _ := strings.Cut(missing, ":")
	return slog.LevelWarn, text + ", but not all is as it should be: " + what + " (said above)"
}

func orNone(a netip.Addr) string {
	if !a.IsValid() {
		return "none"
	}
	return a.String()
}

func (l *Log) configured(e Configured) {
	for _, change := range e.Changes {
		l.to.Debug("this host: " + change)
	}
	missing := ""
	if e.Partial != nil {
		missing = e.Partial.Error()
	}
	l.mu.Lock()
	known := missing == l.missing
	l.missing = missing
	l.mu.Unlock()
	if e.Partial != nil && !known {
		l.to.Warn("not everything could be set up on this host", "problem", e.Partial)
	}
}

func (l *Log) push(e Event) {
	switch e := e.(type) {
	case Pushed:
		for _, option := range e.Ignored {
			l.to.Warn("pushed option: ignored: " + option)
		}
	case PushUpdated:
		for _, option := range e.Skipped {
			l.to.Info("change passed over", "option", option)
		}
		l.to.Info(l.words.Other+" changed what it pushed", "change", strings.Join(e.Options, ", "), "ipv4", orNone(e.IPv4), "ipv6", orNone(e.IPv6))
	}
}

func (l *Log) login(e Event) {
	switch e := e.(type) {
	case LoginPending:
		l.to.Info(l.words.Other+" is still checking the login", "timeout", e.Timeout)
	case TokenGiven:
		l.to.Debug(l.words.Other + " gave a token in place of the password")
	case LoginFailed:
		l.to.Error(e.Text, "error", e.Err)
	case LoginAsked:
		switch {
		case e.URL != "":
			l.to.Warn("to log in, open this page in a browser: " + e.URL)
		case e.Question != "" && !e.Answer:
			l.to.Warn(l.words.Other + " says: " + e.Question)
		case e.Question == "":
			l.to.Warn(l.words.Other+" asks for a step of the login that is not known here", "text", e.Text)
		}
	}
}

func (l *Log) reconnecting(e Reconnecting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Failures == 0 {
		l.complaints = nil
	}
	if e.Err != nil {
		l.complaints.tell(l.to, time.Now(), l.delays.saidBefore(e.Err), e.Wait)
	}
}

// delayed says how far a handshake came. It repeats itself only as often as delays
// allows.
func (l *Log) delayed(e Delayed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	level := slog.LevelDebug
	if l.delays.due(time.Now(), e.Stage) {
		level = slog.LevelWarn
	}
	text := "still connecting: " + e.Stage
	if e.Clock != "" {
		text += "; " + e.Clock
	}
	l.to.Log(context.Background(), level, text, "remote", e.Remote)
}

// delays decides when to say again where handshakes stop: after ten minutes, and
// then twice as late each time, up to once a day. The zero value has said nothing.
type delays struct {
	stage string
	gap   time.Duration
	next  time.Time
}

const (
	firstDelayGap = 10 * time.Minute
	maxDelayGap   = 24 * time.Hour
)

// saidBefore leaves out of an error the stage that was said last.
func (d *delays) saidBefore(why error) error {
	text := why.Error()
	if d.stage == "" || !strings.Contains(text, d.stage) {
		return why
	}
	return errors.New(strings.Replace(text, d.stage, "it stopped where is said above", 1))
}

// due reports whether to say a stage now.
func (d *delays) due(now time.Time, stage string) bool {
	if stage != d.stage {
		*d = delays{stage: stage, gap: firstDelayGap, next: now.Add(firstDelayGap)}
		return true
	}
	if now.Before(d.next) {
		return false
	}
	d.gap = min(2*d.gap, maxDelayGap)
	d.next = now.Add(d.gap)
	return true
}
