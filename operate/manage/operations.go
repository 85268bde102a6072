package manage

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"culvert/operate/backend"
	"culvert/operate/manage/api"
	"culvert/operate/manage/capture"
	"culvert/operate/manage/filter"
	"culvert/operate/manage/recent"
	"culvert/operate/manage/trace"
	"culvert/role/server"
)

// The paths of this package's operations, beside those of trace and capture.
const (
	ProcessPath    = "/v1/process"           // GET: Process
	StatusPath     = "/v1/status"            // GET: Status
	SessionPath    = "/v1/sessions/{number}" // GET: Life; DELETE
	EventsPath     = "/v1/events"            // GET: a stream of backend.Event and Missed
	RatesPath      = "/v1/rates"             // GET: recent.Rates
	DropsPath      = "/v1/drops"             // GET: Drops
	ConfigPath     = "/v1/configuration"     // GET: Configuration
	RoutesPath     = "/v1/routes"            // GET: backend.Routes
	ServersPath    = "/v1/servers"           // GET: Servers
	UpdatePath     = "/v1/push-update"       // POST: a backend.Update, answered by a backend.Updated
	ReloadPath     = "/v1/reload"            // POST
	RestartPath    = "/v1/restart"           // POST
	DisconnectPath = "/v1/disconnect"        // POST
	ReconnectPath  = "/v1/reconnect"         // POST: backend.Used
	UsePath        = "/v1/use"               // POST: a Target, answered by a backend.Used
)

// Process is what a process says of itself.
type Process struct {
	Name     string     `json:"name" doc:"its name on this machine, such as server-tun0"`
	Role     string     `json:"role" doc:"server, client, p2p or hub"`
	Version  string     `json:"version" doc:"of the program"`
	Adapter  string     `json:"adapter,omitempty" doc:"the tunnel's adapter"`
	Since    time.Time  `json:"since" doc:"when it was opened"`
	PID      int        `json:"pid" doc:"the process's number"`
	Features []string   `json:"features" nullable:"false" doc:"the groups of operations that it has"`
	Me       api.Caller `json:"me" doc:"who asks"`
}

// Session is a peer of the process, with its number.
type Session struct {
	Number uint64 `json:"number" doc:"this session's alone while the process runs; 0 but with a server"`
	backend.Peer
}

// Status is a backend.Status with the numbers of sessions.
type Status struct {
	backend.Status
	Peers []Session `json:"peers" nullable:"false" doc:"who is connected, or is connecting"`
}

// Life is a session and what happened to it.
type Life struct {
	Session Session         `json:"session" doc:"as it is now"`
	Life    []backend.Event `json:"life" nullable:"false" doc:"what happened to it, its first events and its latest"`
	Omitted uint64          `json:"omitted,omitempty" doc:"how many events between them are not kept"`
}

// Drops are the packets that were dropped.
type Drops struct {
	Drops  []Drop `json:"drops" nullable:"false" doc:"by reason, the most first"`
	Marked uint64 `json:"marked" doc:"packets that were marked for congestion (ECN) instead"`
}

// Drop is how many packets were dropped for a reason.
type Drop struct {
	Reason  string `json:"reason" doc:"why, as culvert trace says"`
	Packets uint64 `json:"packets" doc:"how many"`
}

// Servers is the table of a client's servers.
type Servers struct {
	Servers []backend.Measured `json:"servers" nullable:"false" doc:"in the order of the configuration"`
}

// Target is where a client is to go.
type Target struct {
	Remote string `json:"remote" minLength:"1" maxLength:"300" doc:"a remote of its configuration: its number from 1, its host, or HOST:PORT"`
}

// statusOf is a back end's status with numbers.
func statusOf(b backend.Backend) *Status {
	s := &Status{Status: b.Status(), Peers: []Session{}}
	for _, p := range s.Status.Peers {
		s.Peers = append(s.Peers, Session{p.Number, p})
	}
	return s
}

// plain is the status as a back end has it.
func (s Status) plain() backend.Status {
	plain := s.Status
	for _, p := range s.Peers {
		p.Peer.Number = p.Number
		plain.Peers = append(plain.Peers, p.Peer)
	}
	return plain
}

// unnamed is a caller on the socket whose user is not known.
const unnamed = "this machine"

// AddProcess adds the operation by which a process says what it is.
func AddProcess(a *api.API, process func() Process) {
	api.Add(a, api.Op{Method: http.MethodGet, Path: ProcessPath, Group: "process", Scope: api.Read, Summary: "What this process is, and who asks"},
		func(ctx context.Context, _ *api.None) (*Process, error) {
			p := process()
			p.Me, _ = api.CallerOf(ctx)
			p.Features = a.Groups()
			return &p, nil
		})
}

