package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"culvert/internal/version"
	"culvert/nic/frame"
	"culvert/nic/hub"
	"culvert/nic/tuntap"
	"culvert/operate/manage"
	"culvert/operate/manage/api"
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

// PortsPath is where a hub's ports are.
const PortsPath = "/v1/ports"

// newPort asks for a port.
type newPort struct{ Body addRequest }

type addRequest struct {
	NIC string `json:"nic" maxLength:"1024" doc:"the adapter, as culvert hub add takes it, such as tap1,vlan=7"`
}

// byName asks for a port of a name.
type byName struct {
	Name string `path:"name" doc:"the port's name"`
}

// changePort asks for a change of a port.
type changePort struct {
	Name string `path:"name" doc:"the port's name"`
	Body Change
}

// Handler serves the local interface.
func (s *Switch) Handler() http.Handler { return s.operations().Handler() }

// operations are what a hub can be asked for.
func (s *Switch) operations() *api.API {
	a := api.New(api.Options{Version: version.Current().Version, Log: s.log})
	began := time.Now()
	manage.AddProcess(a, func() manage.Process {
		return manage.Process{Name: socketPrefix + s.name, Role: "hub", Version: version.Current().Version, Since: began, PID: os.Getpid()}
	})
	op := func(method, path string, scope api.Scope, summary string, errs ...api.Kind) api.Op {
		return api.Op{Method: method, Path: path, Group: "ports", Scope: scope, Summary: summary, Errors: errs}
	}
	api.Add(a, op(http.MethodGet, PortsPath, api.Read, "A hub's ports"), func(context.Context, *api.None) (*Status, error) { return new(s.Status()), nil })
	api.Add(a, op(http.MethodPost, PortsPath, api.Administer, "Add an adapter", api.Conflict), func(_ context.Context, in *newPort) (*api.None, error) {
		spec, err := ParseSpec(in.Body.NIC)
		if err != nil {
			return nil, api.BadRequest.Error(err.Error(), "")
		}
		return nil, refused(s.Add(spec))
	})
	api.Add(a, op(http.MethodPatch, PortsPath+"/{name}", api.Administer, "Change an adapter", api.Conflict), func(_ context.Context, in *changePort) (*api.None, error) {
		return nil, refused(s.Change(in.Name, in.Body))
	})
	api.Add(a, op(http.MethodDelete, PortsPath+"/{name}", api.Administer, "Remove an adapter", api.Conflict), func(_ context.Context, in *byName) (*api.None, error) {
		return nil, refused(s.Remove(in.Name))
	})
	capture.Add(a, s.source)
	return a
}

// refused is the error of a change as an answer.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return api.Conflict.Error(err.Error(), "")
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
	r, err := c.Do(ctx, http.MethodGet, PortsPath, nil)
	if err != nil {
		return s, err
	}
	defer r.Close()
	return s, json.NewDecoder(r).Decode(&s)
}

// Add adds an adapter, written as for ParseSpec.
func (c Client) Add(ctx context.Context, nic string) error {
	return c.Tell(ctx, http.MethodPost, PortsPath, addRequest{nic})
}

// Change changes an adapter.
func (c Client) Change(ctx context.Context, name string, change Change) error {
	return c.Tell(ctx, http.MethodPatch, PortsPath+"/"+url.PathEscape(name), change)
}

// Remove removes an adapter.
func (c Client) Remove(ctx context.Context, name string) error {
	return c.Tell(ctx, http.MethodDelete, PortsPath+"/"+url.PathEscape(name), nil)
}
