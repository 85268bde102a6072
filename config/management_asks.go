package config

// ExternalKey is `management-external-key`: what the program can sign with an RSA key.
// With none of the three paddings, it is PKCS #1.
type ExternalKey struct {
	NoPadding bool // raw: the padding is done here
	PKCS1     bool // PKCS #1 version 1.5
	PSS       bool
	Message   bool // `digest`: the program gets the message, and makes the digest of it
}

// setExternalKey keeps what the management client can sign.
func setExternalKey(b *builder, d *call) error {
	k := new(ExternalKey)
	for _, word := range d.args {
		switch word {
		case "nopadding":
			k.NoPadding = true
		case "pkcs1":
			k.PKCS1 = true
		case "pss":
			k.PSS = true
		case "digest":
			k.Message = true
		default:
			return d.expected(word, "nopadding, pkcs1, pss or digest")
		}
	}
	b.Management.ExternalKey = k
	return nil
}

// clientManaged are the management directives that only a client has.
var clientManaged = []string{"management-external-cert", "management-external-key", "management-query-proxy", "management-query-remote"}

// asksReaders checks what is asked of management readers.
func asksReaders(c check) {
	for _, name := range clientManaged {
		if c.has(name) && !c.Pull {
			c.problem(name, "is for a client of a server, and this is none", "remove the line")
		}
	}
	external, hint := c.Management.ExternalKey != nil, c.Management.ExternalCert != ""
	switch {
	case external && c.Trust.Key != nil:
		c.problem("management-external-key", "there is a key as well", "remove this line to sign with the key, or remove key")
	case external && c.Trust.PKCS12 != nil:
		c.problem("management-external-key", "there is a key as well, in pkcs12", "remove this line to sign with that key; or remove pkcs12, and add the lines ca and cert")
	case hint && c.Trust.Cert != nil:
		c.problem("management-external-cert", "there is a certificate as well", "remove this line, or remove cert")
	case hint && !external:
		c.problem("management-external-cert", "there is no key for this certificate", "add the line: management-external-key")
	case external && c.Trust.Cert == nil && !hint:
		c.problem("management-external-key", "there is no certificate for this key", "add the line: cert FILE; or: management-external-cert HINT")
	}
}
