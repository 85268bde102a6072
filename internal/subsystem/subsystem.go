// Package subsystem names the parts of the program that a log speaks of, and knows which
// part wrote a message: by the function that logged it.
package subsystem

import (
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Name is a part of the program as people know it, not a folder.
type Name string

// The subsystems.
const (
	Process      Name = "process"
	Session      Name = "session"
	TLS          Name = "tls"
	Link         Name = "link"
	Tunnel       Name = "tunnel"
	Adapter      Name = "adapter"
	Host         Name = "host"
	Access       Name = "access"
	Policy       Name = "policy"
	Certificates Name = "certificates"
	Store        Name = "store"
	History      Name = "history"
	Programs     Name = "programs"
	Health       Name = "health"
	API          Name = "api"
	Management   Name = "management"
	Web          Name = "web"
)

// Subsystem is a name, and what its messages are about.
type Subsystem struct {
	Name Name
	What string
}

var all = []Subsystem{
	{Process, "start, end, signals, rights and the configuration"},
	{Session, "connections that come, go, move and renew their keys"},
	{TLS, "handshakes: packets of the control channel, certificates, keys before TLS"},
	{Link, "sockets, proxies, the other end's addresses and how to reach it"},
	{Tunnel, "packets on their way, and what is wrong with them"},
	{Adapter, "the adapter, the hub, and what stands in for a LAN"},
	{Host, "this host's routes, addresses and names, and what keeps them"},
	{Access, "who may connect: logins, sign-in, accounts, client-config-dir, addresses"},
	{Policy, "the policy of who may reach what"},
	{Certificates, "certificates and keys that end, are renewed or kept"},
	{Store, "what outlives the process: store, audit log, status and pool files"},
	{History, "sessions that are kept, and accounts of them"},
	{Programs, "programs of the configuration, and what they print"},
	{Health, "what the doctor finds while a server runs"},
	{API, "the interface for the command line, programs and the dashboard; metrics"},
	{Management, "OpenVPN's management interface"},
	{Web, "pages that people open, and links that work once"},
}

// All returns the subsystems, in the order in which lists have them.
func All() []Subsystem { return slices.Clone(all) }

// Names returns the names of all.
func Names() []string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s.Name)
	}
	return names
}

// Find returns the subsystem of a name; false: there is none.
func Find(name string) (Name, bool) {
	return Name(name), slices.Contains(Names(), name)
}

// Key is the key of the attribute that Attr makes.
const Key = "subsystem"

// Attr says whose messages a logger writes, where the function that logs does not show it,
// as that of a library: log.With(subsystem.Web.Attr()).
func (n Name) Attr() slog.Attr { return slog.Any(Key, n) }

// Named returns what Attr made, if that is what an attribute is.
func Named(a slog.Attr) (Name, bool) {
	if a.Key != Key || a.Value.Kind() != slog.KindAny {
		return "", false
	}
	n, ok := a.Value.Any().(Name)
	return n, ok
}

// known are the answers of Of so far: there are as many as places that log.
var known sync.Map

// Of returns whose message it is that was logged at a place of the program
// (slog.Record.PC): Process where that is not known.
func Of(pc uintptr) Name {
	if pc == 0 {
		return Process
	}
	if n, ok := known.Load(pc); ok {
		return n.(Name)
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	n, _ := lookUp(frame.Function)
	known.Store(pc, n)
	return n
}

// lookUp returns whose a function is, by the longest entry of the table that it begins
// with.
func lookUp(function string) (n Name, ok bool) {
	name, ours := strings.CutPrefix(function, "culvert/")
	if !ours {
		name = function
	}
	n, longest := Process, -1
	for prefix, owner := range owners {
		if len(prefix) > longest && begins(name, prefix) {
			n, longest = owner, len(prefix)
		}
	}
	return n, longest >= 0
}

// begins reports whether name begins with whole words of a prefix.
func begins(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '/')
}
