package config

// receiveOnly is noted for a line that asks for compression.
const receiveOnly = "nothing is compressed here, since compression leaks what is encrypted; the other end's compressed packets are taken"

func setCompress(b *builder, d *call) error {
	algorithm := ""
	if len(d.args) > 0 {
		algorithm = d.args[0]
	}
	switch algorithm {
	case "", "stub", "stub-v2", "migrate":
	case "lzo", "lz4", "lz4-v2":
		remarkCompression(d)
	default:
		return d.expected(algorithm, "lzo, lz4, lz4-v2, stub, stub-v2, migrate, or nothing")
	}
	b.Data.Compression = Compression{d.name, algorithm}
	return nil
}

func setCompLZO(b *builder, d *call) error {
	mode := ""
	if len(d.args) > 0 {
		mode = d.args[0]
	}
	switch mode {
	case "no":
	case "", "yes", "adaptive":
		remarkCompression(d)
	default:
		return d.expected(mode, "yes, no or adaptive, or nothing")
	}
	b.Data.Compression = Compression{d.name, mode}
	return nil
}

// compresses reports whether a peer that follows it compresses what it sends.
func (c Compression) compresses() bool {
	switch c.Directive {
	case "comp-lzo":
		return c.Algorithm != "no"
	case "compress":
		return c.Algorithm == "lzo" || c.Algorithm == "lz4" || c.Algorithm == "lz4-v2"
	}
	return false
}

// remarkCompression notes our own lines only: a server pushes what others need, too.
func remarkCompression(d *call) {
	if d.File != pushed {
		d.remark(receiveOnly)
	}
}

func setAllowCompression(b *builder, d *call) error {
	switch d.args[0] {
	case "no":
		b.Data.RefuseCompressed = true
	case "asym":
		b.Data.RefuseCompressed = false
	case "yes":
		b.Data.RefuseCompressed = false
		d.remark("the same as asym: " + receiveOnly)
	default:
		return d.expected(d.args[0], "no, asym or yes")
	}
	return nil
}

// setFragment takes no less than leaves room for a header and a few bytes.
func setFragment(b *builder, d *call) error {
	const least = 68
	if d.args[0] == "0" {
		b.Data.Fragment = MSSFix{}
		return nil
	}
	n, err := d.int(0, least, 65535)
	if err != nil {
		return err
	}
	m := MSSFix{Bytes: n}
	if len(d.args) > 1 {
		if d.args[1] != "mtu" {
			return d.expected(d.args[1], "mtu, or nothing")
		}
		m.Outer = true
	}
	b.Data.Fragment = m
	return nil
}

// fragment refuses to cut datagrams where there are none.
func (c check) fragment() {
	const reason = "there are no datagrams to cut over TCP, which cuts by itself"
	if c.Data.Fragment.Bytes > 0 && len(c.Link.Remotes) == 0 && c.streams() {
		c.problem("fragment", reason, "remove it on both sides")
	}
	for _, r := range c.Link.Remotes {
		settings := c.Config
		if r.Settings != nil {
			settings = r.Settings
		}
		if settings.Data.Fragment.Bytes > 0 && r.Proto.TCP {
			c.fail(&Error{r.Pos, "remote", r.Host, "cannot go with fragment: " + reason, "remove fragment on both sides, or write proto udp"})
		}
	}
}

// checkNone refuses what leaves the tunnel open, or warns of it where a line above
// allows it.
func (c *Data) checkNone(d *call, name, refusal, good, warning string) error {
	if name != "NONE" {
		return nil
	}
	if !c.AllowInsecureNone {
		return d.fault(d.args[0], "refused: "+refusal, "write "+good+", on both sides; or, if anybody on the way may read and change the traffic, write allow-insecure-none above this line")
	}
	d.remark("WARNING: " + warning)
	return nil
}

func (c *Data) checkCipher(d *call, name string) error {
	return c.checkNone(d, name, "the tunnel would not be encrypted", "data-ciphers "+defaultCiphers,
		"THE TUNNEL MAY BE UNENCRYPTED: anybody on the way can read what it carries")
}

func (c *Data) checkDigest(d *call, name string) error {
	return c.checkNone(d, name, "packets would not be authenticated", "auth SHA256",
		"PACKETS OF CIPHERS WITHOUT AEAD ARE NOT AUTHENTICATED: anybody on the way can change what the tunnel carries")
}
