package admission

import (
	"log/slog"
	"strings"

	"culvert/config"
)

// remarkFile logs what is wrong with a client's file, or odd.
func remarkFile(log *slog.Logger, name string, own *config.PerClient, err error) {
	whose := "client " + name
	if name == anyClient {
		whose = "every client without a file of its own"
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
