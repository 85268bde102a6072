package reach

import (
	"context"
	"net/netip"
	"slices"

	"culvert/config"
)

// Use has r make a remote the next one that is tried, before all others.
func Use(r *Remotes, remote config.Remote) {
	r.stay, r.anew, r.queue = false, false, nil
	if at := index(r.list, remote); at >= 0 {
		r.at = at
	}
}

// index returns a remote's place in the list, -1 for none.
func index(list []config.Remote, remote config.Remote) int {
	return slices.IndexFunc(list, func(o config.Remote) bool {
		return o.Pos == remote.Pos && o.Host == remote.Host && o.Port == remote.Port && o.Proto == remote.Proto
	})
}

// Lookup returns a function that returns the first target of a remote, or the one at an
// address if that is valid. It takes no longer than two seconds, and does not change what
// Next returns. Any goroutine may call it, whatever happens to r meanwhile.
func Lookup(r *Remotes, remote config.Remote, at netip.AddrPort) func(context.Context) (Target, error) {
	aside := &Remotes{Log: r.Log, resolve: r.resolve, cfg: r.cfg, memory: r.memory.clone()}
	return func(ctx context.Context) (Target, error) {
		ctx, cancel := context.WithTimeout(ctx, briefly)
		defer cancel()
		targets, err := aside.targets(ctx, remote, aside.settingsOf(remote))
		if err != nil {
			return Target{}, err
		}
		r.note(targets)
		t := targets[0]
		if i := slices.IndexFunc(targets, func(t Target) bool { return t.Addr == at }); i >= 0 {
			t = targets[i]
		} else if at.IsValid() && !t.viaProxy {
			t.Addr = at
		}
		return t, nil
	}
}

// Anew returns a target as it was resolved, with the settings that r has now.
func Anew(r *Remotes, t Target) Target {
	t.Settings = r.settingsOf(t.Remote)
	return t
}

// At says that a target is the present one, which was reached on another way than by Next.
func At(r *Remotes, t Target) {
	r.stay, r.anew, r.queue, r.last = false, false, nil, &t
	if at := index(r.list, t.Remote); at >= 0 {
		r.lastAt, r.at = at, at+1
	}
}
