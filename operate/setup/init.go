package setup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/session/wrap"
	"culvert/store/bolt"
)

// serverName is the common name in the server's certificate, and also an
// alternative name, for clients that look at those only. It is not the host's
// name, since that may change, and profiles expect this one.
const serverName = "culvert-server"

// defaultNetwork is the network in OpenVPN's own examples.
var defaultNetwork = netip.MustParsePrefix("10.8.0.0/24")

// DefaultDNS are the resolvers for clients if none are named: those of Quad9,
// which check DNSSEC and keep no addresses. The host's own resolvers would not
// do, since often only the host can reach them.
var DefaultDNS = []netip.Addr{
	netip.AddrFrom4([4]byte{9, 9, 9, 9}),
	netip.AddrFrom4([4]byte{149, 112, 112, 112}),
}

// InitOptions say which server to make.
type InitOptions struct {
	Dir  string // made with mode 0700 if missing
	Host string // DNS name or IP address that clients connect to
	Port int    // that clients connect to; 0: DefaultPort
	Now  time.Time
	Rand io.Reader // cryptographically secure

	Network  netip.Prefix // IPv4, /8 to /29; zero: 10.8.0.0/24
	Network6 netip.Prefix // IPv6, /64 to /112; zero: a random local /64 (RFC 4193)
	DNS      []netip.Addr // for clients; nil: DefaultDNS
	User     string       // the user that the server runs as; "": the user who starts it

	// ForceCookie keeps no state for a client before it has proved its address,
	// and shuts out clients older than OpenVPN 2.6.
	ForceCookie bool

	Proto     string         // udp or tcp; "": udp
	Listen    int            // the port on this host, if a router maps another one to it; 0: Port
	Routes    []netip.Prefix // what clients reach through the tunnel; nil: everything
	Verb      *int           // how much the server logs, 0 to 11; nil: 3
	Lines     string         // further lines of the configuration
	Authority *pki.Authority // that signs the certificates; nil: one by Key
	Key       AuthorityKey   // where the key of a new authority is to be
	// Kept has Reconfigure write server.conf anew for as long as nobody edits it.
	Kept bool
}

// Result is what Init made.
type Result struct {
	Dir               string // absolute
	Config            string // the path of server.conf
	Files             []string
	Host              string
	Port              int
	Proto             string
	Network, Network6 netip.Prefix
	Expires           time.Time // of the server's certificate
	keeping           string    // what is to be kept secret
}

// Summary describes for a person what was made, and what to do next.
func (r *Result) Summary() string {
	return fmt.Sprintf(`Made a server for %s, %s port %d, in %s:
  networks %v and %v, certificate valid until %s.
  You may edit %s. Keep a copy of the directory in a safe place:
  %s

Next:
  culvert serve --dir %s
  culvert client add NAME --dir %s -o NAME.ovpn
`, r.Host, strings.ToUpper(r.Proto), r.Port, r.Dir, r.Network, r.Network6, r.Expires.Format(time.DateOnly), r.Config, r.keeping, shell(r.Dir), shell(r.Dir))
}

// Init makes a server's directory. If any of its files exists, the error wraps
// fs.ErrExist.
func Init(o InitOptions) (*Result, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	files, expires, err := o.files()
	if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	people := filepath.Join(o.Dir, bolt.File)
	if err := writeNew(files, func() error { return bolt.Create(people) }); errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("init: %w; choose a directory of yours with --dir, or run this as root", err)
	} else if err != nil {
		return nil, fmt.Errorf("init: %w", err)
	}
	r := &Result{
		Dir: o.Dir, Config: filepath.Join(o.Dir, serverConfFile), Host: o.Host, Port: o.Port, Proto: o.Proto,
		Network: o.Network, Network6: o.Network6, Expires: expires, keeping: o.keeping(),
	}
	for _, f := range files {
		r.Files = append(r.Files, f.path)
	}
	r.Files = append(r.Files, people)
	return r, nil
}

// keeping says what whoever has the authority's key can do.
func (o *InitOptions) keeping() string {
	switch {
	case len(o.Key.Command.Argv) > 0:
		return "whoever may run the sign command can let anyone in, and without it you cannot add clients."
	case len(o.Key.Passphrase) > 0:
		return "whoever has ca.key and its passphrase can let anyone in, and without both you cannot add clients."
	}
	return "whoever has ca.key can let anyone in, and without it you cannot add clients."
}

