package server

import (
	"errors"
	"io/fs"
	"time"

	"culvert/config"
	"culvert/host/process"
)

// persistInterval is how often the pool is saved.
func persistInterval(c *config.Config) time.Duration {
	if c.Server.PoolPersistInterval > 0 {
		return c.Server.PoolPersistInterval
	}
	return 10 * time.Minute
}

// poolFile is where the pool is saved (ifconfig-pool-persist). The zero value
// saves nothing.
type poolFile struct {
	name    string
	file    *process.File // nil: it could not be opened yet
	saved   int           // changes that are in it
	failing bool
}

// write makes text, with so many changes, what is in the file.
func (f *poolFile) write(text []byte, changes int) (err error) {
	if f.file == nil {
		if f.file, err = process.OpenFile(f.name); err != nil {
			return err
		}
	}
	if err = f.file.Replace(text); err == nil {
		f.saved = changes
	}
	return err
}

func (s *Server) loadPool() {
	if s.cfg.Server.PoolPersist == "" || s.cfg.Server.DuplicateCN {
		return
	}
	defer s.openPool()
	text, err := process.ReadFile(s.cfg.Server.PoolPersist)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		s.log.Warn("ifconfig-pool-persist cannot be read; clients may get other addresses than before", "error", err)
		return
	}
	for _, problem := range s.pool.load(text) {
		s.log.Warn("ifconfig-pool-persist: a line was left out", "file", s.cfg.Server.PoolPersist, "problem", problem)
	}
}

// openPool opens the file to write to, while this process may, unless it is only
// to be read.
func (s *Server) openPool() {
	if s.cfg.Server.PoolPersistInterval == 0 {
		return
	}
	s.poolFile.name = s.cfg.Server.PoolPersist
	var err error
	if s.poolFile.file, err = process.OpenFile(s.poolFile.name); err != nil {
		s.poolSaved(err)
	}
}

// savePool writes down who has which addresses. What could not be written is
// tried again the next time.
func (s *Server) savePool() {
	if s.poolFile.name == "" {
		return
	}
	if text, changes := s.pool.dump(); changes != s.poolFile.saved {
		s.poolSaved(s.poolFile.write(text, changes))
	}
}

// poolSaved says once that the file cannot be written, and once that it can be
// again.
func (s *Server) poolSaved(err error) {
	switch {
	case err != nil && !s.poolFile.failing:
		s.log.Warn("ifconfig-pool-persist cannot be written, and is tried again; after a restart clients may get other addresses", "error", err)
	case err == nil && s.poolFile.failing:
		s.log.Info("ifconfig-pool-persist is written again", "file", s.poolFile.name)
	}
	s.poolFile.failing = err != nil
}
