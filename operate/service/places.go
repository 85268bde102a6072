package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"culvert/config"
)

// checked is load, and checks that the directories named in a configuration exist.
// OpenVPN does not start without them either.
func checked(load func() (*config.Config, error)) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		c, err := load()
		u := understood(c, err)
		if wrong := checkPlace(u, "cd", u.Process.Cd); wrong != nil {
			return nil, found(u, wrong) // other files are not found, for that
		}
		for _, p := range []struct{ directive, dir string }{
			{"tmp-dir", u.Process.TmpDir}, {"tls-export-cert", u.Trust.ExportCert}, {"status", dirOf(u.Process.Status)}, {"replay-persist", dirOf(u.Trust.ReplayPersist)},
		} {
			inJail := p.directive == "tmp-dir" || p.directive == "tls-export-cert"
			if u.Process.Chroot == "" || !inJail {
				err = joined(u, err, checkPlace(u, p.directive, p.dir))
			}
		}
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// found is a fault of a configuration that can be understood nevertheless.
func found(c *config.Config, wrong error) error {
	return &config.FaultsError{Faults: []error{wrong}, Understood: c}
}

func joined(c *config.Config, err, wrong error) error {
	var faults *config.FaultsError
	switch {
	case wrong == nil:
		return err
	case err == nil:
		return found(c, wrong)
	case errors.As(err, &faults):
		return &config.FaultsError{Faults: append(faults.Faults, wrong), Understood: faults.Understood}
	}
	return err
}

// dirOf returns the directory of a file, "" for none.
func dirOf(name string) string {
	if name == "" {
		return ""
	}
	return filepath.Dir(name)
}

// checkPlace checks that a directory exists, if one is named.
func checkPlace(c *config.Config, directive, dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "open", Path: dir, Err: errors.New("not a directory")}
	}
	if err != nil {
		return fmt.Errorf("%v: %s: %w; make the directory, or name another", c.At(directive), directive, err)
	}
	return nil
}
