package config

import "time"

// Hooks are the programs that a process runs for its own adapter and routes, each with
// its first arguments; nil: none. Those for a server's clients are in Server and Login.
type Hooks struct {
	Up, Down              []string
	RouteUp, RoutePreDown []string
	IPChange              []string
	// DownRoot is what the plugin down-root runs when the adapter is down, with root's
	// rights if this process started with them.
	DownRoot []string

	DownPre    bool // down runs before the adapter is closed, not after
	UpDelay    bool // up waits until the other end answers
	UpRestart  bool // up and down run at reconnections, too
	PersistTun bool // a reconnection is no reason for down and up
	RouteDelay time.Duration

	// DNSUpdown is the program that sets names in place of this process; nil: none.
	DNSUpdown []string
	// NoDNS leaves names alone (`dns-updown disable`).
	NoDNS bool
}

// Commands returns the programs by the names of their directives, without those that
// are not there.
func (h Hooks) Commands() map[string][]string {
	all := map[string][]string{"up": h.Up, "down": h.Down, "route-up": h.RouteUp, "route-pre-down": h.RoutePreDown,
		"ipchange": h.IPChange, "plugin": h.DownRoot, "dns-updown": h.DNSUpdown}
	for name, command := range all {
		if command == nil {
			delete(all, name)
		}
	}
	return all
}

// OnReconnect reports whether a reconnection closes the adapter and opens it again, so
// that up and down run as with OpenVPN.
func (h Hooks) OnReconnect() bool {
	return !h.PersistTun && (h.Up != nil || h.Down != nil || h.DownRoot != nil)
}
