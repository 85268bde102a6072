package config

import (
	"regexp"
	"slices"
	"strings"

	"culvert/internal/nearest"
)

// defaultCiphers is what DEFAULT stands for in data-ciphers.
const defaultCiphers = "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305"

// supportedCiphers are the data channel's ciphers.
var supportedCiphers = []string{"AES-256-GCM", "AES-192-GCM", "AES-128-GCM", "CHACHA20-POLY1305",
	"AES-256-CBC", "AES-192-CBC", "AES-128-CBC", "NONE"}

// setCiphers and the others keep the line for finish, which combines the three.
func setCiphers(b *builder, d *call) error {
	b.ciphers.dataCiphers = d
	return nil
}

func setCipher(b *builder, d *call) error {
	b.Data.Cipher, b.ciphers.cipher = strings.ToUpper(d.args[0]), d
	if !b.Data.AllowInsecureNone {
		return nil // what `none` means depends on other lines
	}
	return b.Data.checkCipher(d, b.Data.Cipher)
}

func setFallback(b *builder, d *call) error {
	b.ciphers.fallback = d
	return b.Data.checkCipher(d, strings.ToUpper(d.args[0]))
}

func setNCPDisable(b *builder, d *call) error {
	b.ciphers.ncpDisable = true
	d.remark("only the cipher given with `cipher` is offered; the cipher is still negotiated")
	return nil
}

// otherCipher matches the ciphers that OpenVPN's builds know or knew and that are
// not supported: OpenSSL's, with blocks of 64 bits or another mode.
var otherCipher = regexp.MustCompile(`^((AES|ARIA|CAMELLIA)-(128|192|256)|SEED|SM4|BF|CAST5|DES(-EDE3?)?|IDEA|RC2(-40|-64)?|RC5)(-(CBC|CFB|CFB1|CFB8|CFB64|OFB|OFB64|CTR|CCM|OCB|GCM|ECB))?$|^DES(X-CBC|3)$|^RC4(-40)?$|^CHACHA20$`)

// isCipher reports whether a name is a cipher's, supported or not.
func isCipher(name string) bool {
	return slices.Contains(supportedCiphers, name) || otherCipher.MatchString(name)
}

// cipherLines are the lines that the data channel's ciphers are made of.
type cipherLines struct {
	rows             rows
	data             *Data
	trust            *Trust
	cipher, fallback *call
	dataCiphers      *call
	auth             *call // `auth none` without allow-insecure-none
	ncpDisable       bool
	offerCipher      bool // `cipher` beside data-ciphers

	beforeNegotiation *call // compat-mode with a version that negotiates none; nil: not given
}

// noCipher is the fault of a name that is not a cipher's.
func (l *cipherLines) noCipher(d *call, name string) *Error {
	mend := "write one such as AES-256-GCM"
	switch {
	case strings.Contains(name, ","):
		mend = "write colons between ciphers, no commas"
	case strings.Contains(name, ":"):
		mend = "write a list with data-ciphers"
	}
	if like := nearest.Of(slices.Values(supportedCiphers), name); like != "" {
		mend = "did you mean " + like + "?"
	}
	return l.rows.runTogether(d, d.fault(name, "no cipher has this name", mend))
}

// resolve combines data-ciphers, cipher and data-ciphers-fallback into
// the list to negotiate from.
func (l *cipherLines) resolve() error {
	if l.dataCiphers == nil {
		l.data.Ciphers = strings.Split(defaultCiphers, ":")
	} else if err := l.list(l.dataCiphers); err != nil {
		return err
	}
	if l.fallback != nil {
		if err := l.resolveFallback(l.fallback); err != nil {
			return err
		}
	}
	if l.cipher != nil {
		if err := l.resolveCipher(l.cipher); err != nil {
			return err
		}
	}
	if err := l.withoutDigest(); err != nil {
		return err
	}
	if d := l.beforeNegotiation; d != nil && l.data.Fallback == "" {
		d.remark("peers from before OpenVPN 2.4 negotiate no cipher, and most use BF-CBC, which is not supported: they will be refused; give them and this side another, by cipher AES-256-CBC")
	}
	return nil
}

// list reads data-ciphers, without what is not supported.
func (l *cipherLines) list(d *call) error {
	l.data.Ciphers = nil
	list := strings.ToUpper(d.args[0])
	for _, name := range strings.Split(list, ":") {
		name, optional := strings.CutPrefix(name, "?")
		switch {
		case name == "DEFAULT":
			l.offer(strings.Split(defaultCiphers, ":")...)
		case name == "NONE" && l.data.checkCipher(d, name) != nil:
			return l.data.checkCipher(d, name)
		case slices.Contains(supportedCiphers, name):
			l.offer(name)
		case name != "" && !optional && !isCipher(name):
			return l.noCipher(d, name)
		case name != "" && !optional:
			d.remark(clip(name) + " is left out, since it is not supported")
		}
	}
	if len(l.data.Ciphers) == 0 {
		return d.fault(d.args[0], "none of these ciphers is supported", "write data-ciphers "+defaultCiphers)
	}
	return nil
}

