package hostnet

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// hardwareChange gives an Ethernet adapter another MAC address.
type hardwareChange struct {
	Device   string
	Set, Was string
}

func (p *planner) planHardware() {
	if set, was := strings.ToLower(p.want.LLAddr), p.is.link.LLAddr; set != "" && set != was {
		p.add(&hardwareChange{Device: p.want.Device, Set: set, Was: was})
	}
}

func (c *hardwareChange) String() string {
	return fmt.Sprintf("set the MAC address of %s to %s (was %s)", c.Device, c.Set, c.Was)
}

func (c *hardwareChange) apply(_ context.Context, k kernel) error {
	return k.setHardware(c.Device, c.Set)
}

func (c *hardwareChange) undo(_ context.Context, k kernel, _ change) (outcome, error) {
	l, err := k.link(c.Device)
	if errors.Is(err, errGone) || err == nil && l.LLAddr != c.Set {
		return outcome{}, nil
	}
	if err == nil {
		err = k.setHardware(c.Device, c.Was)
	}
	if err != nil {
		return outcome{}, fmt.Errorf("set the MAC address of %s back to %s: %w", c.Device, c.Was, err)
	}
	return did("set the MAC address of %s back to %s", c.Device, c.Was), nil
}

func (c *hardwareChange) without(seen *observed) bool {
	was := seen.link.LLAddr == c.Set
	if was {
		seen.link.LLAddr = c.Was
	}
	return was
}
