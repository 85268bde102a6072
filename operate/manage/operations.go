package manage

import (
	"context"
	"net/http"
	"time"

	"culvert/operate/backend"
	"culvert/operate/manage/api"
)

// The paths of this package's operations, with what they answer.
const (
	ProcessPath = "/v1/process" // Process
	StatusPath  = "/v1/status"  // Status
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

// Add adds the operations of a back end whose adapter is open.
func Add(a *api.API, b backend.Backend) {
	api.Add(a, api.Op{Method: http.MethodGet, Path: StatusPath, Group: "status", Scope: api.Read, Summary: "The tunnel now: peers, drops, lists"},
		func(context.Context, *api.None) (*Status, error) { return statusOf(b), nil })
}

// unnamed is a caller on the socket whose user is not known.
const unnamed = "this machine"
