package config

import "strings"

// setLinkMTU keeps the number: what is left for packets depends on other lines.
func setLinkMTU(b *builder, d *call) error {
	n, err := d.int(0, 256, 65535)
	if err == nil {
		b.device.linkMTU = n
		d.remark("deprecated, since what is left for packets depends on the cipher; write tun-mtu instead")
	}
	return err
}

// resolveLinkMTU takes from `link-mtu` what a packet of the data channel adds at most. As
// OpenVPN 2.6 does it, that is by the cipher for peers that cannot negotiate.
func (l *deviceLines) resolveLinkMTU() {
	if l.linkMTU == 0 {
		return
	}
	// Bytes. A packet has an opcode, if there is TLS, and its number.
	const opcode, number, tag, nonce, block, length = 1, 4, 16, 12, 16, 2
	added := 0
	if l.Trust.Secret == nil {
		added += opcode
	}
	if l.Link.Proto.TCP {
		added += length
	}
	switch fallback := l.Data.Fallback; {
	case fallback == "" || fallback == "NONE":
		added += digestSize(l.Data.Auth) + number
	case strings.HasSuffix(fallback, "-CBC"):
		added += digestSize(l.Data.Auth) + block + block // number and padding share a block
	default:
		added += tag + nonce + block + number
	}
	l.Adapter.MTU = l.linkMTU - added
}

// digestSize returns the length of a digest in bytes, by its name.
func digestSize(name string) int {
	switch name = strings.ToUpper(name); {
	case name == "NONE":
		return 0
	case strings.HasSuffix(name, "512"):
		return 64
	case strings.HasSuffix(name, "384"):
		return 48
	case strings.HasSuffix(name, "256"):
		return 32
	case strings.HasSuffix(name, "224"):
		return 28
	case strings.HasSuffix(name, "MD5") || strings.HasSuffix(name, "MD4"):
		return 16
	}
	return 20
}
