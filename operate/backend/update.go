package backend

import (
	"fmt"

	"culvert/internal/printable"
	"culvert/session/wire"
)

// Update changes what was pushed to connected clients: those of a name or a
// peer-id, or all of them.
type Update struct {
	Names   []string      `json:"names,omitempty"`
	PeerIDs []wire.PeerID `json:"peer_ids,omitempty"`
	All     bool          `json:"all,omitempty"`
	Options []string      `json:"options"` // "name value", "-name", and with "?" in front of the name what may be passed over
}

// Updated is whom an Update reached, by name.
type Updated struct {
	Told    []string `json:"told"`
	Unable  []string `json:"unable"`  // do not take changes while connected
	Missing []string `json:"missing"` // are not connected
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
