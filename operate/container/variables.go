package container

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"culvert/access/pki"
	"culvert/operate/setup"
)

// Variable is one setting.
type Variable struct {
	Name    string // CULVERT_…
	Example string
	Help    string
	// Secret ones are taken from a file only, NAME_FILE: others could see a value in
	// the environment.
	Secret bool

	set func(*Settings, string) error
	// outside: it says nothing of server.conf, so that it has an effect beside one
	// that somebody edited.
	outside bool
}

// Variables is the table of all. Each can also be given as NAME_FILE, the path of a
// file with the value.
var Variables = []Variable{
	{Name: "CULVERT_HOST", Example: "vpn.example.org", set: setHost, Help: "the server's public name or address, and the port that clients connect to if that is not CULVERT_PORT; needed"},
	{Name: "CULVERT_PORT", Example: "1194", set: setPort, Help: "the port that the server listens on"},
	{Name: "CULVERT_PROTO", Example: "udp", set: setProto, Help: "udp or tcp"},
	{Name: "CULVERT_NETWORK", Example: "10.8.0.0/24", set: setNetwork, Help: "the tunnel's IPv4 network"},
	{Name: "CULVERT_NETWORK6", Example: "fd00:8::/64", set: setNetwork6, Help: "the tunnel's IPv6 network; else a random one, which stays"},
	{Name: "CULVERT_ROUTES", Example: "10.1.0.0/16", set: setRoutes, Help: "networks that clients reach through the tunnel; else everything"},
	{Name: "CULVERT_DNS", Example: "9.9.9.9", set: setDNS, Help: "DNS servers for the clients, or none; else those of Quad9, with CULVERT_ROUTES none"},
	{Name: "CULVERT_VERB", Example: "3", set: setVerb, Help: "how much to log, 0 to 11"},
	{Name: "CULVERT_CONFIG", Example: "max-clients 50", set: setConfig, Help: "further lines for server.conf"},
	{Name: "CULVERT_CLIENTS", Example: "phone laptop", set: setClients, outside: true, Help: "clients to make profiles for, in profiles/NAME.ovpn, if they have none"},
	{Name: "CULVERT_DIR", Example: DefaultDir, set: setDir, outside: true, Help: "the server's directory, on a volume"},
	{Name: "CULVERT_USERSPACE", Example: "yes", set: setUserSpace, outside: true, Help: "yes: use no device; else if not root"},
	{Name: "CULVERT_ALLOW_LAN", Example: "no", set: setAllowLAN, outside: true, Help: "yes: without a device, let clients reach the networks that the container is on"},
	{Name: "CULVERT_CA_CERT", set: setCA, outside: true, Help: "the certificate of an authority of yours, in PEM, for the first start; else a new one is made"},
	{Name: "CULVERT_CA_KEY", set: setCAKey, outside: true, Secret: true, Help: "its key, in PEM"},
}

const (
	prefix     = "CULVERT_"
	fileSuffix = "_FILE"
	maxValue   = 1 << 20 // bytes
)

// Read reads the variables of an environment, as os.Environ has it, and by readFile the
// files that they name. A variable of ours by name that is not in the table is an error,
// so that a misspelt one does not go unnoticed.
func Read(environ []string, readFile func(string) ([]byte, error)) (Settings, error) {
	s := Settings{Dir: DefaultDir}
	given := make(map[string]string)
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, prefix) || ofOthers(name, value) {
			continue
		}
		if !known(name) {
			return s, fmt.Errorf("%s: there is no such variable; those there are: %s. If Kubernetes sets it for a Service, write enableServiceLinks: false into the pod's specification",
				name, strings.Join(names(), ", "))
		}
		given[name] = value
	}
	for _, v := range Variables {
		value, from, err := v.value(given, readFile)
		if err != nil {
			return s, err
		}
		if value == "" {
			continue
		}
		if err := v.set(&s, value); err != nil {
			return s, fmt.Errorf("%s: %w", from, err)
		}
		if !v.outside {
			s.given = append(s.given, v.Name)
		}
	}
	return s, nil
}

// value is a variable's, and which variable of the environment had it. An empty one
// counts as not set, as in a compose file that passes on what is not there.
func (v Variable) value(given map[string]string, readFile func(string) ([]byte, error)) (value, from string, err error) {
	value, file := given[v.Name], given[v.Name+fileSuffix]
	switch {
	case value != "" && v.Secret:
		return "", v.Name, fmt.Errorf("%s is a secret, and others could see it in the environment; put it into a file, and its path into %[1]s%s", v.Name, fileSuffix)
	case value != "" && file != "":
		return "", v.Name, fmt.Errorf("%s and %[1]s%s are both set; set one of them", v.Name, fileSuffix)
	case file == "":
		return strings.TrimSpace(value), v.Name, nil
	}
	text, err := readFile(file)
	if err != nil {
		return "", v.Name, fmt.Errorf("%s%s: %w; expected the path of a file with the value", v.Name, fileSuffix, err)
	}
	if len(text) > maxValue {
		return "", v.Name, fmt.Errorf("%s%s: %s has %d bytes, and no value is longer than %d", v.Name, fileSuffix, file, len(text), maxValue)
	}
	return strings.TrimSpace(string(text)), v.Name + fileSuffix, nil
}

