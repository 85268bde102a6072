package backend

import (
	"errors"
	"fmt"
	"strings"

	"culvert/config"
	"culvert/internal/printable"
	"culvert/session/wire"
)

// Update changes what was pushed to connected clients: those of a name or a
// peer-id, or all of them.
type Update struct {
	Names   []string      `json:"names,omitempty" doc:"clients, by name"`
	PeerIDs []wire.PeerID `json:"peer_ids,omitempty" doc:"clients, by peer-id"`
	All     bool          `json:"all,omitempty" doc:"all clients"`
	Options []string      `json:"options" doc:"what changes: name value, or -name for what no longer holds; with ? in front of a name, clients may pass it over"`
}

// SplitOptions returns the options of arguments, each of which may hold several,
// separated by commas.
func SplitOptions(args []string) (options []string) {
	for _, arg := range args {
		for option := range strings.SplitSeq(arg, ",") {
			options = append(options, strings.TrimSpace(option))
		}
	}
	return options
}

// Check checks that an update names clients, and options that can change. Its errors
// are for whoever wrote the command line of culvert push-update.
func (u *Update) Check() error {
	switch {
	case !u.All && len(u.Names) == 0 && len(u.PeerIDs) == 0:
		return errors.New("no client given: add --to NAME, --peer-id N or --all")
	case len(u.Options) == 0:
		return errors.New("no option given: add one, such as 'dhcp-option DNS 10.8.0.53'")
	}
	for _, option := range u.Options {
		if err := config.CheckUpdate(option); err != nil {
			return err
		}
	}
	return nil
}

// Updated is whom an Update reached, by name.
type Updated struct {
	Told    []string `json:"told" doc:"clients that were told"`
	Unable  []string `json:"unable" doc:"clients that take no changes while they are connected"`
	Missing []string `json:"missing" doc:"clients that were named, and are not connected"`
}

// Append appends it as text.
func (u *Updated) Append(b []byte) []byte {
	b = fmt.Appendf(b, "told %d", len(u.Told))
	b = appendNames(b, ": ", u.Told)
	for _, l := range []struct {
		what  string
		names []string
	}{
		{"take no changes while connected (PUSH_UPDATE), only when they connect again", u.Unable},
		{"not connected", u.Missing},
	} {
		if len(l.names) > 0 {
			b = appendNames(fmt.Appendf(b, "%s %d", l.what, len(l.names)), ": ", l.names)
		}
	}
	return b
}

// Err is an error if the change did not reach everybody it was meant for, so that
// scripts notice.
func (u *Updated) Err() error {
	switch {
	case len(u.Missing) > 0:
		return errors.New("some of the named clients are not connected")
	case len(u.Told) == 0 && len(u.Unable) == 0:
		return errors.New("no client is connected")
	case len(u.Told) == 0:
		return errors.New("no client could change")
	}
	return nil
}

// maxNames is how many names a line has; JSON has them all.
const maxNames = 20

func appendNames(b []byte, before string, names []string) []byte {
	for i, name := range names {
		if i == maxNames {
			b = fmt.Appendf(b, " and %d more", len(names)-i)
			break
		}
		b = append(append(b, before...), printable.Name(name)...)
		before = ", "
	}
	return append(b, '\n')
}
