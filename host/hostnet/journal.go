package hostnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// owner identifies a process. Another process with the same number is not mistaken for
// it, nor one after a restart of the machine.
type owner struct {
	PID   int
	Start string // boot and start time
}

// journal is what undoes the changes to one device: the changes made, and
// the one that may be about to be made.
type journal struct {
	Device  string
	Space   space
	Owner   owner
	Records []record

	changes []change
	// foreign: it is of another network namespace, whose devices, routes and
	// settings are others, or are gone with it. Only changes of files are kept.
	foreign bool
}

const journalSuffix = ".undo.json"

// store is the directory of journals. Network namespaces can share one: each
// undoes its own.
type store struct {
	dir   string
	space space // the caller's
	alive func(owner) bool
	gone  func(space) bool     // reports whether another space is gone; nil: none is
	claim func(owner) error    // makes the owner count as alive; nil: every process does
	sync  func(*os.File) error // (*os.File).Sync, except in tests
}

func (s store) path(j *journal) string { return s.pathOf(j.Device, j.Space.name()) }

func (s store) pathOf(device, space string) string {
	return filepath.Join(s.dir, device+"@"+space+journalSuffix)
}

// save writes the journal to the disk before its changes are tried. The old file
// stays until the new one is there.
func (s store) save(j *journal) error {
	if err := s.mark(j.Owner); err != nil {
		return fmt.Errorf("undo journal of %s: %w; nothing is changed without it", j.Device, err)
	}
	j.Records = j.Records[:0]
	for _, c := range j.changes {
		r, err := encode(c)
		if err != nil {
			return fmt.Errorf("undo journal of %s: %w", j.Device, err)
		}
		j.Records = append(j.Records, r)
	}
	b, err := json.MarshalIndent(j, "", " ")
	if err != nil {
		return fmt.Errorf("undo journal of %s: %w", j.Device, err)
	}
	if err := s.write(s.path(j), b); err != nil {
		return fmt.Errorf("undo journal of %s: %w; nothing is changed without it; choose a writable state directory", j.Device, err)
	}
	return nil
}

func (s store) mark(o owner) error {
	if s.claim == nil {
		return nil
	}
	return s.claim(o)
}

func (s store) write(path string, b []byte) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // follows no link
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, s.sync(f), f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return s.sync(d)
}

func (s store) remove(j *journal) error {
	if err := os.Remove(s.path(j)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("undo journal of %s: %w", j.Device, err)
	}
	return nil
}

// load reads all journals, in the order of their names. If some cannot be trusted or
// read, it returns an error together with the others.
func (s store) load() ([]*journal, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	var js []*journal
	var errs []error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), journalSuffix)
		at := strings.LastIndexByte(name, '@')
		if !ok || at < 0 {
			continue
		}
		j, err := s.read(name[:at], name[at+1:])
		if err != nil {
			errs = append(errs, fmt.Errorf("undo journal %s: %w", filepath.Join(s.dir, e.Name()), err))
			continue
		}
		js = append(js, j)
	}
	return js, errors.Join(errs...)
}

// read trusts only files that nobody else could have written: undoing one
// writes files and routes with this process's rights.
func (s store) read(device, space string) (*journal, error) {
	b, err := readOwn(s.pathOf(device, space))
	if err != nil {
		return nil, err
	}
	j, err := parseJournal(device, b)
	if err == nil && j.Space.name() != space {
		return nil, fmt.Errorf("it is for network namespace %q", j.Space.name())
	}
	if err == nil && j.Space != s.space {
		j.foreign = true
		j.changes = slices.DeleteFunc(j.changes, func(c change) bool { return !outlasts(c, j.Space.Boot == s.space.Boot) })
	}
	return j, err
}

// outlasts reports whether a change is there after its network namespace is gone: a file,
// and within a boot a control group.
func outlasts(c change, sameBoot bool) bool {
	switch c.(type) {
	case *fileChange:
		return true
	case *groupChange:
		return sameBoot
	}
	return false
}

// parseJournal reads what save writes.
func parseJournal(device string, b []byte) (*journal, error) {
	j := new(journal)
	if err := json.Unmarshal(b, j); err != nil {
		return nil, err
	}
	if j.Device != device {
		return nil, fmt.Errorf("it is for device %q", j.Device)
	}
	for _, r := range j.Records {
		c, err := decode(r)
		if err != nil {
			return nil, err
		}
		j.changes = append(j.changes, c)
	}
	return j, nil
}

// sharedChanges returns the changes in journals that other processes may want, too.
func sharedChanges(js []*journal) []shared {
	var cs []shared
	for _, j := range js {
		for _, c := range j.changes {
			if s, ok := c.(shared); ok {
				cs = append(cs, s)
			}
		}
	}
	return cs
}

// heirs returns the shared changes by what they change.
func heirs(js []*journal) map[string]change {
	m := map[string]change{}
	for _, c := range sharedChanges(js) {
		m[c.sharedKey()] = c
	}
	return m
}

// split splits the journals of other processes into those of living and of dead ones.
// It leaves the dead of other namespaces to the processes there.
func (s store) split(js []*journal) (alive, dead []*journal) {
	for _, j := range js {
		switch {
		case s.alive(j.Owner):
			alive = append(alive, j)
		case !j.foreign:
			dead = append(dead, j)
		}
	}
	return alive, dead
}

// orphans returns the journals of dead processes in namespaces that are gone. What
// they changed is gone too, except what outlasts them.
func (s store) orphans(js []*journal) []*journal {
	return slices.DeleteFunc(slices.Clone(js), func(j *journal) bool {
		return !j.foreign || s.alive(j.Owner) || s.gone == nil || !s.gone(j.Space)
	})
}

func except(js []*journal, j *journal) []*journal {
	return slices.DeleteFunc(slices.Clone(js), func(o *journal) bool { return o.Device == j.Device && !o.foreign })
}