// Add adds the operations of a back end whose adapter is open, and of what is kept of it.
func Add(a *api.API, b backend.Backend, kept *recent.Recent) {
	status, packets, kind := b.Status(), b.Packets(), filter.IP
	if packets.Ethernet {
		kind = filter.Ethernet
	}
	addStatus(a, b, kept)
	addConfiguration(a, b)
	addSessions(a, b, kept)
	addEvents(a, kept)
	addSteering(a, b)
	trace.Add(a, packets.Eyes, status.Adapter, kind)
	capture.Add(a, capture.Road(packets.Eyes, status.Role, status.Adapter, kind))
}

func addStatus(a *api.API, b backend.Backend, kept *recent.Recent) {
	get := func(path, group, summary string, errs ...api.Kind) api.Op {
		return api.Op{Method: http.MethodGet, Path: path, Group: group, Scope: api.Read, Summary: summary, Errors: errs}
	}
	api.Add(a, get(StatusPath, "status", "The tunnel now: peers, drops, lists"),
		func(context.Context, *api.None) (*Status, error) { return statusOf(b), nil })
	api.Add(a, get(RatesPath, "status", "Bytes and sessions of the last 15 minutes, by the second"),
		func(context.Context, *api.None) (*recent.Rates, error) { return new(kept.Rates()), nil })
	api.Add(a, get(DropsPath, "status", "Packets that were dropped, by reason"), func(context.Context, *api.None) (*Drops, error) {
		s := b.Status()
		d := &Drops{Drops: []Drop{}, Marked: s.Marked}
		for reason, n := range s.Drops {
			d.Drops = append(d.Drops, Drop{reason, n})
		}
		slices.SortFunc(d.Drops, func(x, y Drop) int {
			if x.Packets != y.Packets {
				return int(min(y.Packets, 1<<62)) - int(min(x.Packets, 1<<62))
			}
			return strings.Compare(x.Reason, y.Reason)
		})
		return d, nil
	})
	api.Add(a, get(ServersPath, "servers", "A client's servers, as measured", api.Unsupported), func(context.Context, *api.None) (*Servers, error) {
		m, measures := b.(backend.Measurer)
		if !measures {
			return nil, api.Unsupported.Error("this process is no client, so it has no servers to choose from", "")
		}
		rows, err := m.Servers()
		if err != nil {
			return nil, api.Unsupported.Error(err.Error(), "")
		}
		return &Servers{rows}, nil
	})
}

// byNumber asks for a session.
type byNumber struct {
	Number uint64 `path:"number" doc:"the session's number"`
}

// sendAway asks for a session's end.
type sendAway struct {
	Number  uint64 `path:"number" doc:"the session's number"`
	Message string `query:"message" maxLength:"900" doc:"what the client is told: RESTART, to connect anew (default), or HALT,reason, to stay away"`
}

func addSessions(a *api.API, b backend.Backend, kept *recent.Recent) {
	api.Add(a, api.Op{Method: http.MethodGet, Path: SessionPath, Group: "sessions", Scope: api.Read, Summary: "A session, and what happened to it", Errors: []api.Kind{api.NotFound}},
		func(_ context.Context, in *byNumber) (*Life, error) {
			peers := b.Peers()
			at := slices.IndexFunc(peers, func(p backend.Peer) bool { return p.Number == in.Number })
			if at < 0 {
				return nil, api.NotFound.Error("there is no session of this number now", "GET "+StatusPath+" has those there are")
			}
			l := &Life{Session: Session{in.Number, peers[at]}, Life: []backend.Event{}}
			if list, omitted, known := kept.Life(in.Number); known {
				l.Life, l.Omitted = list, omitted
			}
			return l, nil
		})
	api.Add(a, api.Op{Method: http.MethodDelete, Path: SessionPath, Group: "sessions", Scope: api.Operate, Summary: "Send a client of a server away", Errors: []api.Kind{api.NotFound, api.Unsupported}},
		func(_ context.Context, in *sendAway) (*api.None, error) {
			switch err := b.Disconnect(in.Number, in.Message); {
			case errors.Is(err, server.ErrNoClient):
				return nil, api.NotFound.Error(err.Error(), "GET "+StatusPath+" has those there are")
			case errors.Is(err, backend.ErrUnsupported):
				return nil, api.Unsupported.Error(err.Error(), "")
			case err != nil:
				return nil, api.BadRequest.Error(err.Error(), "")
			}
			return nil, nil
		})
}