// serviceLink is what Kubernetes sets for a Service by the name culvert, or one that
// begins with culvert-, besides …_PORT.
var serviceLink = regexp.MustCompile(`^CULVERT(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// ofOthers reports whether a variable begins as ours do and is not for us: what a process
// of this program sets for another one, and what Kubernetes sets for Services, all but
// the one that has a name of ours. It tells …_PORT, which somebody may have meant for us,
// by its value, such as tcp://10.0.0.1:80.
func ofOthers(name, value string) bool {
	if known(name) {
		return false
	}
	return slices.Contains([]string{"CULVERT_BACKGROUND", "CULVERT_WORKER", "CULVERT_WATCHDOG_USEC"}, name) ||
		serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

func known(name string) bool {
	return slices.ContainsFunc(Variables, func(v Variable) bool { return name == v.Name || name == v.Name+fileSuffix })
}

func names() (all []string) {
	for _, v := range Variables {
		all = append(all, v.Name)
	}
	return all
}

// words are a value's, which spaces or commas separate.
func words(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

func setHost(s *Settings, value string) error {
	s.host = value
	_, _, err := setup.SplitHost(value)
	return err
}

func setPort(s *Settings, value string) error {
	port, err := strconv.ParseUint(value, 10, 16)
	if strings.Contains(value, "://") {
		return fmt.Errorf("%.80q is what Kubernetes sets for a Service by the name culvert; write enableServiceLinks: false into the pod's specification, or give the Service another name", value)
	}
	if err != nil || port == 0 {
		return fmt.Errorf("%.80q: expected a port from 1 to 65535, such as 1194", value)
	}
	s.port = int(port)
	return nil
}

func setProto(s *Settings, value string) error {
	if value != "udp" && value != "tcp" {
		return fmt.Errorf("%.80q: expected udp or tcp", value)
	}
	s.init.Proto = value
	return nil
}

func setNetwork(s *Settings, value string) (err error) {
	s.init.Network, err = network(value)
	return err
}

func setNetwork6(s *Settings, value string) (err error) {
	s.init.Network6, err = network(value)
	return err
}

func setRoutes(s *Settings, value string) error {
	for _, word := range words(value) {
		p, err := network(word)
		if err != nil {
			return err
		}
		s.init.Routes = append(s.init.Routes, p)
	}
	return nil
}

func network(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p != p.Masked() {
		return p, fmt.Errorf("%.80q: expected a network such as 10.8.0.0/24, with no bits set after the prefix", text)
	}
	return p, nil
}

func setDNS(s *Settings, value string) error {
	s.init.DNS = []netip.Addr{}
	if value == "none" {
		return nil
	}
	for _, word := range words(value) {
		a, err := netip.ParseAddr(word)
		if err != nil || a.Zone() != "" {
			return fmt.Errorf("%.80q: expected IP addresses, or none", word)
		}
		s.init.DNS = append(s.init.DNS, a)
	}
	return nil
}

func setVerb(s *Settings, value string) error {
	const most = 11
	verb, err := strconv.ParseUint(value, 10, 8)
	if err != nil || verb > most {
		return fmt.Errorf("%.80q: expected a number from 0 to %d", value, most)
	}
	s.init.Verb = new(int(verb))
	return nil
}

func setConfig(s *Settings, value string) error {
	s.init.Lines = strings.ReplaceAll(value, "\r\n", "\n")
	return nil
}

func setClients(s *Settings, value string) error {
	s.clients = words(value)
	return nil
}

func setDir(s *Settings, value string) error {
	if !strings.HasPrefix(value, "/") {
		return fmt.Errorf("%.80q: expected a path that begins with /", value)
	}
	s.Dir = value
	return nil
}

func setUserSpace(s *Settings, value string) error {
	yes, err := yesNo(value)
	s.UserSpace = &yes
	return err
}

func setAllowLAN(s *Settings, value string) (err error) {
	s.AllowLAN, err = yesNo(value)
	return err
}

func yesNo(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "yes", "true", "1", "on":
		return true, nil
	case "no", "false", "0", "off":
		return false, nil
	}
	return false, fmt.Errorf("%.80q: expected yes or no", value)
}

func setCA(s *Settings, value string) error {
	s.ca = value
	return nil
}

func setCAKey(s *Settings, value string) error {
	s.caKey = value
	return nil
}

// authority gives the options the authority of the settings, if there is one.
func (s Settings) authority(o *setup.InitOptions) (err error) {
	if s.ca == "" && s.caKey == "" {
		return nil
	}
	if s.ca == "" || s.caKey == "" {
		return fmt.Errorf("CULVERT_CA_CERT and CULVERT_CA_KEY_FILE belong together, and one of them is not set; set both, or neither for a new authority")
	}
	if o.Authority, err = pki.LoadAuthority([]byte(s.ca), []byte(s.caKey)); err != nil {
		return fmt.Errorf("CULVERT_CA_CERT, CULVERT_CA_KEY_FILE: %w", err)
	}
	return nil
}

// splitHost is as setup.SplitHost, and reports whether a port was named.
func splitHost(value string) (host string, port int, named bool, err error) {
	host, port, err = setup.SplitHost(value)
	return host, port, strings.HasSuffix(value, ":"+strconv.Itoa(port)) && value != host, err
}
