package check

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"culvert/config"
	"culvert/internal/printable"
)

// listens says where a server waits for clients.
func (s teller) listens() string {
	var at []string
	for _, l := range s.config.Listens() {
		host := l.Host
		if host == "" {
			host = "all addresses"
		}
		at = append(at, fmt.Sprintf("%s, %s port %d", printable.Name(host), over(l.Proto), l.Port))
	}
	text := "A server. It listens on " + listed(at, "and on")
	if p := s.config.Link.PortShare; p != nil {
		text += ", and hands connections that are not OpenVPN's to " + printable.Name(net.JoinHostPort(p.Host, p.Port))
	}
	return text + "."
}

// leases says which addresses clients get.
func (s teller) leases() string {
	c := s.config.Server
	var nets []string
	if c.Network.IsValid() {
		nets = append(nets, c.Network.String())
	}
	if c.NetworkIPv6.IsValid() {
		nets = append(nets, c.NetworkIPv6.String())
	}
	if p := c.Pool; p != nil {
		nets = append(nets, fmt.Sprintf("%v to %v", p.Start, p.End))
	}
	text := "Clients get addresses of " + listed(nets, "and")
	if len(nets) == 0 {
		text = "Clients get no addresses from it"
	}
	if s.config.Adapter.DevType == config.DevTap {
		text += ", on an Ethernet of their own (tap)"
	}
	text += fmt.Sprintf("; at most %d are served at one time", c.MaxClients)
	if c.ClientToClient {
		text += ", and they reach one another"
	}
	if c.ClientConfigDir != "" {
		text += "; settings of each come from " + printable.Name(c.ClientConfigDir)
	}
	return text + "."
}

// letsIn says who may connect.
func (s teller) letsIn() string {
	t, c := s.config.Trust, s.config
	var ways, asked []string
	switch t.VerifyClientCert {
	case config.ClientCertRequire:
		ways = s.authorities()
	case config.ClientCertOptional:
		for _, w := range s.authorities() {
			ways = append(ways, w+", if they have one")
		}
	}
	for _, l := range s.lines {
		switch l.Name {
		case "auth-user-pass-verify":
			ways = append(ways, "a user name and password that a program checks")
		case "management-client-auth":
			asked = append(asked, "whom programs at the management interface accept")
		case "client-connect":
			asked = append(asked, "whom the program of client-connect accepts")
		}
	}
	ways = append(ways, pluginWays(c)...)
	text := "Who may connect: clients with " + listed(ways, "and")
	switch {
	case len(ways)+len(asked) == 0:
		return "Anybody may connect: neither certificates nor passwords are asked for."
	case len(ways) == 0:
		text = "Who may connect: clients"
	}
	if d := s.demands(); len(d) > 0 {
		text += ", " + strings.Join(d, ", ")
	}
	if len(asked) > 0 {
		text += ", " + listed(asked, "and")
	}
	if c.Server.CCDExclusive {
		text += ", and with a file in client-config-dir"
	}
	if c.Server.DuplicateCN {
		text += "; several may share one"
	}
	return text + "."
}

// shown says what the server shows its clients.
func (s teller) shown() string {
	t := s.config.Trust
	text := ""
	switch {
	case t.Cert != nil:
		text = "It shows them the certificate " + from(t.Cert) + "."
	case t.PKCS12 != nil:
		text = "It shows them the certificate " + from(t.PKCS12) + "."
	}
	return strings.TrimSpace(text + strings.ReplaceAll(s.armoured(), "this client's", "each client's"))
}

// tells says what clients are told.
func (s teller) tells() string {
	var pushed []string
	for _, l := range s.lines {
		if l.Name == "push" && len(l.Args) > 0 {
			pushed = append(pushed, strconv.Quote(printable.Name(strings.Join(veil{subject: s.subject}.veiled(l).Args, " "))))
		}
	}
	if len(pushed) == 0 {
		return "Clients are told their address alone: no routes and no DNS."
	}
	return "Clients are told " + listed(pushed, "and") + "."
}

// pairs says what one of two hosts does.
func (s teller) pairs() string {
	to := s.remotes()
	l := s.config.Link
	text := "One of two hosts without a server. "
	switch {
	case len(to) == 0:
		text += fmt.Sprintf("It waits for the other on %s port %d", over(l.Proto), l.LocalPort)
	default:
		text += "It talks to " + listed(to, "and then")
	}
	if i := s.config.Adapter.Ifconfig; i != nil {
		text += fmt.Sprintf(", and has the address %v in the tunnel", i.Local)
		if i.Remote.IsValid() {
			text += fmt.Sprintf(", the other %v", i.Remote)
		}
	}
	return text + "."
}

