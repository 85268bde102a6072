package server

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"culvert/internal/printable"
	"culvert/role/server/admission"
	"culvert/session/negotiate"
)

// reporter passes events on, to the log first.
func reporter(l *slog.Logger, next func(Event)) func(Event) {
	return func(e Event) {
		e.log(l)
		if next != nil {
			next(e)
		}
	}
}

func (Entering) log(*slog.Logger) {}

func (e LoginPending) log(l *slog.Logger) {
	l.Info("login goes on", "client", e.Name, "timeout", e.Timeout)
}

func (e LoginRefused) log(l *slog.Logger) {
	user := printable.Name(e.User)
	if e.Err != nil {
		l.Error("a login could not be checked and is refused", "client", e.Name, "user", user, "error", e.Err)
		return
	}
	about := []any{"client", e.Name, "user", user, "address", e.Remote}
	switch {
	case negotiate.IsChallenge(e.Reason):
		about = append(about, "reason", "a challenge")
	case e.Reason != "":
		about = append(about, "reason", printable.Name(e.Reason))
	}
	l.Warn("login refused", about...)
}

func (e KeyRefused) log(l *slog.Logger) {
	l.Warn("client refused before TLS", "address", e.Remote, "reason", e.Err)
}

func (e Refused) log(l *slog.Logger) {
	var settings *admission.SettingsError
	switch {
	case errors.As(e.Cause, &settings) && settings.Err != nil:
		l.Error(settings.Text, "client", e.Name, "error", settings.Err)
	case e.Cause != nil:
		l.Warn(e.Cause.Error(), "client", e.Name)
	}
	l.Warn("client refused", "client", e.Name, "address", e.Remote, "reason", e.Reason)
}

func (e Up) log(l *slog.Logger) {
	l.Info("Control Channel: "+e.TLS, "client", e.Name)
	l.Info("Data Channel: "+e.Data, "client", e.Name, "peer-id", e.PeerID)
	l.Info("client connected", "client", e.Name, "address", e.Remote, "ipv4", e.IPv4, "ipv6", e.IPv6, "agent", e.Agent)
}

func (e Certified) log(l *slog.Logger) {
	l.Info("client has its next certificate, by its session", "client", e.Name, "serial", e.Next, "valid until", e.Ends.UTC().Format(time.DateOnly), "before it", e.Serial)
}

// log writes nothing: whoever looks after the certificates has logged it.
func (CertificateEnding) log(*slog.Logger) {}

func (e Renewed) log(l *slog.Logger) {
	l.Info("Control Channel: "+e.TLS, "client", e.Name)
	l.Info("keys renewed", "client", e.Name, "key", e.Key)
}

func (e RenewalFailed) log(l *slog.Logger) {
	l.Warn("renewing keys failed, the old ones stay in use; it will be tried again", "client", e.Name, "error", e.Err)
}

func (e Moved) log(l *slog.Logger) {
	l.Info("client floated", "client", e.Name, "from", e.From, "to", e.Remote)
}

func (e MoveRefused) log(l *slog.Logger) {
	l.Warn("client seems to have moved to the address of another client; ignored", "client", e.Name, "address", e.To)
}

func (e Idle) log(l *slog.Logger) {
	l.Info("client is cut off because it carries less than `inactive` asks for", "client", e.Name)
}

func (e Expired) log(l *slog.Logger) {
	l.Info("client is sent away because its session has lasted as long as `session-timeout` allows", "client", e.Name)
}

// backAfter is how long a client is silent, at the usual keepalive, that comes back after
// it lost its way.
const backAfter = 25 * time.Second

func (e Replaced) log(l *slog.Logger) {
	if e.Silent >= backAfter {
		l.Info("client is back from another address, after it was silent; its session before is over", "client", e.Name, "from", e.Remote, "now", e.By, "silent", e.Silent.Round(time.Second))
		return
	}
	if e.Again {
		l.Info("client is cut off again by another one of its name", "client", e.Name, "from", e.Remote, "now", e.By)
		return
	}
	l.Warn(fmt.Sprintf("%s is connected from %v, and now from %v: the same profile on two devices? The connection before is cut off; give each device a profile of its own, or allow it with `duplicate-cn`", printable.Name(e.Name), e.Remote, e.By))
}

func (e AddressClaimed) log(l *slog.Logger) {
	l.Warn("a client is cut off because its address is another client's own", "client", e.Name, "address", e.Address, "owner", e.Owner)
}

func (e ShutOut) log(l *slog.Logger) {
	l.Warn("client is shut out", "client", e.Name, "address", e.Remote, "reason", e.Err)
}

func (e Disconnected) log(l *slog.Logger) {
	l.Info("client is disconnected by the operator", "client", e.Name, "address", e.Remote, "told", printable.Name(e.Message))
}

