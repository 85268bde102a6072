package lease

import (
	"errors"
	"io/fs"
	"log/slog"

	"culvert/host/process"
)

// file keeps a pool over a restart (ifconfig-pool-persist). The zero value keeps
// nothing.
type file struct {
	name     string
	readOnly bool
	log      *slog.Logger

	open    *process.File // nil: it could not be opened yet
	saved   int           // changes that the file includes
	failing bool
}

// load reads the file into a pool, and opens it for writing while this process still
// may.
func (f *file) load(p *pool) {
	if f.name == "" {
		return
	}
	if !f.readOnly {
		defer f.openNow()
	}
	text, err := process.ReadFile(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		f.log.Warn("ifconfig-pool-persist cannot be read; clients may get other addresses than before", "error", err)
		return
	}
	for _, problem := range p.load(text) {
		f.log.Warn("ifconfig-pool-persist: a line was left out", "file", f.name, "problem", problem)
	}
}

func (f *file) openNow() {
	var err error
	if f.open, err = process.OpenFile(f.name); err != nil {
		f.tried(err)
	}
}

// save writes who has which addresses, if that changed. If it cannot be written, the
// next call tries again.
func (f *file) save(p *pool) {
	if f.name == "" || f.readOnly {
		return
	}
	if text, changes := p.dump(); changes != f.saved {
		f.tried(f.write(text, changes))
	}
}

// write replaces the content of the file by text, which includes so many changes.
func (f *file) write(text []byte, changes int) (err error) {
	if f.open == nil {
		if f.open, err = process.OpenFile(f.name); err != nil {
			return err
		}
	}
	if err = f.open.Replace(text); err == nil {
		f.saved = changes
	}
	return err
}

// tried logs once that the file cannot be written, and once that it can be again.
func (f *file) tried(err error) {
	switch {
	case err != nil && !f.failing:
		f.log.Warn("ifconfig-pool-persist cannot be written and will be tried again; until then a restart may give clients other addresses", "error", err)
	case err == nil && f.failing:
		f.log.Info("ifconfig-pool-persist is written again", "file", f.name)
	}
	f.failing = err != nil
}

func (f *file) close() {
	if f.open != nil {
		f.open.Close()
	}
}
