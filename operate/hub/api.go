package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"culvert/nic/frame"
	"culvert/nic/hub"
	"culvert/nic/tuntap"
	"culvert/operate/manage"
	"culvert/operate/manage/capture"
)

// Status is a hub as `culvert hub list --json` shows it.
type Status struct {
	Hub   string       `json:"hub"`
	Ports []PortStatus `json:"ports"`
}

// PortStatus is the state of one port. In counts what came from the adapter into
// the hub.
type PortStatus struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"` // tap or null; for the uplink, physical or tunnel
	Uplink    bool              `json:"uplink"`
	State     string            `json:"state"` // up, down or blocked
	Reason    string            `json:"reason,omitempty"`
	MAC       string            `json:"mac,omitempty"`
	OwnMAC    bool              `json:"own_mac_only,omitempty"`
	VLAN      uint16            `json:"vlan,omitempty"`
	MTU       int               `json:"mtu"`
	Netns     string            `json:"netns,omitempty"`
	InFrames  uint64            `json:"in_frames"`
	InBytes   uint64            `json:"in_bytes"`
	OutFrames uint64            `json:"out_frames"`
	OutBytes  uint64            `json:"out_bytes"`
	Drops     map[string]uint64 `json:"drops,omitempty"` // by reason
}

// Status returns the present state of the hub.
func (s *Switch) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Hub: s.name, Ports: []PortStatus{}}
	for _, p := range s.hub.Ports() {
		state, reason := p.State()
		line := PortStatus{
			Name: p.Name(), Type: string(s.kind), Uplink: p.Uplink(), State: state.String(), Reason: reason, VLAN: p.VLAN(), MTU: p.MTU(), OwnMAC: p.OwnMAC(),
			InFrames: p.InFrames.Load(), InBytes: p.InBytes.Load(), OutFrames: p.OutFrames.Load(), OutBytes: p.OutBytes.Load(), Drops: drops(p),
		}
		if mac := p.MAC(); mac != (frame.MAC{}) {
			line.MAC = mac.String()
		}
		if a := s.adapters[p]; a != nil {
			line.Type, line.Netns = string(a.spec.Type), a.spec.Netns
		}
		status.Ports = append(status.Ports, line)
	}
	return status
}

// drops returns a port's drops, together with those at its device, before the hub
// saw the frames.
func drops(p *hub.Port) map[string]uint64 {
	all := p.Drops()
	if d, ok := p.NIC().(tuntap.Counting); ok {
		stats := d.Stats()
		for reason, n := range map[hub.Drop]uint64{hub.Oversize: stats.Oversize, hub.Malformed: stats.Malformed} {
			if n > 0 {
				all[reason.String()] += n
			}
		}
		if stats.Overflow > 0 {
			all[tuntap.QueueFull] = stats.Overflow
		}
	}
	return all
}

// Table writes the status as a table.
func (s Status) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PORT\tTYPE\tSTATE\tMAC\tVLAN\tMTU\tNETNS\tIN\tOUT\tDROPPED")
	for _, p := range s.Ports {
		vlan := "-"
		if p.VLAN != 0 {
			vlan = fmt.Sprint(p.VLAN)
		}
		kind := p.Type
		if p.Uplink {
			kind += ", uplink"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%d\t%d\t%s\n", p.Name, kind, p.State, dash(p.MAC), vlan, p.MTU, dash(p.Netns),
			p.InFrames, p.OutFrames, dash(reasons(p.Drops)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range s.Ports {
		if p.Reason != "" {
			fmt.Fprintf(w, "%s is %s: %s\n", p.Name, p.State, p.Reason)
		}
	}
	return nil
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// reasons returns the drops in one line, in the order of their kinds.
func reasons(dropped map[string]uint64) string {
	var s []string
	for d := range hub.Drops {
		if n := dropped[d.String()]; n > 0 {
			s = append(s, fmt.Sprintf("%d %s", n, d))
		}
	}
	return strings.Join(s, ", ")
}

// Handler serves the local interface:
//
//	GET    /ports         Status
//	POST   /ports         add: {"nic": "tap1,vlan=7"}
//	PATCH  /ports/{name}  Change
//	DELETE /ports/{name}  remove
//	GET    /capture       capture.Handler
func (s *Switch) Handler() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /ports", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s.Status())
	})
	m.HandleFunc("POST /ports", answer(func(r *http.Request, add addRequest) error {
		spec, err := ParseSpec(add.NIC)
		if err != nil {
			return err
		}
		return s.Add(spec)
	}))
	m.HandleFunc("PATCH /ports/{name}", answer(func(r *http.Request, c Change) error {
		return s.Change(r.PathValue("name"), c)
	}))
	m.HandleFunc("DELETE /ports/{name}", answer(func(r *http.Request, _ struct{}) error {
		return s.Remove(r.PathValue("name"))
	}))
	m.Handle("GET "+capture.Path, capture.Handler(s.source))
	return m
}

type addRequest struct {
	NIC string `json:"nic"`
}

// maxRequest is the limit for a request's body in bytes.
const maxRequest = 1 << 16

// answer handles a request: it reads the body, if there is one, and calls do.
func answer[T any](do func(r *http.Request, body T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body T
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&body)
		if err == nil || err == io.EOF {
			err = do(r, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// Client talks to a hub that runs on this machine.
type Client struct{ *manage.Client }

// Dial finds a running hub by name; "" is the only hub there is. dir is as in
// Options.
func Dial(dir, name string) (Client, error) {
	if dir == "" {
		dir = manage.DefaultDir()
	}
	if name != "" {
		name = socketPrefix + strings.TrimPrefix(name, socketPrefix)
	}
	c, err := manage.Dial(dir, socketPrefix, name)
	if err != nil {
		return Client{}, fmt.Errorf("looking for a hub: %w", err)
	}
	return Client{c}, nil
}

// Status returns the state of the hub.
func (c Client) Status(ctx context.Context) (s Status, err error) {
	r, err := c.Do(ctx, http.MethodGet, "/ports", nil)
	if err != nil {
		return s, err
	}
	defer r.Close()
	return s, json.NewDecoder(r).Decode(&s)
}

// Add adds an adapter, written as for ParseSpec.
func (c Client) Add(ctx context.Context, nic string) error {
	return c.tell(ctx, http.MethodPost, "/ports", addRequest{nic})
}

// Change changes an adapter.
func (c Client) Change(ctx context.Context, name string, change Change) error {
	return c.tell(ctx, http.MethodPatch, "/ports/"+url.PathEscape(name), change)
}

// Remove removes an adapter.
func (c Client) Remove(ctx context.Context, name string) error {
	return c.tell(ctx, http.MethodDelete, "/ports/"+url.PathEscape(name), nil)
}

func (c Client) tell(ctx context.Context, method, path string, body any) error {
	r, err := c.Do(ctx, method, path, body)
	if err != nil {
		return err
	}
	return r.Close()
}