func (l *cipherLines) offer(names ...string) {
	for _, n := range names {
		if !slices.Contains(l.data.Ciphers, n) {
			l.data.Ciphers = append(l.data.Ciphers, n)
		}
	}
}

func (l *cipherLines) resolveFallback(d *call) error {
	switch name := strings.ToUpper(d.args[0]); {
	case slices.Contains(supportedCiphers, name):
		l.data.Fallback = name
	case !isCipher(name):
		return l.noCipher(d, name)
	default:
		d.remark(clip(name) + " is not supported; peers that cannot negotiate a cipher will be refused")
	}
	return nil
}

// resolveCipher reads `cipher`, once the only way to choose one, as older
// configurations mean it: a cipher to offer, and the one to fall back to.
func (l *cipherLines) resolveCipher(d *call) error {
	name := l.data.Cipher
	switch {
	case name == "NONE" && !l.data.AllowInsecureNone:
		return l.ignoreNone(d)
	case slices.Contains(supportedCiphers, name):
		if l.dataCiphers == nil || l.offerCipher {
			l.offer(name)
		}
		if l.ncpDisable {
			l.data.Ciphers = []string{name}
		}
		if l.data.Fallback == "" {
			l.data.Fallback = name
		}
	case !isCipher(name):
		return l.noCipher(d, name)
	case l.dataCiphers != nil:
	case l.ncpDisable:
		return d.fault(d.args[0], "not supported, and ncp-disable leaves no other", "remove ncp-disable, or write cipher AES-256-GCM")
	default:
		d.remark(clip(name) + " is not supported; one of " + strings.Join(l.data.Ciphers, ":") + " is negotiated instead, as peers since OpenVPN 2.4 do")
	}
	return nil
}

// ignoreNone reads `cipher none` as OpenVPN does since 2.6: the cipher is negotiated, and
// none is not among those that are offered. A peer that does not negotiate is refused.
func (l *cipherLines) ignoreNone(d *call) error {
	if l.trust.Secret != nil || l.ncpDisable {
		return l.data.checkCipher(d, "NONE")
	}
	l.data.Cipher = ""
	d.remark("none is ignored: one of " + strings.Join(l.data.Ciphers, ":") + " is negotiated, as peers since OpenVPN 2.4 do, and the tunnel is encrypted")
	return nil
}

// withoutDigest keeps `auth none` from leaving packets open to changes: ciphers that
// authenticate by themselves stay, and no other.
func (l *cipherLines) withoutDigest() error {
	d := l.auth
	switch {
	case d == nil || l.data.Auth != "NONE" || l.data.AllowInsecureNone:
		return nil
	case l.trust.Secret != nil:
		return l.data.checkDigest(d, "NONE")
	case l.trust.TLSAuth != nil:
		return d.fault(d.args[0], "tls-auth authenticates the control channel with this digest", "write auth SHA256, on both sides")
	}
	open := func(name string) bool { return strings.HasSuffix(name, "-CBC") }
	gone := slices.DeleteFunc(slices.Clone(l.data.Ciphers), func(name string) bool { return !open(name) })
	l.data.Ciphers = slices.DeleteFunc(l.data.Ciphers, open)
	if open(l.data.Fallback) {
		if !slices.Contains(gone, l.data.Fallback) {
			gone = append(gone, l.data.Fallback)
		}
		l.data.Fallback = ""
	}
	switch {
	case len(l.data.Ciphers) == 0:
		return l.data.checkDigest(d, "NONE")
	case len(gone) > 0:
		d.remark(strings.Join(gone, " and ") + " is not used, since its packets would not be authenticated; write auth SHA256, on both sides, to have it")
	}
	return nil
}

// forOne resolves the lines of one client's settings: what is negotiated with it, and what
// it is talked to with if it does not negotiate.
func (l *cipherLines) forOne(own *PerClient) error {
	*l.data = Data{AllowInsecureNone: l.data.AllowInsecureNone, Cipher: l.data.Cipher}
	if l.dataCiphers != nil {
		if err := l.list(l.dataCiphers); err != nil {
			return err
		}
		own.Ciphers = l.data.Ciphers
	}
	fallback := l.fallback
	if fallback == nil {
		fallback = l.cipher
	}
	if fallback != nil && strings.EqualFold(fallback.args[0], "none") && !l.data.AllowInsecureNone {
		fallback.remark("none is ignored: the cipher is negotiated with this client, too")
		return nil
	}
	if fallback == nil {
		return nil
	}
	err := l.resolveFallback(fallback)
	own.Fallback = l.data.Fallback
	return err
}
