package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"culvert/config"
	"culvert/host/process"
)

// source is the server that is adopted.
type source struct {
	conf string // the path of its configuration, absolute
	root string // where its relative names begin: its directory, as units of systemd have it
	base string // where they are looked up: root, or what `cd` says
	text []byte
	cfg  *config.Config
}

// openSource finds and reads the configuration of a server.
func openSource(name string) (*source, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		if name, err = findConf(name); err != nil {
			return nil, err
		}
	}
	s := &source{conf: name, root: filepath.Dir(name), base: filepath.Dir(name)}
	if s.text, err = process.ReadFile(name); err != nil {
		return nil, err
	}
	if s.cfg, err = config.ParseFile(name, s.text, s.read); err != nil {
		return nil, fmt.Errorf("%w\nculvert cannot run this configuration as it is; to see each line, run: culvert check %s", err, name)
	}
	if s.cfg.Mode != config.ModeServer || !s.cfg.TLSServer {
		return nil, fmt.Errorf("%s is not the configuration of a server for clients: it has no `server` line", name)
	}
	if dir := s.cfg.Process.Cd; dir != "" {
		s.base = s.path(dir)
	}
	for _, l := range config.Lines(name, s.text) {
		if l.Name == "config" {
			return nil, fmt.Errorf("%s:%d: it reads another file (config %s); put its lines here, and adopt again", name, l.Pos.Line, strings.Join(l.Args, " "))
		}
	}
	return s, nil
}

// path is where a name leads, to which `cd` was applied.
func (s *source) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.root, name)
}

func (s *source) read(name string) ([]byte, error) { return process.ReadFile(s.path(name)) }

// apart checks that the new directory is no part of what is adopted, or the reverse.
func (s *source) apart(dir string) error {
	for _, pair := range [][2]string{{s.base, dir}, {s.root, dir}, {dir, s.root}} {
		if within(real(pair[0]), real(pair[1])) {
			return fmt.Errorf("%s and %s are one within the other, and nothing is changed in what is adopted; choose another place with --dir", pair[0], pair[1])
		}
	}
	return nil
}

// within reports whether a path is a directory, or below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// real is a path without symbolic links, as far as it exists.
func real(path string) string {
	found, err := filepath.EvalSymlinks(path)
	if err == nil {
		return found
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(real(parent), filepath.Base(path))
	}
	return path
}

// findConf finds the one configuration of a server in a directory, or in its directory
// "server".
func findConf(dir string) (string, error) {
	servers, others, err := confsIn(dir)
	if err != nil {
		return "", err
	}
	if below := filepath.Join(dir, "server"); len(servers) == 0 {
		if more, _, err := confsIn(below); err == nil {
			servers = more
		}
	}
	switch len(servers) {
	case 1:
		return servers[0], nil
	case 0:
		if len(others) > 0 {
			return "", fmt.Errorf("%s has no server's configuration: in %s there is no `server` line; name the file itself: culvert adopt FILE", dir, strings.Join(others, ", "))
		}
		return "", fmt.Errorf("%s has no configuration (no file *.conf); name the file itself: culvert adopt FILE", dir)
	}
	return "", fmt.Errorf("%s has %d servers, each of which gets a directory of its own; name one, such as: culvert adopt %s --dir DIR (there are %s)",
		dir, len(servers), servers[0], strings.Join(servers, ", "))
}

// confsIn lists the configurations in a directory: those of servers, and others.
func confsIn(dir string) (servers, others []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	var unread error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if ext := filepath.Ext(path); ext != ".conf" && ext != ".ovpn" || e.IsDir() {
			continue
		}
		text, err := process.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrPermission):
			unread = err
		case err != nil:
		case isServer(path, text):
			servers = append(servers, path)
		default:
			others = append(others, path)
		}
	}
	if len(servers) == 0 && unread != nil {
		return nil, nil, fmt.Errorf("%w; run this as root", unread)
	}
	return servers, others, nil
}

// isServer reports whether a configuration is a server's, whether or not it is faulty.
func isServer(path string, text []byte) bool {
	for _, l := range config.Lines(path, text) {
		switch {
		case l.Name == "server" || l.Name == "server-bridge" || l.Name == "server-ipv6":
			return true
		case l.Name == "mode" && len(l.Args) == 1 && l.Args[0] == "server":
			return true
		}
	}
	return false
}
