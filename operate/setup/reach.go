package setup

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"culvert/host/process"
)

// DefaultPort is OpenVPN's registered port.
const DefaultPort = 1194

// reach is how clients find and recognize the server. It is kept as JSON.
type reach struct {
	Host       string `json:"host"` // DNS name or IP address
	Port       int    `json:"port"`
	Proto      string `json:"proto,omitempty"` // udp or tcp; "": udp
	ServerName string `json:"server_name"`     // common name of its certificate
	Control    string `json:"control,omitempty"`
}

// The values of reach.Control: what protects the control channel, as profiles have it.
// "" is tls-crypt-v2. All but the last are also the name of the key's block.
const (
	controlV2    = "tls-crypt-v2"
	controlCrypt = "tls-crypt"
	controlAuth  = "tls-auth"
	controlNone  = "none"
)

// hostName matches a DNS name in ASCII: labels of letters, digits, - and _.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// SplitHost parses NAME[:PORT], as given to `culvert init --host`. NAME is a DNS
// name, an IPv4 address or an IPv6 address, in brackets if a port follows. The
// default port is DefaultPort.
func SplitHost(s string) (host string, port int, err error) {
	host, port = s, DefaultPort
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !isIPv6(s) && !strings.HasSuffix(s, "]") {
		host = s[:i]
		if port, err = strconv.Atoi(s[i+1:]); err != nil {
			return "", 0, fmt.Errorf("host %q: expected a port number after the colon, got %q; write it like vpn.example.org:1194", s, s[i+1:])
		}
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	r := reach{Host: host, Port: port}
	return host, port, r.check()
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

// numeric matches a name that ends like an IPv4 address, which no DNS name does.
var numeric = regexp.MustCompile(`(^|\.)[0-9]+$`)

// control is what protects the control channel.
func (r reach) control() string { return cmp.Or(r.Control, controlV2) }

// check returns what is wrong with the host or port.
func (r reach) check() error {
	addr, err := netip.ParseAddr(r.Host)
	switch {
	case r.Port < 1 || r.Port > 65535:
		return fmt.Errorf("port %d: expected 1 to 65535", r.Port)
	case !slices.Contains([]string{"", controlV2, controlCrypt, controlAuth, controlNone}, r.Control):
		return fmt.Errorf("control %.20q: expected tls-crypt-v2, tls-crypt, tls-auth or none", r.Control)
	case r.Proto != "" && r.Proto != "udp" && r.Proto != "tcp":
		return fmt.Errorf("proto %.20q: expected udp or tcp", r.Proto)
	case err == nil && (addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != ""):
		return fmt.Errorf("host %s: clients cannot reach that address; use the server's public name or address", r.Host)
	case err != nil && (len(r.Host) > 253 || !hostName.MatchString(r.Host) || numeric.MatchString(r.Host)):
		return fmt.Errorf("host %.80q: expected a name such as vpn.example.org, or an IP address (write a name with letters outside ASCII as xn--…)", r.Host)
	}
	return nil
}

// TCP reports whether clients connect by TCP.
func (r reach) TCP() bool { return r.Proto == "tcp" }

func (r reach) encode() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}

// loadReach reads the file in a server's directory.
func loadReach(dir string) (reach, error) {
	var r reach
	path := filepath.Join(dir, reachFile)
	text, err := process.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%s is not a server's directory: it has no %s; to make one, run: culvert init --dir %s --host NAME", dir, reachFile, dir)
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w; expected {\"host\": \"NAME\", \"port\": %d, \"server_name\": \"NAME\"}", path, err, DefaultPort)
	}
	if err := r.check(); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if r.ServerName == "" || strings.ContainsFunc(r.ServerName, func(c rune) bool { return c < ' ' }) {
		return r, fmt.Errorf("%s: server_name %q: expected the common name of %s", path, r.ServerName, serverCertFile)
	}
	return r, nil
}
