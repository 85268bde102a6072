package config

import (
	"regexp"
	"strconv"
)

// version is one of OpenVPN's, its first two numbers.
var version = regexp.MustCompile(`^([0-9]{1,4})\.([0-9]{1,4})(\.[0-9]{1,4})?$`)

// setCompatMode takes the versions whose peers need little (manual, "compat-mode"):
// for 2.4, the cipher of `cipher` is offered, too.
func setCompatMode(b *builder, d *call) error {
	parts := version.FindStringSubmatch(d.args[0])
	if parts == nil {
		return d.expected(d.args[0], "a version such as 2.4.0")
	}
	major, _ := strconv.Atoi(parts[1])
	minor, _ := strconv.Atoi(parts[2])
	if major < 2 || major == 2 && minor < 4 {
		return d.fault(d.args[0], "peers from before OpenVPN 2.4 do not negotiate a cipher",
			"remove the line, and write data-ciphers-fallback with the cipher of such peers, such as AES-256-CBC; they need TLS 1.2, too")
	}
	b.ciphers.offerCipher = major == 2 && minor == 4
	d.remark("peers since OpenVPN 2.4 need nothing but their cipher among data-ciphers")
	return nil
}

// setRemapUsr1 takes SIGHUP, which changes little: only a signal reads the
// configuration again.
func setRemapUsr1(b *builder, d *call) error {
	switch d.args[0] {
	case "SIGHUP":
		d.remark("ignored; only SIGHUP reads the configuration again")
		return nil
	case "SIGTERM":
		return d.fault(d.args[0], "not supported yet", "to exit when the other end is silent, write ping-exit SECONDS in place of ping-restart; when a handshake fails, tls-exit; after N attempts to connect, connect-retry-max N")
	}
	return d.expected(d.args[0], "SIGHUP or SIGTERM")
}
