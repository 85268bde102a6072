package check

import (
	"slices"
	"strings"

	"culvert/config"
)

// seen is where needs come from.
const seen = "running 2.6.14 and 2.7.8; 2.4 was not at hand, and is taken to be like them"

// forServers are lines whose directives stock takes in server mode alone.
var forServers = []string{"auth-gen-token 3600", "auth-user-pass-optional", "auth-user-pass-verify /bin/true via-env", "ccd-exclusive", "client-config-dir ccd",
	"client-connect /bin/true", "client-crresponse /bin/true", "client-disconnect /bin/true", "client-to-client", "connect-freq 10 5", "duplicate-cn",
	"force-tls-key-material-export", "ifconfig-ipv6-pool fd00::/64", "ifconfig-pool 10.8.0.10 10.8.0.20", "ifconfig-pool-persist ipp.txt", "learn-address /bin/true",
	"port-share localhost 443", "stale-routes-check 60", "username-as-common-name", "verify-client-cert none", "vlan-tagging"}

// forClients are lines whose directives stock does not take in server mode.
var forClients = []string{"allow-recursive-routing", "auth-user-pass", "ipchange /bin/true", "redirect-gateway def1", "redirect-private def1", "route-delay 1", "shaper 10000",
	"up-delay"}

// beside are lines that stock takes only beside management.
var beside = []string{"management-client", "management-client-auth", "management-external-cert x", "management-external-key", "management-forget-disconnect",
	"management-hold", "management-log-cache 100", "management-query-passwords", "management-query-proxy", "management-query-remote", "management-signal", "management-up-down"}

// names reports whether one of some lines has a name.
func names(lines []string, name string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		first, _, _ := strings.Cut(line, " ")
		return first == name
	})
}

// need is a directive that stock takes where something holds, and no other way.
type need struct {
	name string
	role string // "client" or "server", "" for any
	made by
	text string
	met  func(stockView) bool
	show string // a line that shows it in a plain configuration of the role
}

// accepted, warning and fatal are what every version makes of a line.
var accepted, warning, fatal = by{Accepts, Accepts, Accepts}, by{Warns, Warns, Warns}, by{Fatal, Fatal, Fatal}

func unless(names ...string) func(stockView) bool {
	return func(s stockView) bool { return !slices.ContainsFunc(names, s.has) }
}

func beneath(names ...string) func(stockView) bool {
	return func(s stockView) bool { return slices.ContainsFunc(names, s.has) }
}

func onEthernet(s stockView) bool { return s.config.Adapter.DevType == config.DevTap }

func runsPrograms(s stockView) bool { return s.config.Process.ScriptSecurity >= 2 }

func onUnixSocket(s stockView) bool {
	l := s.first("management")
	return l != nil && len(l.Args) > 1 && l.Args[1] == "unix"
}

// needs are what lines need beside them.
var needs = []need{
	{"bind", "client", fatal, "cannot stand beside nobind", unless("nobind"), "bind"},
	{"local", "client", fatal, "cannot stand beside nobind", unless("nobind"), "local 127.0.0.1"},
	{"lport", "client", fatal, "cannot stand beside nobind", unless("nobind"), "lport 1194"},
	{"lladdr", "", fatal, "is for tap adapters", onEthernet, "lladdr 02:00:00:00:00:01"},
	{"ifconfig", "client", warning, "beside pull is probably not what is wanted", unless("client", "pull"), "ifconfig 10.8.0.1 255.255.255.0"},
	{"management-client-user", "", fatal, "is for Unix sockets", onUnixSocket, "management-client-user nobody"},
	{"management-client-group", "", fatal, "is for Unix sockets", onUnixSocket, "management-client-group nogroup"},
	{"ifconfig-pool", "server", fatal, "cannot stand beside server, which makes a pool", makesNoPool, "ifconfig-pool 10.8.0.10 10.8.0.20"},
	{"ifconfig-ipv6-pool", "server", fatal, "needs ifconfig-ipv6", beneath("ifconfig-ipv6", "server-ipv6"), "ifconfig-ipv6-pool fd00::/64"},
	{"server-bridge", "server", fatal, "cannot stand beside server", unless("server"), "server-bridge 10.8.0.4 255.255.255.0 10.8.0.10 10.8.0.20"},
	{"ccd-exclusive", "server", fatal, "needs client-config-dir", beneath("client-config-dir"), "ccd-exclusive"},
	{"username-as-common-name", "server", fatal, "needs a script, a plugin or management that checks passwords", checksPasswords, "username-as-common-name"},
	{"auth-user-pass-optional", "server", fatal, "needs a script, a plugin or management that checks passwords", checksPasswords, "auth-user-pass-optional"},
	{"vlan-pvid", "server", fatal, "needs vlan-tagging", beneath("vlan-tagging"), "vlan-pvid 5"},
	{"fragment", "", warning, "without mtu does not go with the default mssfix", fitsMSSFix, "fragment 1300"},
	{"http-proxy-override", "", warning, "changes nothing over UDP", usesTCP, "http-proxy-override p 1"},
	{"vlan-tagging", "server", fatal, "is for tap adapters", onEthernet, "vlan-tagging"},
	{"up", "server", fatal, "needs script-security 2", runsPrograms, "up /bin/true"},
	{"route-up", "server", warning, "needs script-security 2, and is not run", runsPrograms, "route-up /bin/true"},
	{"port-share", "server", fatal, "is for TCP", usesTCP, "port-share localhost 443"},
	{"route-ipv6", "server", warning, "needs an IPv6 address of the adapter", beneath("ifconfig-ipv6", "server-ipv6"), "route-ipv6 fd02::/64"},
}

func makesNoPool(s stockView) bool {
	l := s.first("server")
	return l == nil || slices.Contains(l.Args, "nopool")
}

func usesTCP(s stockView) bool {
	return s.config.Link.Proto.TCP || slices.ContainsFunc(s.config.Link.Remotes, func(r config.Remote) bool { return r.Proto.TCP })
}

// fitsMSSFix reports whether fragment and mssfix count the same bytes.
func fitsMSSFix(s stockView) bool {
	return s.has("mssfix") || s.config.Data.Fragment.Outer || s.config.Data.Fragment.Bytes == 0
}

func checksPasswords(s stockView) bool {
	return slices.ContainsFunc([]string{"auth-user-pass-verify", "plugin", "management-client-auth"}, s.has)
}

// unmet returns the lines that lack what they need.
func (s stockView) unmet() (all []stockLine) {
	for i := range s.lines {
		l := &s.lines[i]
		if names(beside, l.Name) && !s.has("management") {
			all = append(all, stockLine{l.Pos.Line, fatal, l.Name + " needs management", seen})
		}
	}
	for _, n := range needs {
		if l := s.first(n.name); l != nil && (n.role == "" || n.role == s.role()) && !n.met(s) {
			all = append(all, stockLine{l.Pos.Line, n.made, n.name + " " + n.text, seen})
		}
	}
	return all
}

// ofRole is what the versions make of a line for the other role.
func (s stockView) ofRole(l config.Line) (why string) {
	switch {
	case s.role() != "server" && names(forServers, l.Name):
		return "is for servers"
	case s.role() == "server" && names(forClients, l.Name):
		return "is not for servers"
	}
	return ""
}
