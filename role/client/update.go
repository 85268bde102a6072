package client

import (
	"context"
	"slices"
	"strings"

	"culvert/config"
	"culvert/role/event"
	"culvert/role/profile"
)

// updated applies what the server changed in its push (PUSH_UPDATE) while the
// tunnel is up. A change that takes a new connection ends this one.
func (a *attempt) updated(ctx context.Context, update []string) error {
	options, skipped, err := a.base.UpdatePushed(a.options, update)
	if err != nil {
		return &lostError{err}
	}
	cfg, err := settleAnew(ctx, a, options)
	if err != nil {
		return err
	}
	if err := a.finish(ctx); err != nil {
		return err
	}
	open := *a.base
	open.Routing.PullFilters = nil
	if all, _, err := open.UpdatePushed(a.unfiltered, update); err == nil {
		a.unfiltered = all
	}
	a.best.use(&a.target, cfg)
	ipv4, ipv6 := profile.Inner(cfg.Adapter)
	a.emit(event.PushUpdated{Options: withoutTokens(update), Skipped: skipped, IPv4: ipv4, IPv6: ipv6})
	return nil
}

// remarkPushed reports what the parser noted about pushed options.
func (a *attempt) remarkPushed(notes []config.Note) {
	for _, note := range notes {
		a.emit(event.Remark{Text: "pushed option: " + note.Text})
	}
}

// withoutTokens are pushed options to be shown, without those that stand for a
// password.
func withoutTokens(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool { return strings.HasPrefix(o, "auth-token") })
}
