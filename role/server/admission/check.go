package admission

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"culvert/config"
	"culvert/host/process"
)

// CheckFiles reads all files of client-config-dir below root ("": the system's). So a
// fault is logged, with its line, before it keeps its client out. Other clients are
// served.
func CheckFiles(c *config.Config, root string, log *slog.Logger) {
	if c.Server.ClientConfigDir == "" {
		return
	}
	dir := filepath.Join(root, c.Server.ClientConfigDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		log.Warn("client-config-dir cannot be listed, so its files are checked only when their clients connect", "error", err)
		return
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue // an editor's, or nobody's
		}
		checkFile(c, filepath.Join(dir, e.Name()), e.Name(), log)
	}
}

func checkFile(c *config.Config, path, name string, log *slog.Logger) {
	whose := "client " + name
	if name == anyClient {
		whose = "every client without a file of its own"
	}
	text, err := process.ReadFile(path)
	var own *config.PerClient
	if err == nil {
		own, err = config.ParsePerClient(c, path, text)
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			log.Error(strings.TrimSpace(line) + "; until that is fixed, " + whose + " is refused")
		}
		return
	}
	for _, n := range own.Notes {
		log.Warn(n.Pos.String() + ": " + n.Text)
	}
}
