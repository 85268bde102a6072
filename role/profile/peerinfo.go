package profile

import (
	"maps"
	"net"
	"net/netip"
	"runtime"
	"strings"

	"culvert/config"
	"culvert/session/negotiate"
)

// userVariables returns the variables of `setenv` that a server gets: the one that
// names the program showing the tunnel to its user, and with push-peer-info those
// about this host.
func userVariables(c config.Process) map[string]string {
	told := make(map[string]string)
	for _, v := range c.Env {
		name, value := v.Name, v.Value
		switch {
		case name == "IV_GUI_VER",
			c.PushPeerInfo && (name == "IV_HWADDR" || name == "IV_PLAT_VER" || strings.HasPrefix(name, "UV_")):
			told[name] = value
		}
	}
	return told
}

// WithHost returns told with what push-peer-info adds about this host: versions, and
// the MAC address of the interface on the way to server (man page, push-peer-info).
// What `setenv` sets instead stays.
func WithHost(c config.Process, told negotiate.PeerInfo, server netip.Addr) negotiate.PeerInfo {
	if !c.PushPeerInfo {
		return told
	}
	info := negotiate.PeerInfo{"IV_SSL": "crypto/tls of " + runtime.Version()}
	if v := systemVersion(); v != "" {
		info["IV_PLAT_VER"] = v
	}
	if a := hardwareAddr(server); a != nil {
		info["IV_HWADDR"] = a.String()
	}
	maps.Copy(info, told)
	return info
}

// hardwareAddr returns the MAC address of the interface on the way to a server, nil if
// it has none. It sends no packet.
func hardwareAddr(server netip.Addr) net.HardwareAddr {
	const discard = 9
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(server, discard)))
	if err != nil {
		return nil
	}
	defer conn.Close()
	own := conn.LocalAddr().(*net.UDPAddr).IP
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range interfaces {
		if addrs, err := i.Addrs(); err == nil && len(i.HardwareAddr) > 0 && holds(addrs, own) {
			return i.HardwareAddr
		}
	}
	return nil
}

func holds(addrs []net.Addr, ip net.IP) bool {
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}
