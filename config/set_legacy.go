package config

import (
	"regexp"
	"strconv"
	"strings"
)

// version is one of OpenVPN's, all its three numbers.
var version = regexp.MustCompile(`^([0-9]{1,4})\.([0-9]{1,4})\.[0-9]{1,4}`)

// setCompatMode takes the version whose peers are to be served (manual, "compat-mode").
// Compressed packets of theirs are taken in any case. Up to 2.4 the cipher of `cipher` is
// offered, too, and up to 2.3 it is what those that do not negotiate are talked to with.
func setCompatMode(b *builder, d *call) error {
	parts := version.FindStringSubmatch(d.args[0])
	if parts == nil {
		return d.expected(d.args[0], "a version with three numbers, such as 2.4.0")
	}
	major, _ := strconv.Atoi(parts[1])
	minor, _ := strconv.Atoi(parts[2])
	b.ciphers.offerCipher = major < 2 || major == 2 && minor <= 4
	b.ciphers.beforeNegotiation = nil
	if major < 2 || major == 2 && minor < 4 {
		b.ciphers.beforeNegotiation = d
	}
	return nil
}

// setKeyExporter checks its values as OpenVPN does.
func setKeyExporter(_ *builder, d *call) error {
	if !strings.HasPrefix(d.args[0], "EXPORTER") {
		return d.expected(d.args[0], "a label that begins with EXPORTER")
	}
	const least, most = 16, 4095
	_, err := d.int(1, least, most)
	return err
}

func setRemapUsr1(b *builder, d *call) error {
	switch d.args[0] {
	case "SIGHUP", "SIGTERM":
		b.Process.RemapUSR1 = d.args[0]
		return nil
	}
	return d.expected(d.args[0], "SIGHUP or SIGTERM")
}
