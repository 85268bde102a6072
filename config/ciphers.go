package config

import (
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
	b.Cipher, b.cipher = strings.ToUpper(d.args[0]), d
	return b.checkCipher(d, b.Cipher)
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

// isWeak tells the ciphers with blocks of 64 bits and their contemporaries.
func isWeak(name string) bool {
	for _, family := range []string{"BF-", "DES-", "DESX-", "RC2-", "RC5-", "CAST5-", "IDEA-"} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

// resolveCiphers combines data-ciphers, cipher and data-ciphers-fallback into
// the list to negotiate from.
func (b *builder) resolveCiphers() error {
	if b.dataCiphers == nil {
		b.DataCiphers = strings.Split(defaultCiphers, ":")
	} else if err := b.resolveList(b.dataCiphers); err != nil {
		return err
	}
	if b.fallback != nil {
		b.resolveFallback(b.fallback)
	}
	if b.cipher == nil {
		return nil
	}
	return b.resolveCipher(b.cipher)
}

// resolveList reads data-ciphers, without what is not supported.
func (b *builder) resolveList(d *call) error {
	b.DataCiphers = nil
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
		case name != "" && !optional:
			b.remark(d, clip(name)+" is left out, since it is not supported")
		}
	}
	if len(b.DataCiphers) == 0 {
		return d.fault(d.args[0], "none of these ciphers is supported", "write data-ciphers "+defaultCiphers)
	}
	return nil
}

func (b *builder) addCiphers(names ...string) {
	for _, n := range names {
		if !slices.Contains(b.DataCiphers, n) {
			b.DataCiphers = append(b.DataCiphers, n)
		}
	}
}

func (b *builder) resolveFallback(d *call) {
	name := strings.ToUpper(d.args[0])
	if !slices.Contains(supportedCiphers, name) {
		b.remark(d, clip(name)+" is not supported yet; peers that cannot negotiate a cipher will be refused")
		return
	}
	b.DataCiphersFallback = name
}

// resolveCipher takes `cipher`, once the only way to choose one, as what older
// configurations mean by it: a cipher to offer, and the one to fall back to.
func (b *builder) resolveCipher(d *call) error {
	name := b.Cipher
	switch {
	case slices.Contains(supportedCiphers, name):
		if b.dataCiphers == nil {
			b.addCiphers(name)
		}
		if b.ncpDisable {
			b.DataCiphers = []string{name}
		}
		if b.DataCiphersFallback == "" {
			b.DataCiphersFallback = name
		}
	case b.dataCiphers != nil:
	case isWeak(name):
		return d.fault(d.args[0], "refused: this cipher is weak", "write data-ciphers "+defaultCiphers+" instead; peers from OpenVPN 2.4 on negotiate it")
	case b.ncpDisable:
		return d.fault(d.args[0], "not supported yet, and ncp-disable leaves no other", "remove ncp-disable, or write cipher AES-256-GCM")
	default:
		b.remark(d, clip(name)+" is not supported yet; one of "+strings.Join(b.DataCiphers, ":")+" is negotiated instead, which peers from OpenVPN 2.4 on do")
	}
	return nil
}
