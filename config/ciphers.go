package config

import (
	"regexp"
	"slices"
	"strings"
)

// defaultCiphers is what DEFAULT stands for in data-ciphers.
const defaultCiphers = "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305"

// supportedCiphers are the data channel's ciphers.
var supportedCiphers = []string{"AES-256-GCM", "AES-192-GCM", "AES-128-GCM", "CHACHA20-POLY1305",
	"AES-256-CBC", "AES-192-CBC", "AES-128-CBC", "NONE"}

// setCiphers and its like keep the line for finish, which combines the three.
func setCiphers(b *builder, d *call) error {
	b.dataCiphers = d
	return nil
}

func setCipher(b *builder, d *call) error {
	b.Data.Cipher, b.cipher = strings.ToUpper(d.args[0]), d
	return b.checkCipher(d, b.Data.Cipher)
}

func setFallback(b *builder, d *call) error {
	b.fallback = d
	return b.checkCipher(d, strings.ToUpper(d.args[0]))
}

func setNCPDisable(b *builder, d *call) error {
	b.ncpDisable = true
	b.remark(d, "only the cipher given with `cipher` is offered; the cipher is still negotiated")
	return nil
}

// otherCipher are the names of ciphers that OpenVPN's builds know or knew, and
// that are not here: OpenSSL's, with blocks of 64 bits or another mode.
var otherCipher = regexp.MustCompile(`^((AES|ARIA|CAMELLIA)-(128|192|256)|SEED|SM4|BF|CAST5|DES(-EDE3?)?|IDEA|RC2(-40|-64)?|RC5)(-(CBC|CFB|CFB1|CFB8|CFB64|OFB|OFB64|CTR|CCM|OCB|GCM|ECB))?$|^DES(X-CBC|3)$|^RC4(-40)?$|^CHACHA20$`)

// isCipher reports whether a name is any cipher's.
func isCipher(name string) bool {
	return slices.Contains(supportedCiphers, name) || otherCipher.MatchString(name)
}

// noCipher is the fault of a name that is no cipher's.
func (b *builder) noCipher(d *call, name string) *Error {
	mend := "write such as AES-256-GCM"
	switch {
	case strings.Contains(name, ","):
		mend = "write colons between ciphers, no commas"
	case strings.Contains(name, ":"):
		mend = "write a list with data-ciphers"
	}
	if like := nearestOf(slices.Values(supportedCiphers), name); like != "" {
		mend = "did you mean " + like + "?"
	}
	return b.runTogether(d, d.fault(name, "no cipher has this name", mend))
}

// resolveCiphers combines data-ciphers, cipher and data-ciphers-fallback into
// the list to negotiate from.
func (b *builder) resolveCiphers() error {
	if b.dataCiphers == nil {
		b.Data.Ciphers = strings.Split(defaultCiphers, ":")
	} else if err := b.resolveList(b.dataCiphers); err != nil {
		return err
	}
	if b.fallback != nil {
		if err := b.resolveFallback(b.fallback); err != nil {
			return err
		}
	}
	if b.cipher == nil {
		return nil
	}
	return b.resolveCipher(b.cipher)
}

// resolveList reads data-ciphers, without what is not supported.
func (b *builder) resolveList(d *call) error {
	b.Data.Ciphers = nil
	list := strings.ToUpper(d.args[0])
	for _, name := range strings.Split(list, ":") {
		name, optional := strings.CutPrefix(name, "?")
		switch {
		case name == "DEFAULT":
			b.addCiphers(strings.Split(defaultCiphers, ":")...)
		case name == "NONE" && b.checkCipher(d, name) != nil:
			return b.checkCipher(d, name)
		case slices.Contains(supportedCiphers, name):
			b.addCiphers(name)
		case name != "" && !optional && !isCipher(name):
			return b.noCipher(d, name)
		case name != "" && !optional:
			b.remark(d, clip(name)+" is left out, since it is not supported")
		}
	}
	if len(b.Data.Ciphers) == 0 {
		return d.fault(d.args[0], "none of these ciphers is supported", "write data-ciphers "+defaultCiphers)
	}
	return nil
}

func (b *builder) addCiphers(names ...string) {
	for _, n := range names {
		if !slices.Contains(b.Data.Ciphers, n) {
			b.Data.Ciphers = append(b.Data.Ciphers, n)
		}
	}
}

func (b *builder) resolveFallback(d *call) error {
	switch name := strings.ToUpper(d.args[0]); {
	case slices.Contains(supportedCiphers, name):
		b.Data.Fallback = name
	case !isCipher(name):
		return b.noCipher(d, name)
	default:
		b.remark(d, clip(name)+" is not supported; peers that cannot negotiate a cipher will be refused")
	}
	return nil
}

// resolveCipher takes `cipher`, once the only way to choose one, as what older
// configurations mean by it: a cipher to offer, and the one to fall back to.
func (b *builder) resolveCipher(d *call) error {
	name := b.Data.Cipher
	switch {
	case slices.Contains(supportedCiphers, name):
		if b.dataCiphers == nil || b.offerCipher {
			b.addCiphers(name)
		}
		if b.ncpDisable {
			b.Data.Ciphers = []string{name}
		}
		if b.Data.Fallback == "" {
			b.Data.Fallback = name
		}
	case !isCipher(name):
		return b.noCipher(d, name)
	case b.dataCiphers != nil:
	case b.ncpDisable:
		return d.fault(d.args[0], "not supported, and ncp-disable leaves no other", "remove ncp-disable, or write cipher AES-256-GCM")
	default:
		b.remark(d, clip(name)+" is not supported; one of "+strings.Join(b.Data.Ciphers, ":")+" is negotiated instead, which peers from OpenVPN 2.4 on do")
	}
	return nil
}
