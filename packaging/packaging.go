// Package packaging has the files that a package installs beside the program, as far as
// the program can install them, too.
package packaging

import _ "embed"

// ClientUnit is the unit of systemd for clients, culvert-client@.service, with @BINDIR@
// for the directory of the program.
//
//go:embed culvert-client@.service
var ClientUnit string

// Fail2ban is a filter of fail2ban for a server's audit log.
//
//go:embed fail2ban/culvert.conf
var Fail2ban string
