package client

import (
	"context"
	"strings"

	"culvert/config"
)

// updated applies what the server changed of its push (PUSH_UPDATE) while the
// tunnel is up. What takes a new connection ends this one.
func (a *attempt) updated(ctx context.Context, update []string) error {
	options, skipped, err := a.settings.cfg.UpdatePushed(a.options, update)
	if err != nil {
		return &lostError{err}
	}
	cfg, notes, err := config.ParsePushed(a.settings.cfg, options)
	if err != nil {
		return &lostError{err}
	}
	for _, note := range notes {
		a.log.Warn("pushed option: " + note.Text)
	}
	for _, option := range skipped {
		a.log.Info("change passed over", "option", option)
	}
	a.watch(cfg)
	if err := a.bringUp(ctx, cfg); err != nil {
		return err
	}
	a.options = options
	a.log.Info("the server changed what it pushed", "change", strings.Join(update, ", "),
		"ipv4", ifconfigText(cfg), "ipv6", ifconfigIPv6Text(cfg))
	return nil
}
