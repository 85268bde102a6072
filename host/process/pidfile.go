package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// PIDFile is the file with this process's number (`writepid`). It exists from Move
// until Remove, or until a second interrupt ends the process at once.
var PIDFile pidFile

type pidFile struct {
	mu   sync.Mutex
	name string // "" for none
}

// number is what the file holds.
func number() string { return strconv.Itoa(os.Getpid()) + "\n" }

// CheckPIDFile returns an error if the directory for a file does not exist. The
// name may be "".
func CheckPIDFile(name string) error {
	if name == "" {
		return nil
	}
	info, err := os.Stat(filepath.Dir(name))
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a directory")}
	}
	if err != nil {
		return fmt.Errorf("writepid: %w; name a file in a directory that exists", err)
	}
	return nil
}

// Move writes the file under a name, "" for none, and removes the one before.
func (f *pidFile) Move(name string) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name != "" {
		if name, err = filepath.Abs(name); err != nil {
			return fmt.Errorf("writepid: %w", err)
		}
	}
	if name == f.name {
		return nil
	}
	if name != "" {
		if err := writeNumber(name); err != nil {
			return fmt.Errorf("writepid: %w", err)
		}
	}
	before := f.name
	f.name = name
	return remove(before)
}

// writeNumber waits for no reader where the name is a pipe's.
func writeNumber(name string) error {
	f, err := Create(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|NonBlocking, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(number())
	return errors.Join(err, f.Close())
}

// Remove removes the file, unless another process wrote its own number to it
// meanwhile.
func (f *pidFile) Remove() error { return f.Move("") }

// remove leaves devices and pipes alone, and follows a link. Where the right to
// remove a file is missing, it is emptied: a number that is left behind is soon
// another process's.
func remove(name string) error {
	if name == "" {
		return nil
	}
	real, err := filepath.EvalSymlinks(name)
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Lstat(real); err == nil && !info.Mode().IsRegular() {
			return nil
		}
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(real)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(text)) != strings.TrimSpace(number()):
		return nil
	case err == nil:
		if err = os.Remove(real); err != nil && os.Truncate(real, 0) == nil {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("writepid: cannot remove the file at the end: %w", err)
	}
	return nil
}
