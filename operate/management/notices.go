package management

import (
	"fmt"
	"net/netip"
	"strings"

	"culvert/access/hooks"
	"culvert/role/server"
)

// clientLines is a message about a client with its environment (>CLIENT). Those about
// logins also show, where env-filter leaves it out, what the client says of itself.
func clientLines(head string, env *hooks.Env, level int, login bool) []string {
	lines := []string{">CLIENT:" + head}
	add := func(v hooks.Variable) { lines = append(lines, ">CLIENT:ENV,"+v.String()) }
	all := env.All()
	if login && level > 0 {
		for n := range all {
			if v := all[len(all)-1-n]; strings.HasPrefix(v.Name, "IV_") || strings.HasPrefix(v.Name, "UV_") {
				add(v)
			}
		}
	}
	for _, v := range all {
		if shows(level, v.Name) {
			add(v)
		}
	}
	return append(lines, ">CLIENT:ENV,END")
}

// shows reports whether env-filter leaves a variable in: at level 0 and below all of them,
// at 1 those that say who the client is and where, at 2 without the names in certificates
// but for the client's own, and from 3 on none (as OpenVPN 2.6.14 and 2.7.8 did it).
func shows(level int, name string) bool {
	if level <= 0 || level > 2 {
		return level <= 0
	}
	switch name {
	case "username", "password", "untrusted_ip", "dev", "daemon_pid", "daemon_start_time", "X509_0_CN",
		"ifconfig_local", "ifconfig_netmask", "ifconfig_pool_remote_ip", "ifconfig_pool_netmask",
		"session_id", "session_state", "bytes_received", "bytes_sent", "time_duration":
		return true
	}
	return strings.HasPrefix(name, "tls_serial_") || level == 1 && strings.HasPrefix(name, "X509_")
}

// Client takes an event of a server: readers that decide about clients hear of those that
// are in, of their addresses, and of those that left (>CLIENT:ESTABLISHED, ADDRESS,
// DISCONNECT).
func (i *Interface) Client(e server.Event) {
	if i == nil {
		return
	}
	if _, restarts := e.(server.Restarting); restarts {
		i.mu.Lock()
		o := i.clients.own
		i.mu.Unlock()
		i.State(plainState(stateReconnecting, "SIGUSR1"))
		o.report(i)
	}
	if !i.cfg.ClientAuth {
		return
	}
	switch e := e.(type) {
	case server.Learned:
		if e.Refused == nil && e.Change != server.AddressDeleted {
			i.Broadcast(addressLine(e))
		}
	case server.Up:
		env := e.Applicant.Env.Clone()
		env.SetInt("n_clients", int64(i.load()))
		i.aboutClient("ESTABLISHED", e.Number, env, false)
	case server.Ended:
		i.aboutClient("DISCONNECT", e.Number, e.Applicant.Env, true)
	}
}

// aboutClient tells of a client that readers have heard of; gone says that they will hear
// no more.
func (i *Interface) aboutClient(what string, number uint64, env *hooks.Env, gone bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.clients.known[number] {
		return
	}
	if gone {
		delete(i.clients.known, number)
	}
	i.broadcast(nil, clientLines(fmt.Sprintf("%s,%d", what, number), env, i.clients.envLevel, false)...)
}

// addressLine is >CLIENT:ADDRESS, with 1 for the client's own address and 0 for a network
// behind it. An IPv4 network is written with its mask.
func addressLine(e server.Learned) string {
	address, own := e.Address, 1
	if p, err := netip.ParsePrefix(address); err == nil {
		own = 0
		if p.Addr().Is4() {
			address = p.Addr().String() + "/" + mask(p.Bits())
		}
	}
	return fmt.Sprintf(">CLIENT:ADDRESS,%d,%s,%d", e.Number, address, own)
}

// mask is the netmask of an IPv4 network.
func mask(bits int) string {
	m := ^uint32(0) << (32 - bits)
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
}
