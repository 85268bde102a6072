package service

import (
	"log/slog"

	"culvert/config"
	"culvert/operate/people"
)

// openPeople opens the store of a server's users, before rights are given up; nil: the
// server has none. It stays open over all configurations that this process goes by.
func openPeople(dir string, c *config.Config, log *slog.Logger) (*people.Host, error) {
	if dir == "" || c.Mode != config.ModeServer {
		return nil, nil
	}
	h, none, err := people.Serve(dir)
	switch {
	case err != nil:
		return nil, err
	case h == nil:
		log.Warn("this server has no users and devices of its own, and none can be made: there is no store and it cannot be created", "directory", dir, "error", none)
		return nil, nil
	}
	for _, note := range h.Notes {
		log.Warn(note)
	}
	return h, nil
}

// closePeople closes what openPeople opened.
func closePeople(h *people.Host, log *slog.Logger) {
	if h == nil {
		return
	}
	if err := h.Close(); err != nil {
		log.Warn("the store of users: " + err.Error())
	}
}

// forgetPeople removes the socket of a worker, which had no right to.
func forgetPeople(dir string, log *slog.Logger) {
	if dir == "" {
		return
	}
	if err := people.Forget(dir); err != nil {
		log.Warn(err.Error())
	}
}
