package server

import (
	"errors"
	"io/fs"
	"time"

	"culvert/config"
	"culvert/process"
)

// persistInterval is how often the pool is saved.
func persistInterval(c *config.Config) time.Duration {
	if c.PoolPersistInterval > 0 {
		return c.PoolPersistInterval
	}
	return 10 * time.Minute
}

func (s *Server) loadPool() {
	if s.cfg.PoolPersist == "" || s.cfg.DuplicateCN {
		return
	}
	defer s.openPool()
	text, err := process.ReadFile(s.cfg.PoolPersist)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		s.log.Warn("ifconfig-pool-persist cannot be read; clients may get other addresses than before", "error", err)
		return
	}
	for _, problem := range s.pool.load(text) {
		s.log.Warn("ifconfig-pool-persist: a line was left out", "file", s.cfg.PoolPersist, "problem", problem)
	}
}

// openPool opens the file to write to, unless it is only to be read.
func (s *Server) openPool() {
	if s.cfg.PoolPersistInterval == 0 {
		return
	}
	var err error
	if s.poolFile, err = process.OpenFile(s.cfg.PoolPersist); err != nil {
		s.log.Warn("ifconfig-pool-persist cannot be written; after a restart clients may get other addresses", "error", err)
	}
}

// savePool writes down who has which addresses.
func (s *Server) savePool() {
	if s.poolFile == nil {
		return
	}
	text, changed := s.pool.dump()
	if !changed {
		return
	}
	if err := s.poolFile.Replace(text); err != nil {
		s.log.Warn("ifconfig-pool-persist cannot be written; after a restart clients may get other addresses", "error", err)
	}
}