func (e Ended) log(l *slog.Logger) {
	switch e.How {
	case Dismissed:
		l.Info("client's session ended", "client", e.Name, "address", e.Remote)
	case Left:
		l.Info("client left", "client", e.Name, "address", e.Remote)
	case Lost:
		l.Warn("client lost", "client", e.Name, "address", e.Remote, "reason", e.Err)
	}
}

func (e Stuck) log(l *slog.Logger) {
	l.Warn("a client is stuck: "+e.Stage, "address", e.Remote)
}

func (e StuckMore) log(l *slog.Logger) {
	l.Warn("more clients are stuck in their handshake, or only measured the way, beside those named above", "how-many", e.Count)
}

func (e Remark) log(l *slog.Logger) { l.Warn(e.Text, "client", e.Name) }

func (e Overdue) log(l *slog.Logger) {
	about := []any{"client", e.Name, "address", e.Remote}
	if e.Times > 1 {
		about = append(about, "times", e.Times)
	}
	l.Warn(e.Err.Error(), about...)
}

func (e Message) log(l *slog.Logger) {
	l.Debug("control message ignored", "client", e.Name, "message", e.Text)
}

func (e BadMAC) log(l *slog.Logger) {
	l.Warn("frames from a MAC address that belongs to another station are dropped: to the server's adapter, to a station behind another client, or to none that this client may use (own-mac-only); "+
		"either two stations have the same address, or the client sends back what it receives, as two bridges between the same networks do",
		"client", e.Name, "address", e.MAC)
}

func (e Learned) log(l *slog.Logger) {
	if e.Refused != nil {
		l.Warn("an address of a client is not used", "client", e.Name, "address", e.Address, "reason", e.Refused)
	}
}

func (e StationMoved) log(l *slog.Logger) {
	l.Info("a MAC address moved", "address", e.Station, "from", e.From, "to", e.To)
}

func (e StationReturned) log(l *slog.Logger) {
	l.Warn("a station has its MAC address back, which a client had taken: "+
		"two stations have the same address, or one poses as the other; `own-mac-only` keeps clients to their own",
		"address", e.Station, "station of", e.To, "taken by", e.From)
}

func (e Failed) log(l *slog.Logger) {
	if e.Times == 1 {
		l.Warn("a client did not get in", "address", e.From, "reason", e.Err)
		return
	}
	l.Warn("a client still does not get in, for a reason given above", "address", e.From, "times", e.Times, "reason", printable.Brief(e.Err.Error()))
}

func (e FailedMore) log(l *slog.Logger) {
	l.Warn("more clients did not get in, beside those named above", "how-many", e.Count)
}

func (e Displaced) log(l *slog.Logger) {
	l.Warn("clients in their handshake had to make room for newcomers, because too many sessions were begun and not continued; "+
		"connect-freq limits how many may begin", "how-many", e.Count, "room", e.Room)
}

func (e Postponed) log(l *slog.Logger) {
	l.Warn("clients have to try again, because more began a session than connect-freq allows", "how-many", e.Count,
		"limit", e.Limit, "in", e.In)
}

func (e Unanswered) log(l *slog.Logger) {
	l.Warn("first packets are dropped, because more came than connect-freq-initial allows; those of clients that prove their address do not count",
		"how-many", e.Count, "limit", e.Limit, "in", e.In)
}

func (e Stray) log(l *slog.Logger) {
	l.Warn("a packet that opens no session was dropped", "from", e.From, "error", e.Err, "diagnosis", e.Diagnosis)
}

func (e Unreached) log(l *slog.Logger) {
	if e.Times == 1 {
		l.Info("somebody's reset was answered, and nothing came after it: it only measured the way or looked whether a server is here; "+
			"or it is a client, and its larger packet that comes then does not reach this server: look for a path that drops large packets (try max-packet-size 600 there), "+
			"and for a firewall that passes the first packet alone", "address", e.From)
		return
	}
	l.Warn("a client is stuck: its reset was answered, and nothing came after it: the answer does not reach it, or the larger packet that it sends then does not reach this server; "+
		"look for a firewall or NAT that passes packets in one direction only, for answers that leave by another way or address than the one that was asked (`multihome`, `local`), "+
		"and for a path that drops large packets (try max-packet-size 600 there)", "address", e.From, "answered", e.Times)
}

func (e Flooded) log(l *slog.Logger) {
	l.Warn("packets of newcomers are dropped", "from", e.From, "reason", e.Err)
}

func (e Silent) log(l *slog.Logger) {
	l.Warn("a TCP connection opened no session and was closed", "from", e.From, "reason", e.Err)
}

func (Restarting) log(l *slog.Logger) {
	l.Info("restarting: all clients will connect again (SIGUSR1)")
}

func (e PushChanged) log(l *slog.Logger) {
	l.Info("push update", "options", strings.Join(e.Options, ", "),
		"told", len(e.Told), "unable", len(e.Unable), "missing", len(e.Missing))
}
