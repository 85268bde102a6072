package admission

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"culvert/access"
	"culvert/config"
	"culvert/host/process"
)

// anyClient is the file of client-config-dir for clients without their own.
const anyClient = "DEFAULT"

// SettingsError is why a client's settings keep it out.
type SettingsError struct {
	Text string
	Err  error // what is wrong with them; nil: they keep it out on purpose
}

// Error returns the reason in words.
func (e *SettingsError) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap returns what is wrong with them, if anything.
func (e *SettingsError) Unwrap() error { return e.Err }

// files is client-config-dir, as a Decider.
type files struct {
	cfg  *config.Config
	kept *ownAddresses
}

// Decide implements Decider. The error is a *SettingsError. A faulty file keeps its
// client out: half of it could allow more than its author meant.
func (f files) Decide(_ context.Context, a *access.Applicant, s *config.PerClient) error {
	f.kept.refresh(time.Now())
	path, text, err := f.read(a.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.cfg.Server.CCDExclusive:
		return &SettingsError{Text: "ccd-exclusive: the client has no file in client-config-dir"}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &SettingsError{"client-config-dir cannot be read", err}
	}
	own, err := config.ParsePerClient(f.cfg, path, text)
	if err != nil {
		return &SettingsError{"the client's file in client-config-dir has errors; the client is refused until they are fixed", err}
	}
	f.kept.learn(filepath.Base(path), own)
	if own.Disable {
		return &SettingsError{Text: "the client's file in client-config-dir has `disable`"}
	}
	*s = *own
	return nil
}

// read reads the file with a client's name, else DEFAULT. A name that would lead out
// of the directory has no file of its own.
func (f files) read(name string) (path string, text []byte, err error) {
	names := []string{name, anyClient}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		names = names[1:]
	}
	err = fs.ErrNotExist
	for _, n := range names {
		path = filepath.Join(f.cfg.Server.ClientConfigDir, n)
		if text, err = process.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			return path, text, err
		}
	}
	return path, nil, err
}
