// Package hub runs a hub, which is the switch of package nic/hub, in a process of
// its own. It makes the adapters that the command line asks for, opens the
// uplink, and serves the local interface that lists, adds, changes and removes
// adapters while the hub runs.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"culvert/host/process"
	"culvert/nic"
	"culvert/nic/frame"
	"culvert/nic/hub"
	"culvert/operate/manage"
	"culvert/role/profile"
)

// Options say which hub to run.
type Options struct {
	// Name is the hub's name on this machine. Its adapters' addresses depend on
	// it. "": a name made from the uplink's.
	Name string
	// Uplink is a physical adapter, a client's configuration for a tunnel, or
	// "none".
	Uplink string
	// NICs are the adapters, written as for ParseSpec.
	NICs []string
	// Flood is how many frames a second a port may send to all others; 0:
	// bridge.DefaultFlood.
	Flood int
	// Dir is where the socket of the local interface goes; "": manage.DefaultDir.
	Dir string
	Log *slog.Logger
	// Ask asks the user for what the tunnel's configuration does not say.
	Ask profile.Ask
	// AllowScripts allows that configuration everything that the user would
	// otherwise be asked about (profile.Consent).
	AllowScripts bool
}

const none = "none"

// socketPrefix begins the names of hubs' sockets.
const socketPrefix = "hub-"

// Switch is a hub and its adapters.
type Switch struct {
	name string
	kind uplinkKind
	log  *slog.Logger
	host host
	hub  *hub.Hub
	mtu  int      // for adapters that name none
	seed []string // for their addresses

	running sync.WaitGroup // the tunnel, if the uplink is one

	mu       sync.Mutex // guards adapters and changes to them
	adapters map[*hub.Port]*adapter
}

// adapter is an adapter that this process made.
type adapter struct {
	spec Spec
	nic  nic.NIC
}

// host is the system to make adapters on.
type host interface {
	// machine identifies this machine; "" if it cannot.
	machine() string
	// openTAP makes a device in a network namespace; "" is this process's own.
	openTAP(name, netns string, mac frame.MAC, mtu int) (nic.NIC, error)
	// move takes a device from one network namespace to another.
	move(name, from, to string) error
	// openPhysical opens a physical adapter for all frames that pass it.
	openPhysical(name string) (nic.NIC, frame.MAC, error)
}

// Run runs a hub until ctx ends, or the tunnel that is its uplink does.
func Run(ctx context.Context, o Options) error {
	defer process.SurviveBrokenPipes()()
	return run(ctx, o, newHost())
}

func run(ctx context.Context, o Options, h host) error {
	specs, err := parseAll(o.NICs)
	if err != nil {
		return err
	}
	running, end := context.WithCancelCause(ctx)
	s := newSwitch(o, h)
	defer func() { end(nil); s.hub.Close(); s.running.Wait() }()
	if err := s.openUplink(running, end, o); err != nil {
		return err
	}
	for _, spec := range specs {
		if err := s.Add(spec); err != nil {
			return err
		}
	}
	stop, err := s.serve(o.Dir)
	if err != nil {
		return err
	}
	defer stop()
	s.log.Info("the hub is up", "name", s.name, "uplink", o.Uplink, "adapters", len(specs))
	<-running.Done()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(running)
}

// serve serves the local interface.
func (s *Switch) serve(dir string) (stop func(), err error) {
	if dir == "" {
		dir = manage.DefaultDir()
	}
	stop, err = manage.Serve(dir, socketPrefix+s.name, s.Handler())
	if err != nil {
		return nil, fmt.Errorf("hub %s: %w; to run a second hub on this uplink, give it a --name of its own", s.name, err)
	}
	return stop, nil
}

