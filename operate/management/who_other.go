//go:build !linux

package management

import (
	"errors"
	"net"

	"culvert/config"
)

// permitted refuses where this system does not tell who is at the other end and the
// configuration wants to know.
func permitted(cfg config.Management, _ net.Conn) error {
	if cfg.ClientUser != "" || cfg.ClientGroup != "" {
		return errors.New("management-client-user and management-client-group need Linux; protect the socket by a password file")
	}
	return nil
}
