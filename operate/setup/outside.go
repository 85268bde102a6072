package setup

import "cmp"

// Outside returns the port and the protocol ("udp" or "tcp") by which clients reach
// the server of a directory, as new profiles name them; 0 if that cannot be read.
func Outside(dir string) (port int, proto string) {
	r, err := loadReach(dir)
	if err != nil {
		return 0, ""
	}
	return r.Port, cmp.Or(r.Proto, "udp")
}
