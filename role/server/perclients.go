package server

import (
	"os"
	"path/filepath"
	"strings"

	"culvert/config"
	"culvert/host/process"
)

// checkPerClients reads all files of client-config-dir, so that a fault is told
// before it keeps its client out, and with the line. The others are served.
func (s *Server) checkPerClients() {
	if s.cfg.Server.ClientConfigDir == "" {
		return
	}
	dir := filepath.Join(rootOf(s.cfg), s.cfg.Server.ClientConfigDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		s.log.Warn("client-config-dir cannot be listed, so its files are looked at when their clients come", "error", err)
		return
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue // an editor's, or nobody's
		}
		s.checkPerClientFile(filepath.Join(dir, e.Name()), e.Name())
	}
}

func (s *Server) checkPerClientFile(path, name string) {
	whose := "client " + name
	if name == anyClient {
		whose = "every client without a file of its own"
	}
	text, err := process.ReadFile(path)
	var own *config.PerClient
	if err == nil {
		own, err = config.ParsePerClient(s.cfg, path, text)
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			s.log.Error(strings.TrimSpace(line) + "; until that is mended, " + whose + " is refused")
		}
		return
	}
	for _, n := range own.Notes {
		s.log.Warn(n.Pos.String() + ": " + n.Text)
	}
}
