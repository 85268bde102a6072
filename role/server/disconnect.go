package server

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoClient says that no client has that number, or not any longer.
var ErrNoClient = errors.New("no such client is connected")

// maxMessage bounds what a client is told when it is sent away, bytes.
const maxMessage = 900

// Disconnect sends the client of a number (ClientStatus.ID) away. message is the
// control message that it is told: "RESTART", upon which it connects anew, also for
// "", or such as "HALT,reason", upon which it does not. One that is not in yet is told
// nothing. It fails with ErrNoClient, or where message is not one line of at most
// 900 bytes of printable text, and returns without waiting for the client.
func (s *Server) Disconnect(number uint64, message string) error {
	if message == "" {
		message = "RESTART"
	}
	if len(message) > maxMessage || strings.ContainsFunc(message, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("disconnect: a message is one line of at most %d bytes", maxMessage)
	}
	for _, c := range s.table.all() {
		if c.number == number {
			s.disconnect(c, message)
			return nil
		}
	}
	return fmt.Errorf("disconnect %d: %w", number, ErrNoClient)
}

func (s *Server) disconnect(c *client, message string) {
	c.abandon()
	c.Do(func(now time.Time) {
		if c.Session.Err() != nil {
			return
		}
		if !c.up {
			message = ""
		}
		s.happened(Disconnected{About: c.about(now), Message: message})
		if c.up {
			c.Session.Dismiss(now, message)
			return
		}
		c.Session.Close()
	})
}
