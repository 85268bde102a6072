package reach

import (
	"cmp"
	"context"
	"fmt"

	"culvert/config"
)

// Chooser decides for each connection where it goes. Each method waits for the
// decision until ctx ends.
type Chooser interface {
	// Remote decides about the remote that is next in the configuration.
	Remote(ctx context.Context, r config.Remote) (Choice, error)
	// Proxy decides through which proxy to reach it; number counts remotes from 1.
	Proxy(ctx context.Context, number int, r config.Remote) (Proxy, error)
}

// Choice is what becomes of a remote. The zero value takes it as it is.
type Choice struct {
	Skip       int    // if above 0, pass over so many remotes, this one included
	Host, Port string // to try instead; "" for the remote's own
}

// Proxy is a proxy to go through. The zero value is none.
type Proxy struct {
	Kind    ProxyKind
	Host    string
	Port    string
	NoClear bool // HTTP: no password in clear text
}

// ProxyKind is what a proxy speaks.
type ProxyKind int

// The kinds.
const (
	Direct ProxyKind = iota
	ThroughHTTP
	ThroughSOCKS
)

// List returns the remotes in the order in which they are tried, as they were
// configured. Any goroutine may call it.
func (r *Remotes) List() []config.Remote {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list
}

// consults reports whether somebody decides about each connection. As with OpenVPN
// 2.6, who is asked for the remote is not asked for its proxy.
func (r *Remotes) consults() bool {
	m := r.cfg.Management
	return r.Chooser != nil && (m.QueryRemote || m.QueryProxy)
}

// again makes the last remote the next one, about which the chooser is asked anew.
func (r *Remotes) again() {
	r.stay, r.anew, r.queue = false, false, nil
	if r.last != nil {
		r.at = r.lastAt
	}
}

// chosen returns the next remote and its configuration, after the chooser was asked.
// The error is ctx's, or of a choice that cannot be tried.
func (r *Remotes) chosen(ctx context.Context) (config.Remote, *config.Config, error) {
	for {
		if r.at >= len(r.list) {
			r.at = 0
		}
		remote := r.list[r.at]
		cfg := r.settingsOf(remote)
		r.lastAt = r.at
		r.at++
		if !r.consults() {
			return remote, cfg, nil
		}
		if !r.cfg.Management.QueryRemote {
			proxy, err := r.Chooser.Proxy(ctx, r.at, remote)
			if err == nil {
				cfg, err = through(cfg, remote, proxy)
			}
			return remote, cfg, err
		}
		choice, err := r.Chooser.Remote(ctx, remote)
		if err != nil || choice.Skip <= 0 {
			remote.Host, remote.Port = cmp.Or(choice.Host, remote.Host), cmp.Or(choice.Port, remote.Port)
			return remote, cfg, err
		}
		r.at = (r.lastAt + choice.Skip) % len(r.list)
	}
}

// through returns a configuration with a chosen proxy.
func through(cfg *config.Config, remote config.Remote, p Proxy) (*config.Config, error) {
	own := *cfg
	l := &own.Link
	configured := l.HTTPProxy
	l.HTTPProxy, l.SOCKSProxy = nil, nil
	switch p.Kind {
	case ThroughHTTP:
		if !remote.Proto.TCP {
			return nil, fmt.Errorf("the management client chose an HTTP proxy, which carries TCP alone, to reach %s:%s over UDP: have it choose SOCKS or NONE", remote.Host, remote.Port)
		}
		l.HTTPProxy = &config.HTTPProxy{}
		if configured != nil {
			*l.HTTPProxy = *configured
		}
		h := l.HTTPProxy
		h.Host, h.Port, h.Auth, h.Ask = p.Host, p.Port, config.ProxyAuto, true
		if p.NoClear {
			h.Auth = config.ProxyNoClear
		}
	case ThroughSOCKS:
		l.SOCKSProxy = &config.SOCKSProxy{Host: p.Host, Port: p.Port}
	}
	return &own, nil
}

func (r *Remotes) settingsOf(remote config.Remote) *config.Config {
	if remote.Settings != nil {
		return remote.Settings
	}
	return r.cfg
}
