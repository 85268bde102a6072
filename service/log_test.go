package service

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"culvert/config"
)

// TestLogOfFile looks at what a log file holds, by `verb` and
// `suppress-timestamps`.
func TestLogOfFile(t *testing.T) {
	const when = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d `
	for name, c := range map[string]struct {
		config config.Config
		want   string
	}{
		"nothing but errors":  {config.Config{Verb: 0}, `^` + when + `ERR error\n$`},
		"by default":          {config.Config{Verb: 1}, `^` + when + `INF connected\n` + when + `WRN odd\n` + when + `ERR error\n$`},
		"as recommended":      {config.Config{Verb: 3}, `^` + when + `INF connected\n` + when + `WRN odd\n` + when + `ERR error\n$`},
		"everything":          {config.Config{Verb: 4}, `^` + when + `DBG detail\n(` + when + `.*\n){3}$`},
		"a logger adds times": {config.Config{Verb: 1, SuppressTimestamps: true}, `^INF connected\nWRN odd\nERR error\n$`},
	} {
		c.config.Log = filepath.Join(t.TempDir(), "log")
		l, err := newLog(&c.config, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []struct {
			level slog.Level
			text  string
		}{{slog.LevelDebug, "detail"}, {slog.LevelInfo, "connected"}, {slog.LevelWarn, "odd"}, {slog.LevelError, "error"}} {
			l.Log(t.Context(), m.level, m.text)
		}
		text, err := os.ReadFile(c.config.Log)
		if err != nil || !regexp.MustCompile(c.want).Match(text) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}
