package client

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/internal/simnet"
	"culvert/role/event"
)

// pinner is a host that leads the server past the tunnel when it is told to.
type pinner struct {
	host    *fakeNetwork
	updates int
}

func (p *pinner) Update(context.Context, hostnet.State) error {
	p.updates++
	if way, ok := p.host.Default(false); ok {
		p.host.set(way)
	}
	return nil
}

func (*pinner) Undo(context.Context) error { return nil }
func (*pinner) Changes() []string          { return nil }
func (*pinner) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	return hostnet.Resolvers{}, nil
}

// TestPinnedAtOnce: with all traffic in the tunnel, the server is led past it by a new uplink
// as soon as that is there, and not before.
func TestPinnedAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		far := serve(t, network, "192.0.2.1:1194")
		far.floats = true
		far.push = append(far.push, "redirect-gateway def1")
		p := &pinner{host: &fakeNetwork{way: wifi, def: wifi, changes: make(chan struct{}, 1)}}
		c := connect(t, network, profileText("remote 192.0.2.1", ada), func(o *Options) {
			o.Network = p.host
			open := o.Open
			o.Open = func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
				a, err := open(ctx, want)
				return bringup.NewAdapter(a.NIC, p, want), err
			}
		})
		wait[event.Up](t, c, 1, time.Minute)
		synctest.Wait()
		before := p.updates
		change := func(def hostnet.Way) {
			p.host.mu.Lock()
			p.host.way, p.host.def = inside, def
			p.host.mu.Unlock()
			for range 5 {
				p.host.changes <- struct{}{}
				synctest.Wait()
			}
		}
		change(hostnet.Way{}) // the uplink is gone
		if p.updates != before || c.mover.roaming.tick != nil {
			t.Errorf("%d updates without a way", p.updates-before)
		}
		change(mobile)
		if p.updates != before+1 || c.mover.roaming.tick == nil || c.uplink.way != mobile {
			t.Errorf("%d updates; the way is %+v", p.updates-before, c.uplink.way)
		}
		change(inside)
		if p.updates != before+1 {
			t.Errorf("%d updates where everything is in the tunnel", p.updates-before)
		}
	})
}
