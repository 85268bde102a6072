package config

import "strconv"

// Management is OpenVPN's management interface (man page, "Management Interface
// Options").
type Management struct {
	// Address is an IP address or host name for TCP, "tunnel" for this end's address in
	// the tunnel, and a path for Unix; "": there is no interface.
	Address string
	Port    string
	Unix    bool
	// PasswordFile has the password on its first line: a name, "stdin" to have it asked
	// for, or "" for none.
	PasswordFile string

	Client      bool   // connects to Address instead of listening there
	ClientAuth  bool   // readers decide who may connect to this server
	ClientUser  string // who may use the Unix socket; "": anybody
	ClientGroup string
	LogCache    int  // lines of the log; 0: not set
	Hold        bool // waits for a reader before it starts
	Signal      bool // connects anew when the last reader leaves
	UpDown      bool // tells readers of up and down
	// ForgetDisconnect forgets passwords when the last reader leaves.
	ForgetDisconnect bool

	QueryPasswords bool         // passwords are asked for there, and never on the terminal
	QueryRemote    bool         // client: which remote to try
	QueryProxy     bool         // client: which proxy to use for it
	ExternalKey    *ExternalKey // client: signatures come from there; nil: this process has the key
	ExternalCert   string       // client: the hint by which the certificate is asked for; "" for `cert`
}

// InTunnel reports whether the interface is at this end's address in the tunnel.
func (m Management) InTunnel() bool { return m.Address == "tunnel" && !m.Unix }

// setManagement is `management`: IP port, or socket unix.
func setManagement(b *builder, d *call) error {
	m := &b.Management
	switch {
	case d.args[0] == "":
		return d.expected("", "an address and a port, or a path and the word unix")
	case d.args[1] == "unix":
		m.Unix, m.Port = true, ""
	default:
		if n, err := strconv.Atoi(d.args[1]); err != nil || n < 0 || n > 65535 {
			return d.expected(d.args[1], "a port from 0 to 65535, or the word unix after a path")
		}
		m.Unix, m.Port = false, d.args[1]
	}
	m.Address, m.PasswordFile = d.args[0], ""
	if len(d.args) > 2 {
		m.PasswordFile = d.args[2]
	}
	return nil
}

// managed is the setter of a directive that switches something of the management
// interface on.
func managed(field func(*Management) *bool) setter {
	return func(b *builder, _ *call) error {
		*field(&b.Management) = true
		return nil
	}
}

// maxLogCache is how many lines of the log are kept at most.
const maxLogCache = 100_000

func setLogCache(b *builder, d *call) (err error) {
	b.Management.LogCache, err = d.capped(0, 1, maxLogCache)
	return err
}

// checkManagement refuses what has no effect without an interface, or not with its kind.
func checkManagement(c check) {
	m := &c.Management
	for _, d := range Directives() {
		if d.Part == PartManagement && d.Name != "management" && d.Status == Supported && c.has(d.Name) && m.Address == "" {
			c.problem(d.Name, "needs the management interface", "add the line: management 127.0.0.1 7505 PASSWORDFILE, or remove this one")
		}
	}
	for _, name := range []string{"management-client-user", "management-client-group"} {
		if c.has(name) && m.Address != "" && !m.Unix {
			c.problem(name, "only a socket tells who connects, and management has an address", "write management PATH unix, or protect the address by a password file and remove this line")
		}
	}
	if m.InTunnel() {
		for _, name := range []string{"management-client", "management-hold", "management-query-passwords", "management-query-remote", "management-query-proxy", "management-external-key", "management-external-cert"} {
			if c.has(name) {
				c.problem(name, "nobody can be reached through a tunnel that is not up yet (management tunnel)", "give management an address of this host, or a socket, or remove this line")
			}
		}
	}
	if m.ClientAuth && c.Mode != ModeServer {
		c.problem("management-client-auth", "only a server has clients", "remove the line")
	}
}