// complete fills in the defaults and checks the options.
func (o *InitOptions) complete() (err error) {
	if o.Dir == "" || strings.ContainsAny(o.Dir, "\r\n\x00") {
		return fmt.Errorf("directory %q: expected a path on one line; set it with --dir", o.Dir)
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.Proto == "" {
		o.Proto = "udp"
	}
	if o.Listen == 0 {
		o.Listen = o.Port
	}
	if err := (reach{Host: o.Host, Port: o.Port, Proto: o.Proto}).check(); err != nil {
		return err
	}
	if o.Listen < 1 || o.Listen > 65535 {
		return fmt.Errorf("port %d: expected 1 to 65535", o.Listen)
	}
	if o.Verb == nil {
		o.Verb = new(3)
	}
	if o.DNS == nil && o.Routes == nil {
		o.DNS = DefaultDNS
	}
	return o.completeNetworks()
}

func (o *InitOptions) completeNetworks() (err error) {
	if !o.Network.IsValid() {
		o.Network = defaultNetwork
	}
	if !o.Network6.IsValid() {
		if o.Network6, err = randomNetwork6(o.Rand); err != nil {
			return err
		}
	}
	if n := o.Network; !n.Addr().Is4() || n.Bits() < 8 || n.Bits() > 29 || n != n.Masked() {
		return fmt.Errorf("network %v: expected an IPv4 network from /8 to /29, with no bits set after the prefix, such as %v", n, defaultNetwork)
	}
	if n := o.Network6; !n.Addr().Is6() || n.Addr().Is4In6() || n.Bits() < 64 || n.Bits() > 112 || n != n.Masked() {
		return fmt.Errorf("network %v: expected an IPv6 network from /64 to /112, with no bits set after the prefix, such as fd12:3456:789a::/64", n)
	}
	return nil
}

// randomNetwork6 returns the first /64 of a unique local network (RFC 4193,
// section 3.2: fd and 40 random bits).
func randomNetwork6(rand io.Reader) (netip.Prefix, error) {
	a := [16]byte{0: 0xfd}
	if _, err := io.ReadFull(rand, a[1:6]); err != nil {
		return netip.Prefix{}, fmt.Errorf("random network: %w", err)
	}
	return netip.PrefixFrom(netip.AddrFrom16(a), 64), nil
}

// files returns the files of the directory, and when the server's certificate
// expires.
func (o *InitOptions) files() ([]file, time.Time, error) {
	authority, err := o.authority()
	if err != nil {
		return nil, time.Time{}, err
	}
	server, err := authority.IssueServer(o.Rand, o.Now, serverName, 0, o.Host, serverName)
	if err != nil {
		return nil, time.Time{}, err
	}
	wrapKey, err := wrap.GenerateServerKeyV2(o.Rand)
	if err != nil {
		return nil, time.Time{}, err
	}
	list, err := authority.Revoke(o.Now, nil)
	if err != nil {
		return nil, time.Time{}, err
	}
	conf, err := serverConf{*o}.text()
	if err != nil {
		return nil, time.Time{}, err
	}
	way, err := o.reach().encode()
	if err != nil {
		return nil, time.Time{}, err
	}
	in := func(name string) string { return filepath.Join(o.Dir, name) }
	return []file{
		{in(caCertFile), authority.CertPEM(), publicFile},
		authority.file(o.Dir, presentFiles),
		{in(serverCertFile), server.CertPEM, publicFile},
		{in(serverKeyFile), server.KeyPEM, privateFile},
		{in(wrapKeyFile), wrapKey.Format(), privateFile},
		{in(listFile), list, publicFile},
		{in(serverConfFile), conf, o.confMode()},
		{in(reachFile), way, publicFile},
	}, server.NotAfter, nil
}

// file is the one that says where the authority's key is: that of the key itself, or of
// the command.
func (m made) file(dir string, names keyFiles) file {
	if m.text != nil {
		return file{filepath.Join(dir, names.source), m.text, privateFile}
	}
	return file{filepath.Join(dir, names.key), m.secret, privateFile}
}

// confMode is that of server.conf: lines of somebody else's may hold keys.
func (o *InitOptions) confMode() fs.FileMode {
	if o.Lines != "" {
		return privateFile
	}
	return publicFile
}

// reach is what is kept of the options for the profiles of clients.
func (o *InitOptions) reach() reach {
	r := reach{Host: o.Host, Port: o.Port, ServerName: serverName}
	if o.Proto != "udp" {
		r.Proto = o.Proto
	}
	return r
}

// authority is the given one, or one by Key.
func (o *InitOptions) authority() (m made, err error) {
	if o.Authority == nil {
		return o.Key.make(o.Rand, o.Now)
	}
	m.Authority = o.Authority
	m.secret, err = m.keep(nil)
	return m, err
}
