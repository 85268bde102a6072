package p2p

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/internal/simnet"
	"culvert/link"
	"culvert/role/event"
)

// mtuHost is a host whose adapter has an MTU, which it may refuse to change.
type mtuHost struct {
	sync.Mutex
	mtu    int
	refuse error
}

func (h *mtuHost) Update(_ context.Context, want hostnet.State) error {
	h.Lock()
	defer h.Unlock()
	if h.refuse != nil {
		return h.refuse
	}
	h.mtu = want.MTU
	return nil
}
func (h *mtuHost) Undo(context.Context) error { return nil }
func (h *mtuHost) Changes() []string          { return nil }
func (h *mtuHost) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	return hostnet.Resolvers{}, nil
}

func (h *mtuHost) now() int {
	synctest.Wait()
	h.Lock()
	defer h.Unlock()
	return h.mtu
}

// TestAdapterFollowsPath: the adapter's MTU follows the path to the other host down and up; if
// it cannot be changed, that is said once, and the tunnel goes on. When another path is
// measured it is changed, unless this process may not do that.
func TestAdapterFollowsPath(t *testing.T) {
	for _, why := range []error{nil, errors.New("not here"), fmt.Errorf("change tun0: %w", hostnet.ErrPermission)} {
		refuse := why != nil
		synctest.Test(t, func(t *testing.T) {
			network := simnet.New(simnet.Options{Delay: time.Millisecond, MTU: 1312})
			h := &mtuHost{mtu: 1500, refuse: why}
			a := startWith(t, network, nil, addrA, func(o *Options) {
				listen, open := o.Listen, o.Open
				o.Listen = func(lo link.Options) (link.Link, error) {
					l, err := listen(lo)
					if err != nil {
						return nil, err
					}
					return simnet.Whole{Endpoint: l.(*simnet.Endpoint)}, nil
				}
				o.Open = func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
					plain, err := open(ctx, want)
					if err != nil {
						return nil, err
					}
					return bringup.NewAdapter(plain.NIC, h, want), nil
				}
			}, static, ifconfigA, "remote 192.0.2.2")
			b := start(t, network, addrB, static, ifconfigB)
			pass(t, a, b, 1)
			time.Sleep(10 * time.Second)
			want := a.sessions.sides.current.Load().Carried()
			if refuse {
				want = 1500
			}
			if got := h.now(); got != want || want < 1200 || want == 1284 {
				t.Errorf("refused %v: MTU %d, want %d", refuse, got, want)
			}
			network.Change(func(o *simnet.Options) { o.MTU = 0 })
			time.Sleep(25 * time.Minute)
			if got := h.now(); got != 1500 {
				t.Errorf("refused %v: MTU %d on a path that carries all", refuse, got)
			}
			said := ""
			for _, r := range of[event.Remark](a) {
				said += r.Text + "\n"
			}
			if strings.Count(said, "the adapter's MTU stays 1500") != map[bool]int{true: 1}[refuse] || strings.Contains(said, "the adapter's MTU from 1500 to ") == refuse {
				t.Errorf("refused %v: said\n%s", refuse, said)
			}
			h.Lock()
			h.refuse = nil
			h.Unlock()
			network.Change(func(o *simnet.Options) { o.MTU = 1312 })
			time.Sleep(25 * time.Minute)
			if got := h.now(); (got == 1500) != errors.Is(why, hostnet.ErrPermission) {
				t.Errorf("%v: MTU %d after that", why, got)
			}
			pass(t, a, b, 2)
			a.stop()
			b.stop()
		})
	}
}
