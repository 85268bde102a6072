package ldap

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"culvert/access/hooks"
)

// Options say how LDAP is asked.
type Options struct {
	Log *slog.Logger // is told why LDAP refuses somebody
	// Slots bound how many logins are checked at a time.
	Slots *hooks.Slots
	// Dir is where the names of files start from; "" for the working directory.
	Dir string
	// Dial connects to servers; nil: net.Dialer does.
	Dial Dial
	// Root is where the names of sockets (ldapi) will start from once this process is in a
	// chroot; "": nowhere else.
	Root string
}

// Dial is net.Dialer's DialContext.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// New returns what asks LDAP as a configuration says. It reads the certificates and the
// key that it names.
func New(c *Config, o Options) (*Checker, error) {
	t, err := c.tls(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := c.sockets(o.Root); err != nil {
		return nil, err
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	r := &Checker{c: c, log: o.Log, slots: o.Slots}
	r.dial = func(ctx context.Context) (directory, error) { return c.connect(ctx, o.Dial, t) }
	return r, nil
}

// tls returns the settings for TLS with the servers.
func (c *Config) tls(dir string) (*tls.Config, error) {
	path := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if t.RootCAs, err = c.authorities(path); err != nil {
		return nil, err
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(path(c.CertFile), path(c.Key))
		if err != nil {
			return nil, fmt.Errorf("TLSCertFile, TLSKeyFile: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// authorities are those whose certificates servers may show. They are read here, since
// their files may be out of reach later.
func (c *Config) authorities(path func(string) string) (*x509.CertPool, error) {
	if c.CAFile == "" && c.CADir == "" {
		return x509.SystemCertPool()
	}
	all, found := x509.NewCertPool(), false
	if c.CAFile != "" {
		text, err := os.ReadFile(path(c.CAFile))
		if err != nil {
			return nil, fmt.Errorf("TLSCACertFile: %w", err)
		}
		if found = all.AppendCertsFromPEM(text); !found {
			return nil, fmt.Errorf("TLSCACertFile: %s: expected certificates in PEM, found none", path(c.CAFile))
		}
	}
	for _, name := range directoryFiles(c.CADir, path) {
		if text, err := os.ReadFile(name); err == nil && all.AppendCertsFromPEM(text) {
			found = true
		}
	}
	if !found {
		return nil, fmt.Errorf("TLSCACertDir: %s: expected files with certificates in PEM, found none", path(c.CADir))
	}
	return all, nil
}

// directoryFiles are the files of a directory; none for "".
func directoryFiles(dir string, path func(string) string) (names []string) {
	if dir == "" {
		return nil
	}
	list, _ := os.ReadDir(path(dir))
	for _, f := range list {
		names = append(names, filepath.Join(path(dir), f.Name()))
	}
	return names
}

// connect connects to the first server that answers, with TLS, and binds. The connection
// is closed with ctx.
func (c *Config) connect(ctx context.Context, dial Dial, t *tls.Config) (directory, error) {
	var all []error
	for _, server := range c.URLs {
		d, err := c.connectTo(ctx, dial, server, t)
		if err == nil {
			return d, nil
		}
		all = append(all, fmt.Errorf("%s: %w", server, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(all...)
}

// closing is a connection that is closed with a context, too.
type closing struct {
	*ldap.Conn
	stop func() bool
}

func (c *closing) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (c *closing) detach() bool { return c.stop() && !c.IsClosing() }

func (c *closing) attach(ctx context.Context) {
	c.stop = context.AfterFunc(ctx, func() { c.Conn.Close() })
}

func (c *Config) connectTo(ctx context.Context, dial Dial, server string, t *tls.Config) (directory, error) {
	u, err := parseURL(server)
	if err != nil {
		return nil, err
	}
	t = t.Clone()
	t.ServerName = u.Hostname()
	short, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	raw, err := dial.reach(short, u)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "ldaps" {
		secure := tls.Client(raw, t)
		if err := secure.HandshakeContext(short); err != nil {
			raw.Close()
			return nil, err
		}
		raw = secure
	}
	conn := ldap.NewConn(raw, u.Scheme == "ldaps")
	conn.SetTimeout(c.Timeout)
	conn.Start()
	d := &closing{Conn: conn}
	d.attach(ctx)
	if c.StartTLS && u.Scheme == "ldap" {
		raw.SetDeadline(time.Now().Add(c.Timeout)) // SetTimeout does not hold for the handshake
		err = conn.StartTLS(t)
		raw.SetDeadline(time.Time{})
	}
	if err == nil && c.BindDN != "" {
		if err = conn.Bind(c.BindDN, c.Password); err != nil {
			err = fmt.Errorf("binding as BindDN %s: %w", c.BindDN, err)
		}
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// ldapiSocket is where a server on this host listens by default (ldapi).
const ldapiSocket = "/run/slapd/ldapi"

// reach connects to the address that a URL names.
func (dial Dial) reach(ctx context.Context, u *url.URL) (net.Conn, error) {
	network, address := "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]))
	if u.Scheme == "ldapi" {
		network, address = "unix", socketOf(u)
	}
	return dial(ctx, network, address)
}

func socketOf(u *url.URL) string { return cmp.Or(strings.TrimSuffix(u.Path, "/"), ldapiSocket) }

// sockets fails if a server's socket is out of reach from within a chroot at root.
func (c *Config) sockets(root string) error {
	for _, server := range c.URLs {
		u, err := parseURL(server)
		if err != nil || u.Scheme != "ldapi" || root == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, socketOf(u))); err != nil {
			return fmt.Errorf("%s: with chroot %s, the socket is looked for below that directory: %w; have the LDAP server listen there, or ask it by ldap://127.0.0.1", server, root, err)
		}
	}
	return nil
}
