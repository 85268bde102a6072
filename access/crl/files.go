// Package crl reads the files of revocation lists (crl-verify and capath), and
// reads them again when they change. In a process that gave up root, the part that
// stayed root reads them for it.
package crl

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// Texts are the contents of the files of crl-verify and capath at one time.
type Texts struct {
	Number uint64 // of these texts: later ones have a larger number
	// Files are the texts of revocation lists, by the files' paths.
	Files map[string][]byte
	// Serials are the names in the directory of `crl-verify DIR dir`.
	Serials []string
	// Failed has the reason for each file or directory that cannot be read.
	Failed map[string]string
}

// Files reads the files of crl-verify and capath, and reads them again when they
// change. In a process that gives up root, it is in the part that stays root.
type Files struct {
	Names
	read func(name string) ([]byte, error)

	names, hashed listDir
	files         map[string]*listFile
	failed        map[string]string
	now           Texts
}

// Names are the files and directories to read; "" for none.
type Names struct {
	File    string // crl-verify FILE
	Serials string // crl-verify DIR dir
	CAPath  string // a directory of hashed names, as OpenSSL has them
	Chroot  string // File and Serials are looked for below it first
}

// Source returns the texts if they changed since those numbered since, else nil.
type Source func(now time.Time, since uint64) *Texts

// NewFiles returns a Files for n. It reads files with read, which limits how much it
// reads.
func NewFiles(n Names, read func(name string) ([]byte, error)) *Files {
	return &Files{Names: n, read: read, files: make(map[string]*listFile), failed: make(map[string]string)}
}

// Any reports whether there is something to read.
func (f *Files) Any() bool { return f.File != "" || f.Serials != "" || f.CAPath != "" }

// Read reads again what changed since the texts numbered since (0: none were read
// yet), and returns nil if nothing did. It is for one goroutine at a time.
func (f *Files) Read(now time.Time, since uint64) *Texts {
	if f.refresh(now) || f.now.Number == 0 {
		f.now = Texts{Number: f.now.Number + 1, Files: make(map[string][]byte), Serials: slices.Clone(f.names.names), Failed: maps.Clone(f.failed)}
		for path, file := range f.files {
			if file.text != nil {
				f.now.Files[path] = file.text
			}
		}
	}
	if f.now.Number == since {
		return nil
	}
	texts := f.now
	return &texts
}

// hashed are the names that `openssl rehash` gives lists.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.r[0-9]+$`)

func (f *Files) refresh(now time.Time) (changed bool) {
	if f.File != "" {
		changed = f.readFile(f.File, f.place(f.File), now)
	}
	if f.Serials != "" {
		again, err := f.names.refresh(f.place(f.Serials), now)
		changed = f.note(f.Serials, err) || again || changed
	}
	if f.CAPath != "" {
		again, err := f.hashed.refresh(f.CAPath, now)
		changed = f.note(f.CAPath, err) || again || changed
		for _, name := range f.hashed.names {
			if hashed.MatchString(name) {
				path := filepath.Join(f.CAPath, name)
				changed = f.readFile(path, path, now) || changed
			}
		}
	}
	return changed
}

// place is where to find a path of the configuration. For a process that has not
// entered its `chroot` it is below that directory, if it is there, as with OpenVPN.
func (f *Files) place(path string) string {
	if f.Chroot == "" {
		return path
	}
	inside := filepath.Join(f.Chroot, path)
	if _, err := os.Stat(inside); err != nil {
		return path
	}
	return inside
}

// readFile reads, at its place, the file that the configuration calls path.
func (f *Files) readFile(path, place string, now time.Time) (changed bool) {
	file := f.files[path]
	if file == nil {
		file = new(listFile)
		f.files[path] = file
	}
	changed, err := file.refresh(place, f.read, now)
	return f.note(path, err) || changed
}

// note keeps what is wrong with a file or directory, and reports whether that
// differs from before.
func (f *Files) note(path string, err error) (changed bool) {
	before, text := f.failed[path], ""
	if err != nil {
		text = err.Error()
	}
	if f.failed[path] = text; text == "" {
		delete(f.failed, path)
	}
	return text != before
}

// settleTime is how old a change must be for the next one to show in the file's
// times and size for certain.
const settleTime = 2 * time.Second

// state is what differs when a file was changed.
type state struct {
	os.FileInfo
	changed time.Time
}

// look returns the state of a file. It asks for the time of the last change first,
// so that a change meanwhile shows at the next look.
func look(path string) (now state, err error) {
	now.changed = changeTime(path)
	now.FileInfo, err = os.Stat(path)
	return now, err
}

// stamp knows whether a file is still as it was at the last look.
type stamp struct {
	seen    state
	settled bool
}

func (s *stamp) same(as state) bool {
	return s.settled && os.SameFile(as.FileInfo, s.seen.FileInfo) && as.ModTime().Equal(s.seen.ModTime()) &&
		as.changed.Equal(s.seen.changed) && as.Size() == s.seen.Size()
}

func (s *stamp) set(as state, now time.Time) {
	s.seen, s.settled = as, now.Sub(as.ModTime()) > settleTime && now.Sub(as.changed) > settleTime
}

var errNoList = errors.New("not a regular file")

// listFile is the text of one file of lists.
type listFile struct {
	stamp
	text []byte // the last text that could be read; nil before
}

func (f *listFile) refresh(path string, read func(string) ([]byte, error), now time.Time) (changed bool, err error) {
	info, err := look(path)
	if err != nil || f.same(info) {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, &os.PathError{Op: "open", Path: path, Err: errNoList}
	}
	text, err := read(path)
	if err != nil {
		return false, err
	}
	f.set(info, now)
	changed = f.text == nil || !bytes.Equal(text, f.text)
	f.text = text
	return changed, nil
}

// listDir is the names in a directory.
type listDir struct {
	stamp
	names []string
}

func (d *listDir) refresh(path string, now time.Time) (changed bool, err error) {
	info, err := look(path)
	if err != nil || d.same(info) {
		return false, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	d.set(info, now)
	changed = !slices.Equal(names, d.names)
	d.names = names
	return changed, nil
}
