package management

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"culvert/role/event"
)

// The states, as the protocol names them.
const (
	stateConnecting   = "CONNECTING"
	stateResolve      = "RESOLVE"
	stateTCPConnect   = "TCP_CONNECT"
	stateWait         = "WAIT"
	stateAuth         = "AUTH"
	stateGetConfig    = "GET_CONFIG"
	stateAuthPending  = "AUTH_PENDING"
	stateAssignIP     = "ASSIGN_IP"
	stateAddRoutes    = "ADD_ROUTES"
	stateConnected    = "CONNECTED"
	stateReconnecting = "RECONNECTING"
	stateExiting      = "EXITING"
)

// stateText is what follows the time in a state: the name, a reason, this end's address in
// the tunnel, the other end's address and port, this end's, and, if there is one, the
// IPv6 address in the tunnel (management-notes, "state").
func stateText(name, reason string, v4, v6 netip.Addr, remote, local netip.AddrPort) string {
	fields := []string{name, strings.ReplaceAll(reason, ",", " "), addr(v4), "", "", "", ""}
	if remote.IsValid() {
		fields[3], fields[4] = addr(remote.Addr().Unmap()), strconv.Itoa(int(remote.Port()))
	}
	if local.IsValid() {
		fields[5], fields[6] = addr(local.Addr().Unmap()), strconv.Itoa(int(local.Port()))
	}
	if v6.IsValid() {
		fields = append(fields, addr(v6))
	}
	return strings.Join(fields, ",")
}

func plainState(name, reason string) string {
	return stateText(name, reason, netip.Addr{}, netip.Addr{}, netip.AddrPort{}, netip.AddrPort{})
}

// addr is an address as text, "" where it is not valid.
func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.WithZone("").String()
}

// course is how far a client, or one of two hosts, has come. It belongs to the goroutine
// that reports its events, one at a time.
type course struct {
	last   string // the state that was reported last
	routes bool   // some are about to be set
	failed bool   // something could not be set up on this host
	lost   string // why the connection was lost, in a word
	exit   string // the signal by which a reader ended the process; "" for none
	// reloading is set while the process starts over with its configuration: the end of
	// the role is none of the process then.
	reloading bool
}

// Peer takes an event of a client, or of one of two hosts.
func (i *Interface) Peer(e event.Event) {
	if i == nil {
		return
	}
	i.mu.Lock()
	c := &i.course
	texts := c.texts(e)
	if c.last == stateConnected {
		i.hold.up()
	}
	i.mu.Unlock()
	if up, is := e.(event.Up); is {
		door{i}.reach(up.IPv4, up.IPv6)
	}
	for _, text := range texts {
		i.State(text)
	}
	i.told(e)
}

// texts are the states that an event leads to.
func (c *course) texts(e event.Event) (texts []string) {
	name := func(name, reason string) {
		c.last, texts = name, append(texts, plainState(name, reason))
	}
	switch e := e.(type) {
	case event.Resolving:
		name(stateResolve, "")
	case event.Connecting:
		if strings.HasPrefix(e.Remote.Proto, "tcp") {
			name(stateTCPConnect, "")
		} else {
			name(stateWait, "")
		}
	case event.Listening, event.AwaitingKey:
		name(stateWait, "")
	case event.Answered:
		if c.last == stateTCPConnect {
			name(stateWait, "")
		}
		name(stateAuth, "")
	case event.Asking:
		if c.last != stateGetConfig && c.last != stateAuthPending {
			name(stateGetConfig, "")
		}
	case event.LoginPending:
		name(stateAuthPending, fmt.Sprintf("timeout %d", int(e.Timeout/time.Second)))
	case event.Configuring:
		if c.last == stateConnected { // it goes on with something else, and stays connected
			c.routes = false
			break
		}
		v4, v6 := families(e.Addresses)
		c.last, c.routes = stateAssignIP, len(e.Routes) > 0
		texts = append(texts, stateText(stateAssignIP, "", v4, v6, netip.AddrPort{}, netip.AddrPort{}))
	case event.Configured:
		if c.failed = e.Partial != nil; c.routes {
			name(stateAddRoutes, "")
		}
	case event.Up:
		c.last, c.lost = stateConnected, ""
		how := "SUCCESS"
		if c.failed {
			how = "ERROR"
		}
		texts = append(texts, stateText(stateConnected, how, e.IPv4, e.IPv6, e.Remote.Addr, e.Local))
	default:
		return c.endings(e)
	}
	return texts
}

// endings are the states when there is no connection, or no longer.
func (c *course) endings(e event.Event) []string {
	switch e := e.(type) {
	case event.Lost:
		c.lost = reasonFor(e.Err)
	case event.Left:
		c.lost = "remote-exit"
	case event.Failed:
		c.lost = reasonFor(e.Err)
	case event.Reconnecting:
		why := c.lost
		if e.Err != nil {
			why = reasonFor(e.Err)
		}
		if why == "" {
			why = "SIGUSR1"
		}
		c.last, c.lost = stateReconnecting, ""
		return []string{plainState(stateReconnecting, why)}
	case event.Ended:
		why := c.exiting()
		if e.Err != nil {
			why = reasonFor(e.Err)
		}
		if c.reloading {
			c.last, c.reloading = stateReconnecting, false
			return []string{plainState(stateReconnecting, "SIGHUP")}
		}
		c.last = stateExiting
		return []string{plainState(stateExiting, why)}
	}
	return nil
}

// exiting is the reason for an exit that was asked for.
func (c *course) exiting() string { return cmp.Or(c.exit, "SIGTERM") }

// families are the first addresses of each kind.
func families(all []netip.Prefix) (v4, v6 netip.Addr) {
	for _, p := range all {
		switch a := p.Addr(); {
		case a.Is4() && !v4.IsValid():
			v4 = a
		case a.Is6() && !v6.IsValid():
			v6 = a
		}
	}
	return v4, v6
}

// Serving reports that clients can connect to a server with these addresses inside the
// tunnel. outer is the one outside that the configuration names; not valid for none.
func (i *Interface) Serving(v4, v6 netip.Addr, outer netip.AddrPort) {
	if i == nil {
		return
	}
	i.mu.Lock()
	i.hold.up()
	i.course.last, i.course.reloading = stateConnected, false
	o := own{v4, v6, outer}
	i.clients.own = o
	i.mu.Unlock()
	door{i}.reach(v4, v6)
	o.report(i)
}

// own are a server's own addresses: in the tunnel, and the one outside that the
// configuration names.
type own struct {
	v4, v6 netip.Addr
	outer  netip.AddrPort
}

// report reports the states of a server that is ready.
func (o own) report(i *Interface) {
	i.State(stateText(stateAssignIP, "", o.v4, o.v6, netip.AddrPort{}, netip.AddrPort{}))
	i.State(stateText(stateConnected, "SUCCESS", o.v4, o.v6, netip.AddrPort{}, o.outer))
}
