package config

// Listen is one socket of a server (`local`).
type Listen struct {
	Host  string // "" for all addresses
	Port  int
	Proto Proto
	Pos   Pos // not set for the one without a `local`
}

// HTTPProxy is `http-proxy` and its options.
type HTTPProxy struct {
	Host, Port string
	Auth       ProxyAuth
	Version    string   // of HTTP; "" for the default
	Agent      string   // User-Agent
	Headers    []Header // more lines of the request, in order
	Ask        bool     // user name and password are to be asked for when wanted
	Pos        Pos
}

// Header is a line of an HTTP request.
type Header struct{ Name, Value string }

// ProxyAuth is how to log in to an HTTP proxy.
type ProxyAuth int

// The ways. ProxyAuto is the best that the proxy offers, ProxyNoClear the best
// that does not send the password.
const (
	ProxyNone ProxyAuth = iota
	ProxyBasic
	ProxyDigest
	ProxyNTLM
	ProxyAuto
	ProxyNoClear
)

// SOCKSProxy is `socks-proxy`.
type SOCKSProxy struct {
	Host, Port string
	UserPass   *File // nil: without a login
	Ask        bool  // user name and password are to be asked for
	Pos        Pos
}

// login returns the file with the login, or nil.
func (p *SOCKSProxy) login() *File {
	if p == nil {
		return nil
	}
	return p.UserPass
}

// PortShare is `port-share`.
type PortShare struct {
	Host, Port string
	Dir        string // for a file per connection, "" for none
}

// Listens returns the sockets of a server: one for each `local`, or one by `port`
// and `proto`.
func (c *Config) Listens() []Listen {
	if len(c.Link.Locals) > 0 {
		return c.Link.Locals
	}
	return []Listen{{Host: c.Link.Local, Port: c.Link.LocalPort, Proto: c.Link.Proto}}
}
