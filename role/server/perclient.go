package server

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"culvert/config"
	"culvert/host/process"
)

// anyClient is the file of client-config-dir for clients without their own.
const anyClient = "DEFAULT"

// refusedHere is what a client is told whose settings keep it out.
const refusedHere = "this client is not admitted here"

// SettingsError is why a client's settings keep it out.
type SettingsError struct {
	Text string
	Err  error // nil: nothing is wrong, it is to be so
}

// Error is the reason in words.
func (e *SettingsError) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap returns what is wrong with them, if anything.
func (e *SettingsError) Unwrap() error { return e.Err }

// readPerClient reads what client-config-dir has of a client. The error is a
// SettingsError where that keeps it out. A file with a fault keeps its client out
// too: half of it could let in more than its author meant.
func (s *Server) readPerClient(c *client) (own *config.PerClient, err error) {
	if s.cfg.Server.ClientConfigDir == "" {
		return new(config.PerClient), nil
	}
	path, text, err := s.perClientFile(c.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.cfg.Server.CCDExclusive:
		return nil, &SettingsError{Text: "ccd-exclusive: the client has no file in client-config-dir"}
	case errors.Is(err, fs.ErrNotExist):
		return new(config.PerClient), nil
	case err != nil:
		return nil, &SettingsError{"client-config-dir cannot be read", err}
	}
	if own, err = config.ParsePerClient(s.cfg, path, text); err != nil {
		return nil, &SettingsError{"the client's file in client-config-dir has faults; it is refused until they are mended", err}
	}
	if own.Disable {
		return nil, &SettingsError{Text: "the client's file in client-config-dir has `disable`"}
	}
	return own, nil
}

// perClientFile reads the file named like a client, else DEFAULT. A name that
// would lead out of the directory has no file of its own.
func (s *Server) perClientFile(name string) (path string, text []byte, err error) {
	dir := s.cfg.Server.ClientConfigDir
	names := []string{name, anyClient}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		names = names[1:]
	}
	err = fs.ErrNotExist
	for _, n := range names {
		path = filepath.Join(dir, n)
		if text, err = process.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			return path, text, err
		}
	}
	return path, nil, err
}

// ownPush applies push-reset, push-remove and push of a client's own file to
// what all are pushed. ifconfig can only be removed by its whole name.
func ownPush(own *config.PerClient, general, ifconfig []string) []string {
	if own.PushReset {
		general = nil
	}
	for _, remove := range own.PushRemove {
		general = slices.DeleteFunc(slices.Clone(general), func(o string) bool { return strings.Contains(o, remove) })
		ifconfig = slices.DeleteFunc(slices.Clone(ifconfig), func(o string) bool { return strings.HasPrefix(o, remove+" ") })
	}
	return slices.Concat(general, own.Push, ifconfig)
}
