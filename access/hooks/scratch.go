package hooks

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Scratch is a directory of files for one run of a program, which nobody else
// may read.
type Scratch string

// NewScratch makes a directory below dir; "": the system's directory for temporary
// files.
func NewScratch(dir string) (Scratch, error) {
	path, err := os.MkdirTemp(dir, "culvert-")
	if err != nil {
		return "", fmt.Errorf("tmp-dir: %w; name a directory that this user may write to", err)
	}
	return Scratch(path), nil
}

// Remove deletes the directory and all in it.
func (s Scratch) Remove() { os.RemoveAll(string(s)) }

// Path returns the path of a file in the directory.
func (s Scratch) Path(name string) string { return filepath.Join(string(s), name) }

// Write makes a file in the directory.
func (s Scratch) Write(name, text string) error {
	return os.WriteFile(s.Path(name), []byte(text), 0o600)
}

// maxNote is how much is read of a short file that a program wrote, in bytes.
const maxNote = 4096

// Read returns what a program wrote to a file, at most 4 KiB, without the end of its
// last line; "" if there is no such file.
func (s Scratch) Read(name string) string {
	text, _ := s.ReadAll(name, maxNote)
	return strings.TrimRight(string(text), "\r\n")
}

// ReadAll returns what a program wrote to a file, at most most bytes; more reports
// whether there is more. It is empty if there is no such file.
func (s Scratch) ReadAll(name string, most int64) (text []byte, more bool) {
	f, err := openFile(s.Path(name))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	text, _ = io.ReadAll(io.LimitReader(f, most+1))
	if int64(len(text)) > most {
		return text[:most], true
	}
	return text, false
}
