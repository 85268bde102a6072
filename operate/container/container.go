// Package container makes a server from environment variables, as containers are
// configured: at the first start a directory with authority, keys, configuration and
// profiles, at each later start what has changed since. docs/container.md has the
// variables.
package container

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"culvert/operate/setup"
)

// DefaultDir is a server's directory, if CULVERT_DIR names none.
const DefaultDir = "/etc/culvert"

// profilesDir is where Prepare writes profiles, in a server's directory.
const profilesDir = "profiles"

// Settings are what the variables say.
type Settings struct {
	Dir       string // the server's directory
	UserSpace *bool  // use no device; nil: if not root
	AllowLAN  bool   // in user space: clients may reach the networks this host is on

	host      string // NAME[:PORT]
	port      int    // to listen on; 0: setup.DefaultPort
	init      setup.InitOptions
	clients   []string
	ca, caKey string   // PEM
	given     []string // the variables that are set and shape server.conf
}

// Prepare makes the server's directory, if there is none, and brings it in line with
// the settings. A configuration that somebody edited stays as it is. It logs what it
// did, and warns of settings that have no effect.
func (s Settings) Prepare(now time.Time, rand io.Reader, log *slog.Logger) error {
	o := s.init
	o.Dir, o.Now, o.Rand, o.Kept = s.Dir, now, rand, true
	_, err := os.Stat(filepath.Join(s.Dir, "server.conf"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = s.first(o, log)
	case err == nil:
		err = s.again(o, log)
	}
	if err == nil {
		err = s.profiles(now, rand, log)
	}
	return mended(err, s.Dir)
}

// first makes the directory.
func (s Settings) first(o setup.InitOptions, log *slog.Logger) error {
	if s.host == "" {
		return fmt.Errorf("there is no server.conf in %s, and to make a server its public name or address is needed; set CULVERT_HOST=vpn.example.org", s.Dir)
	}
	if err := s.reach(&o); err != nil {
		return err
	}
	if err := s.authority(&o); err != nil {
		return err
	}
	r, err := setup.Init(o)
	if err == nil {
		log.Info("made a server; keep a copy of its directory in a safe place", "directory", r.Dir, "host", r.Host, "port", r.Port)
	}
	return err
}

// again brings a directory in line that is there.
func (s Settings) again(o setup.InitOptions, log *slog.Logger) error {
	if s.ca != "" || s.caKey != "" {
		log.Warn("CULVERT_CA_CERT and CULVERT_CA_KEY have no effect: " + s.Dir + " has its authority already")
	}
	if s.host == "" {
		if len(s.given) > 0 {
			return fmt.Errorf("%s is set, and CULVERT_HOST is not; set it to the server's public name or address, or set none of the variables to take server.conf as it is", s.given[0])
		}
		return nil
	}
	if err := s.reach(&o); err != nil {
		return err
	}
	changed, err := setup.Reconfigure(o)
	if errors.Is(err, setup.ErrEdited) {
		log.Warn(err.Error() + "; these variables have no effect: " + strings.Join(s.given, ", "))
		return nil
	}
	if changed {
		log.Info("the variables changed, and so did " + filepath.Join(s.Dir, "server.conf"))
	}
	return err
}

// reach sets the host and ports of the options.
func (s Settings) reach(o *setup.InitOptions) (err error) {
	var named bool
	if o.Host, o.Port, named, err = splitHost(s.host); err != nil {
		return fmt.Errorf("CULVERT_HOST: %w", err)
	}
	o.Listen = cmp.Or(s.port, setup.DefaultPort)
	if !named {
		o.Port = o.Listen
	}
	return nil
}

// profiles makes a profile for each client that has none.
func (s Settings) profiles(now time.Time, rand io.Reader, log *slog.Logger) error {
	for _, name := range s.clients {
		out := filepath.Join(s.Dir, profilesDir, name+".ovpn")
		_, err := setup.AddClient(setup.ClientOptions{Dir: s.Dir, Name: name, Out: out, Now: now, Rand: rand})
		switch {
		case errors.Is(err, fs.ErrExist):
		case err != nil:
			return fmt.Errorf("CULVERT_CLIENTS: %w", err)
		default:
			log.Info("made a profile; whoever has the file can connect: move it to the client over a connection you trust", "client", name, "file", out)
		}
	}
	return nil
}

// mended adds to a lack of permission what to do about it in a container.
func mended(err error, dir string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; the volume at %s must belong to user %d: chown -R %[3]d:%d it, or in Kubernetes set fsGroup: %[4]d", err, dir, os.Getuid(), os.Getgid())
	}
	return err
}
