package config

import (
	"slices"
	"strings"
	"time"
)

// keyFile is the setter of a static key with an optional direction. A later block
// keeps the direction.
func keyFile(field func(*Config) **File) setter {
	return func(b *builder, d *call) error {
		if !d.inline && len(d.args) > 1 {
			if err := setDirection(b, d, d.args[1]); err != nil {
				return err
			}
		}
		return file(field)(b, d)
	}
}

// ignoreDirection drops the direction that people add to tls-crypt.
func ignoreDirection(set setter) setter {
	return func(b *builder, d *call) error {
		if len(d.args) > 1 {
			d.remark("takes no direction; " + quote(d.args[1]) + " is ignored")
		}
		return set(b, d)
	}
}

// setDH keeps the file's name: it must exist, but nothing uses it.
func setDH(b *builder, d *call) error {
	switch {
	case d.inline:
		b.files.dh = &File{Inline: true, Text: d.body, Pos: d.Pos}
	case d.args[0] == "none":
		b.files.dh = nil
	default:
		b.files.dh = &File{Name: d.args[0], Pos: d.Pos}
	}
	return nil
}

func setKeyDirection(b *builder, d *call) error { return setDirection(b, d, d.args[0]) }

func setDirection(b *builder, d *call, s string) error {
	if s != "0" && s != "1" {
		return d.expected(s, "0 or 1, the server 0 and the client 1")
	}
	n := int(s[0] - '0')
	b.Trust.KeyDirection = &n
	return nil
}

// digests are the HMAC digests of tls-auth, and of ciphers without authentication of
// their own: those of package digest.
var digests = []string{
	"MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA512-224", "SHA512-256",
	"SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", "RIPEMD160", "BLAKE2B512", "BLAKE2S256",
}

// digestNames turns OpenSSL's other names into these.
var digestNames = strings.NewReplacer("RSA-", "", "SSL3-", "", "SHA2-", "SHA", "SHA-", "SHA", "/", "-",
	"RIPEMD-160", "RIPEMD160", "RMD160", "RIPEMD160", "BLAKE2B-", "BLAKE2B", "BLAKE2S-", "BLAKE2S")

// setAuth takes any case, and OpenSSL's other names of the same digests.
func setAuth(b *builder, d *call) error {
	name := digestNames.Replace(strings.ToUpper(d.args[0]))
	switch {
	case name == "NONE" && !b.Data.AllowInsecureNone:
		b.ciphers.auth = d // what it means depends on other lines
	case name == "NONE":
		if err := b.Data.checkDigest(d, name); err != nil {
			return err
		}
	case name == "RIPEMD":
		name = "RIPEMD160"
	case slices.Contains(digests, "SHA"+name): // such as 256
		name = "SHA" + name
		d.remark("read as " + name + ", which OpenVPN wants written out")
	case !slices.Contains(digests, name):
		return d.expected(d.args[0], strings.Join(digests, ", "))
	}
	b.Data.Auth = name
	return nil
}

func setTLSVersionMin(b *builder, d *call) error {
	highest := len(d.args) > 1
	if highest && d.args[1] != "or-highest" {
		return d.expected(d.args[1], "or-highest, or nothing")
	}
	switch v := d.args[0]; {
	case v == "1.0" || v == "1.1":
		d.remark("TLS " + v + " is not supported; 1.2 is the oldest")
		b.Trust.TLSVersionMin = "1.2"
	case v == "1.2" || v == "1.3":
		b.Trust.TLSVersionMin = v
	case highest:
		b.Trust.TLSVersionMin = "1.3"
	default:
		return d.expected(v, "1.2 or 1.3")
	}
	return nil
}

func setTLSVersionMax(b *builder, d *call) error {
	if d.args[0] != "1.2" && d.args[0] != "1.3" {
		return d.fault(d.args[0], "expected 1.2 or 1.3; older versions are not supported", "remove the line")
	}
	b.Trust.TLSVersionMax = d.args[0]
	return nil
}

var certUsage = choice(func(c *Config) *CertUsage { return &c.Trust.RemoteCertTLS },
	word[CertUsage]{"server", ServerUsage}, word[CertUsage]{"client", ClientUsage})

func setVerifyX509Name(b *builder, d *call) error {
	n := &X509Name{Name: d.args[0], Type: "subject"}
	if n.Name == "" {
		return d.expected("", "a certificate's name")
	}
	if len(d.args) > 1 {
		if err := oneOf(d, &n.Type, d.args[1], "subject", "name", "name-prefix"); err != nil {
			return err
		}
	}
	b.Trust.VerifyX509Name = n
	return nil
}

// setTLSRemote translates the forerunner of verify-x509-name: a common name, or a
// whole subject in the form /C=../CN=.., in which old versions wrote an underscore
// for special characters.
func setTLSRemote(b *builder, d *call) error {
	name := d.args[0]
	n := &X509Name{Name: name, Type: "name"}
	if rest, ok := strings.CutPrefix(name, "/"); ok {
		if strings.Contains(name, "_") {
			return d.fault(name, "was removed, and this subject cannot be translated for certain",
				"write verify-x509-name with the subject as the certificate has it")
		}
		n = &X509Name{Name: strings.ReplaceAll(rest, "/", ", "), Type: "subject"}
	}
	if n.Name == "" {
		return d.expected(name, "a certificate's name")
	}
	b.Trust.VerifyX509Name = n
	d.remark("read as verify-x509-name " + quote(n.Name) + " " + n.Type)
	return nil
}

func setECDHCurve(b *builder, d *call) error {
	d.remark("read as tls-groups " + clip(d.args[0]))
	b.Trust.ECDHCurve = d.args[0]
	return nil
}

// setRenegSec takes the longest time and optionally the shortest. With 0, never, as
// the longest, the shortest means nothing.
func setRenegSec(b *builder, d *call) error {
	longest, err := d.int(0, 0, maxSeconds)
	if err != nil {
		return err
	}
	b.Timers.RenegSecMin = 0
	if len(d.args) > 1 {
		most := longest
		if longest == 0 {
			most = maxSeconds
		}
		least, err := d.int(1, 0, most)
		if err != nil {
			return err
		}
		b.Timers.RenegSecMin = time.Duration(min(least, longest)) * time.Second
	}
	b.Timers.RenegSec = time.Duration(longest) * time.Second
	return nil
}

func count(field func(*Config) *int64) setter {
	return func(b *builder, d *call) error {
		n, err := d.int64(0, 0, 1<<62)
		if err == nil {
			*field(b.Config) = n
		}
		return err
	}
}

// positive is the setter of a time above 0.
func positive(field func(*Config) *time.Duration) setter {
	return func(b *builder, d *call) error {
		n, err := d.int(0, 1, maxSeconds)
		if err == nil {
			*field(b.Config) = time.Duration(n) * time.Second
		}
		return err
	}
}

// setTLSCryptV2 takes the key, and whether clients need cookie support.
func setTLSCryptV2(b *builder, d *call) error {
	force := false
	if !d.inline && len(d.args) > 1 {
		if force = d.args[1] == "force-cookie"; !force && d.args[1] != "allow-noncookie" {
			return d.expected(d.args[1], "force-cookie, allow-noncookie or nothing")
		}
	}
	b.Trust.TLSCryptV2ForceCookie = force
	return file(func(c *Config) **File { return &c.Trust.TLSCryptV2 })(b, d)
}
