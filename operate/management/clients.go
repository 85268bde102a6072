package management

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"culvert/operate/backend"
	"culvert/session/wire"
)

// ofClients are the commands about a server's clients.
func ofClients() map[string]command {
	return map[string]command{
		"kill":                {least: 1, run: doKill},
		"client-kill":         {least: 1, more: true, run: doClientKill},
		"client-auth":         {least: 2, run: doClientAuth},
		"client-auth-nt":      {least: 2, run: doClientAuthNT},
		"client-deny":         {least: 3, more: true, run: doClientDeny},
		"client-pending-auth": {least: 4, run: doClientPending},
		"env-filter":          {run: doEnvFilter},
		"push-update-broad":   {least: 1, run: doPushAll},
		"push-update-cid":     {least: 2, run: doPushOne},
	}
}

// server returns the server at work, or answers that this is none.
func (r *reader) server(name string) backend.Backend {
	if b := r.i.tunnel(); b != nil && b.Status().Role == "server" {
		return b
	}
	r.unsupported(name)
	return nil
}

// cid reads a client's number, or answers that it is none.
func (r *reader) cid(word string) (uint64, bool) {
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		r.refuse("cannot parse CID")
	}
	return n, err == nil
}

// doKill disconnects by common name, or by address: [proto:]IP:port.
func doKill(r *reader, args []string) {
	b := r.server("kill")
	if b == nil {
		return
	}
	what, _ := strings.CutSuffix(args[0], ":")
	switch {
	case what == "" || what[0] == ':':
		r.refuse("kill parse")
		return
	case !strings.Contains(what, ":"):
		r.killed(b, "common name '"+what+"' found, %d client(s) killed", "common name '"+what+"' not found",
			func(p backend.Peer) bool { return p.Name == what && !p.Connecting })
		return
	}
	address := what
	for _, proto := range []string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "tcp-server", "tcp4-server", "tcp6-server"} {
		if rest, ok := strings.CutPrefix(what, proto+":"); ok {
			address = rest
		}
	}
	at, err := netip.ParseAddrPort(address)
	if host, port, _ := strings.Cut(address, ":"); err != nil {
		if _, err := netip.ParseAddr(host); err == nil {
			r.refuse("port number is out of range: %s", port)
			return
		}
		host, _, _ = strings.Cut(what, ":")
		r.refuse("error parsing IP address: %s", host)
		return
	}
	r.killed(b, "%d client(s) at address "+address+" killed", "client at address "+address+" not found",
		func(p backend.Peer) bool {
			other, err := netip.ParseAddrPort(p.Remote)
			return err == nil && netip.AddrPortFrom(other.Addr().Unmap(), other.Port()) == netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
		})
}

// killed disconnects the clients that is chooses, and answers; done has %d for how many.
func (r *reader) killed(b backend.Backend, done, none string, is func(backend.Peer) bool) {
	n := 0
	for _, p := range b.Peers() {
		if is(p) && b.Disconnect(p.Number, "") == nil {
			n++
		}
	}
	if n == 0 {
		r.refuse("%s", none)
		return
	}
	r.ok("%s", strings.Replace(done, "%d", strconv.Itoa(n), 1))
}

func doClientKill(r *reader, args []string) {
	cid, ok := r.cid(args[0])
	if !ok {
		return
	}
	b := r.server("client-kill")
	if b == nil {
		return
	}
	message := "RESTART"
	if len(args) > 1 {
		message = args[1]
	}
	if err := b.Disconnect(cid, message); err != nil {
		r.log.Debug("management: client-kill", "error", err)
		r.refuse("client-kill command failed")
		return
	}
	r.ok("client-kill command succeeded")
}

func doPushAll(r *reader, args []string) {
	if b := r.server("push-update-broad"); b != nil {
		r.update(b, backend.Update{All: true}, args[0])
	}
}

func doPushOne(r *reader, args []string) {
	b := r.server("push-update-cid")
	if b == nil {
		return
	}
	cid, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		r.say("ERROR: cannot parse CID", "ERROR: push-update-cid fail during cid parsing")
		return
	}
	for _, p := range b.Peers() {
		if p.Number == cid && p.PeerID != nil {
			r.update(b, backend.Update{PeerIDs: []wire.PeerID{*p.PeerID}}, args[1])
			return
		}
	}
	r.notUpdated("no client updated")
}

// update changes what was pushed, and answers as OpenVPN 2.7 does, in two lines.
func (r *reader) update(b backend.Backend, u backend.Update, options string) {
	u.Options = backend.SplitOptions([]string{options})
	if err := u.Check(); err != nil {
		r.notUpdated(err.Error())
		return
	}
	done, err := b.PushUpdate(u)
	switch {
	case err != nil:
		r.notUpdated(err.Error())
	case len(done.Told) == 0:
		r.notUpdated("no client updated")
	default:
		r.say(fmt.Sprintf("SUCCESS: %d client(s) updated", len(done.Told)), "SUCCESS: push-update command succeeded")
	}
}

func (r *reader) notUpdated(why string) {
	r.say("ERROR: "+why, "ERROR: push-update command failed")
}