func parseAll(texts []string) (specs []Spec, err error) {
	for _, text := range texts {
		spec, err := ParseSpec(text)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// newSwitch makes a hub without ports.
func newSwitch(o Options, h host) *Switch {
	s := &Switch{
		name: o.Name, kind: kindOf(o.Uplink), log: o.Log, host: h, mtu: defaultMTU,
		hub: hub.Start(hub.Options{Log: o.Log, Flood: o.Flood}), adapters: make(map[*hub.Port]*adapter),
	}
	if s.name == "" {
		s.name = strings.TrimSuffix(filepath.Base(o.Uplink), filepath.Ext(o.Uplink))
	}
	s.seed = []string{h.machine(), s.name}
	return s
}

const defaultMTU = 1500

// Hub returns the switch itself.
func (s *Switch) Hub() *hub.Hub { return s.hub }

// Add makes an adapter and plugs it in.
func (s *Switch) Add(spec Spec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.hub.Port(spec.Name); err == nil {
		return fmt.Errorf("%s is already a port of this hub: choose another name, or remove that port first", spec.Name)
	}
	if spec.MAC == (frame.MAC{}) {
		spec.MAC = frame.StableMAC(append(s.seed, spec.Name)...)
	}
	if spec.MTU == 0 {
		spec.MTU = s.mtu
	}
	n, err := s.openAdapter(spec)
	if err != nil {
		return err
	}
	port, err := s.hub.Add(n, hub.PortOptions{Name: spec.Name, MAC: spec.MAC, OwnMAC: spec.OwnMAC, VLAN: spec.VLAN, MTU: spec.MTU, Flood: spec.Flood})
	if err != nil {
		return errors.Join(err, n.Close())
	}
	port.SetUp(!spec.Down)
	s.forgetGone()
	s.adapters[port] = &adapter{spec, n}
	s.log.Info("adapter added", "port", spec.Name, "MAC", spec.MAC, "VLAN", spec.VLAN, "netns", spec.Netns)
	return nil
}

func (s *Switch) openAdapter(spec Spec) (nic.NIC, error) {
	if spec.Type == Null {
		return nic.NewNull(spec.Name, nic.Ethernet, spec.MTU), nil
	}
	return s.host.openTAP(spec.Name, spec.Netns, spec.MAC, spec.MTU)
}

// forgetGone forgets the adapters of ports that are gone. The caller holds mu.
func (s *Switch) forgetGone() {
	there := make(map[*hub.Port]bool)
	for _, p := range s.hub.Ports() {
		there[p] = true
	}
	for p := range s.adapters {
		if !there[p] {
			delete(s.adapters, p)
		}
	}
}

// adapter returns the adapter of a port. The caller holds mu.
func (s *Switch) adapter(name string) (*hub.Port, *adapter, error) {
	p, err := s.hub.Port(name)
	if err != nil {
		return nil, nil, err
	}
	a := s.adapters[p]
	if a == nil {
		return nil, nil, fmt.Errorf("%s is the uplink, which cannot be changed while the hub runs", name)
	}
	return p, a, nil
}

// Remove unplugs and removes an adapter.
func (s *Switch) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _, err := s.adapter(name)
	if err != nil {
		return err
	}
	if err := s.hub.Remove(name); err != nil {
		return err
	}
	delete(s.adapters, p)
	s.log.Info("adapter removed", "port", name)
	return nil
}

// Change is what can change about an adapter while it exists; nil stays as it is.
type Change struct {
	Up    *bool   `json:"up,omitempty"`
	Netns *string `json:"netns,omitempty"`
}

// ParseChange parses "up", "down" and "netns=NS".
func ParseChange(words []string) (c Change, err error) {
	for _, word := range words {
		key, value, isSetting := strings.Cut(word, "=")
		switch {
		case word == "up" || word == "down":
			c.Up = new(word == "up")
		case key == "netns" && isSetting:
			c.Netns = &value
		default:
			return Change{}, fmt.Errorf("%q: expected up, down or netns=NS; to change anything else, remove the adapter and add it anew", word)
		}
	}
	return c, nil
}

// Change brings an adapter up or down, or moves it.
func (s *Switch) Change(name string, c Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, a, err := s.adapter(name)
	if err != nil {
		return err
	}
	if c.Netns != nil && *c.Netns != a.spec.Netns {
		if a.spec.Type != TAP {
			return fmt.Errorf("%s is not a device, so it is in no network namespace", name)
		}
		if err := s.host.move(name, a.spec.Netns, *c.Netns); err != nil {
			return err
		}
		a.spec.Netns = *c.Netns
	}
	if c.Up != nil {
		p.SetUp(*c.Up)
	}
	s.log.Info("adapter changed", "port", name, "state", first(p.State()), "netns", a.spec.Netns)
	return nil
}

func first[A, B any](a A, _ B) A { return a }

// isFile reports whether the uplink is a configuration rather than an adapter.
func isFile(uplink string) bool {
	if strings.ContainsRune(uplink, os.PathSeparator) {
		return true
	}
	switch filepath.Ext(uplink) {
	case ".conf", ".ovpn":
		return true
	}
	return false
}
