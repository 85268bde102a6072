package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"culvert/session/negotiate"
)

// leased are what a client is pushed of its lease: another address would be
// one it is not known by.
var leased = []string{"ifconfig", "ifconfig-ipv6"}

// PushUpdate changes what was pushed to the clients of a name, all of them
// where name is "", while they are connected (PUSH_UPDATE). Each option takes
// the place of all of its name; "-name" takes them back; with "?" ("-?name")
// clients that cannot do so go on, others connect anew. It returns how many
// clients are told; those that do not take changes are left out. It fails when
// an option cannot be sent, and then nobody is told.
//
// Clients that connect later get what the configuration says.
func (s *Server) PushUpdate(name string, options []string) (told int, err error) {
	if len(options) == 0 {
		return 0, fmt.Errorf("push update: no option given; write such as \"route 10.1.0.0 255.255.0.0\" or \"-route\"")
	}
	for _, option := range options {
		first, _, _ := strings.Cut(strings.TrimLeft(option, "-?"), " ")
		if slices.Contains(leased, first) {
			return 0, fmt.Errorf("push update: %s: a client's address is leased when it connects; give it another by client-config-dir", first)
		}
	}
	if _, err := negotiate.PushUpdate(options); err != nil {
		return 0, fmt.Errorf("push update: %w", err)
	}
	for _, c := range s.table.established() {
		if name != "" && c.name != name {
			continue
		}
		if !c.takesUpdates.Load() {
			s.log.Warn("the client does not take changes while it is connected; they reach it when it connects again", "client", c.name)
			continue
		}
		told++
		c.Do(func(time.Time) {
			if err := c.Session.PushUpdate(options); err != nil {
				s.log.Warn("the change could not be told", "client", c.name, "error", err)
			}
		})
	}
	return told, nil
}
