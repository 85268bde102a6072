// Package conffile reads configurations for people: a file that cannot be read
// is an error that says what it should have been, and keys that others may read
// are noted.
package conffile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"culvert/config"
	"culvert/host/process"
)

// Load reads a configuration file, with further lines behind those in it, which stand for
// words of the command line. expected says what the file should be, for whoever named the
// wrong one.
func Load(name, expected string, more ...string) (*config.Config, error) {
	text, err := process.ReadFile(name)
	if err != nil {
		return nil, Unread(err, name, expected)
	}
	own := bytes.Count(text, []byte("\n")) + 1
	for _, line := range more {
		text = append(text, "\n"+line...)
	}
	c, err := config.ParseFile(name, text, process.ReadFile)
	fromCommandLine(err, name, own)
	return noted(c, err)
}

// fromCommandLine has the faults of a file behind its own last line say where they are
// from.
func fromCommandLine(err error, name string, last int) {
	var all *config.FaultsError
	if !errors.As(err, &all) {
		return
	}
	for _, fault := range all.Faults {
		var e *config.Error
		if errors.As(fault, &e) && e.Pos.File == name && e.Pos.Line > last {
			e.Pos = config.Pos{File: "command line"}
		}
	}
}

// LoadArgs reads a configuration that is a command line, as OpenVPN's is.
func LoadArgs(args []string) (*config.Config, error) {
	return noted(config.ParseArgs(args, process.ReadFile))
}

// Unread explains why a file could not be read, and what it should have been.
func Unread(err error, name, expected string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file: expected %s%s", name, expected, lookedUp(name))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run this as the file's owner, or as root", err)
	}
	return fmt.Errorf("%w; expected %s", err, expected)
}

// lookedUp says where a relative name was looked for.
func lookedUp(name string) string {
	path, err := filepath.Abs(name)
	if err != nil || path == name {
		return ""
	}
	return "; looked for " + path
}

func noted(c *config.Config, err error) (*config.Config, error) {
	if err == nil {
		c.Notes = append(c.Notes, Open(c)...)
	}
	return c, err
}

// Open notes the files of keys and passwords that others than their owner
// may read or change. OpenVPN warns of them, too.
func Open(c *config.Config) (notes []config.Note) {
	if runtime.GOOS == "windows" {
		return nil // its permission bits say nothing of that
	}
	for _, s := range c.Secrets() {
		info, err := os.Stat(s.Path)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		notes = append(notes, config.Note{Pos: s.Pos, Text: fmt.Sprintf("%s: others than the file's owner may read or change it (mode %04o); run: chmod 600 %s",
			s.Directive, info.Mode().Perm(), s.Path)})
	}
	return notes
}