// touching returns the lines of directives that do kind on this machine, as the table
// says, and that are for this role.
func (s teller) touching(kind config.TouchKind) (lines []config.Line) {
	for _, l := range s.lines {
		row, _ := s.row(l)
		if row == nil || row.Touches != kind || row.Name != l.Name || len(l.Args) == 0 {
			continue
		}
		if row.Role == config.RoleServer && !s.isServer() || row.Role == config.RoleClient && s.role() != "client" {
			continue
		}
		lines = append(lines, l)
	}
	return lines
}

// modules are directives that load code into OpenVPN's process.
var modules = []string{"plugin", "engine", "pkcs11-providers", "providers"}

// runs names the programs that would be run, and modules that would be loaded. Without
// script-security 2 no program is run.
func (t teller) runs() string {
	var programs, loaded []string
	for _, l := range t.touching(config.TouchRuns) {
		if servedPlugin(t.config, l) || l.Name == "dns-updown" && (l.Args[0] == "disable" || l.Args[0] == "force") {
			continue
		}
		if slices.Contains(modules, l.Name) {
			loaded = append(loaded, printable.Name(veil{subject: t.subject}.veiled(l).String()))
		} else {
			programs = append(programs, printable.Name(veil{subject: t.subject}.veiled(l).String()))
		}
	}
	var text []string
	if len(programs) > 0 {
		sentence := "It runs programs: " + listed(programs, "and")
		if t.config.Process.ScriptSecurity < 2 {
			sentence += "; without script-security 2 they are not run"
		}
		text = append(text, sentence+".")
	}
	if len(loaded) > 0 {
		text = append(text, "It asks for modules: "+listed(loaded, "and")+".")
	}
	return strings.Join(text, " ")
}

// managed says who can steer the process.
func (t teller) managed() string {
	l := t.first("management")
	if l == nil || len(l.Args) < 2 {
		return ""
	}
	text := "Programs can watch and steer it at the management interface on " + printable.Name(net.JoinHostPort(l.Args[0], l.Args[1]))
	if l.Args[1] == "unix" {
		text = "Programs can watch and steer it at the management interface, the socket " + printable.Name(l.Args[0])
	}
	if t.has("management-client") {
		text = strings.Replace(text, "at the management interface", "by management, for which it connects to them", 1)
	}
	switch {
	case len(l.Args) > 2:
		text += ", with the password in " + printable.Name(veil{subject: t.subject}.veiled(*l).Args[2])
	case l.Args[1] != "unix":
		text += ", without a password"
	}
	if t.has("management-hold") {
		text += "; it waits for one of them at the start"
	}
	if t.has("management-client-auth") {
		text += "; they decide who may connect"
	}
	return text + "."
}

// writes names the files that would be written.
func (s teller) writes() string {
	var files []string
	for _, l := range s.touching(config.TouchWrites) {
		switch {
		case l.Name == "management" && (len(l.Args) < 2 || l.Args[1] != "unix"), l.Name == "port-share" && len(l.Args) < 3, l.Name == "dev-node":
			continue
		case l.Name == "port-share":
			files = append(files, printable.Name(l.Args[2])+" (port-share)")
		default:
			files = append(files, printable.Name(l.Args[0])+" ("+l.Name+")")
		}
	}
	if len(files) == 0 {
		return ""
	}
	return "It writes " + listed(files, "and") + "."
}

// rights says which rights it needs and keeps.
func (s teller) rights() string {
	c := s.config
	var needs []string
	if c.Adapter.DevType != config.DevNull {
		needs = append(needs, "the adapter and its routes")
	}
	low := func(l config.Listen) bool { return l.Port > 0 && l.Port < 1024 }
	if s.isServer() && slices.ContainsFunc(c.Listens(), low) {
		needs = append(needs, "a port below 1024")
	}
	text := "It needs no rights of root's"
	if len(needs) > 0 {
		text = "It needs root's rights for " + listed(needs, "and")
	}
	switch p := c.Process; {
	case p.User != "" && p.Group != "":
		text += fmt.Sprintf("; after the start it runs as user %s and group %s", printable.Name(p.User), printable.Name(p.Group))
	case p.User != "":
		text += "; after the start it runs as user " + printable.Name(p.User)
	}
	if c.Process.Chroot != "" {
		text += ", below " + printable.Name(c.Process.Chroot)
	}
	if c.Process.Daemon {
		text += "; it goes to the background"
	}
	if len(needs) > 0 && c.Adapter.DevType == config.DevTun {
		text += ". In user space it needs none"
	}
	return text + "."
}
