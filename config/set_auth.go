package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// command is the setter of a directive that names a program to run: its path
// and arguments, in one value.
func command(field func(*Config) *[]string) setter {
	return func(b *builder, d *call) error {
		words, err := d.command(0)
		if err == nil {
			*field(b.Config) = words
		}
		return err
	}
}

// command cuts argument i into a program's path and its arguments.
func (d *call) command(i int) ([]string, error) {
	words, _, problem := splitWords(d.args[i])
	switch {
	case problem != nil:
		return nil, d.fault(d.args[i], problem.reason, problem.mend)
	case len(words) == 0 || words[0] == "":
		return nil, d.expected(d.args[i], "a program's path, in quotes with its arguments if it takes any")
	}
	return words, nil
}

// setX509Track takes an attribute's short name such as CN or subjectAltName, or its
// number, after a + for the whole chain.
func setX509Track(b *builder, d *call) error {
	name := strings.TrimPrefix(d.args[0], "+")
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '=' || r >= 0x7f }) {
		return d.expected(d.args[0], "an attribute's short name, such as CN or +subjectAltName")
	}
	b.Trust.X509Track = append(b.Trust.X509Track, d.args[0])
	return nil
}

func setAskPass(b *builder, d *call) error {
	if len(d.args) == 0 {
		b.Trust.AskPass = &File{Pos: d.Pos}
		return nil
	}
	return file(func(c *Config) **File { return &c.Trust.AskPass })(b, d)
}

func setCRLVerify(b *builder, d *call) error {
	if !d.inline && len(d.args) > 1 {
		if d.args[1] != "dir" {
			return d.expected(d.args[1], "dir, or nothing")
		}
		b.Trust.CRLVerify, b.Trust.CRLVerifyDir = nil, d.args[0]
		return nil
	}
	b.Trust.CRLVerifyDir = ""
	return file(func(c *Config) **File { return &c.Trust.CRLVerify })(b, d)
}

func setRemoteCertKU(b *builder, d *call) error {
	usages := []uint16{}
	for _, s := range d.args {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 16)
		if err != nil {
			return d.expected(s, "a key usage in hex, such as a0")
		}
		usages = append(usages, uint16(n))
	}
	b.Trust.RemoteCertKU = usages
	return nil
}

// setRemoteCertEKU takes a number or a name. Names have blanks, and people forget
// the quotes.
func setRemoteCertEKU(b *builder, d *call) error {
	usage := strings.Join(d.args, " ")
	if strings.TrimSpace(usage) == "" {
		return d.expected(usage, `an extended key usage, such as "TLS Web Server Authentication"`)
	}
	b.Trust.RemoteCertEKU = usage
	return nil
}

func setNsCertType(b *builder, d *call) error {
	err := choice(func(c *Config) *CertUsage { return &c.Trust.NsCertType },
		word[CertUsage]{"server", ServerUsage}, word[CertUsage]{"client", ClientUsage})(b, d)
	if err == nil {
		d.remark("is deprecated; write remote-cert-tls " + d.args[0])
	}
	return err
}

func setCertProfile(b *builder, d *call) error {
	return oneOf(d, &b.Trust.TLSCertProfile, d.args[0], "legacy", "preferred", "insecure", "suiteb")
}

func setUsernameField(b *builder, d *call) error {
	for _, field := range d.args {
		if ext, ok := strings.CutPrefix(field, "ext:"); ok && ext != "subjectAltName" {
			return d.fault(field, "only the extension subjectAltName is supported", "write ext:subjectAltName, or the name of a subject's attribute")
		}
	}
	b.Trust.X509UsernameField = d.args
	return nil
}

func setAuthUserPass(b *builder, d *call) error {
	switch {
	case d.inline:
		b.Login.UserPass = &File{Inline: true, Text: d.body, Pos: d.Pos}
	case len(d.args) == 0:
		if b.Login.UserPass == nil {
			b.Login.UserPass = &File{Pos: d.Pos}
		}
	case d.args[0] == "username-only":
		b.Login.UserPass, b.Login.UsernameOnly = &File{Pos: d.Pos}, true
	default:
		return file(func(c *Config) **File { return &c.Login.UserPass })(b, d)
	}
	return nil
}

var setAuthRetry = choice(func(c *Config) *AuthRetry { return &c.Login.Retry },
	word[AuthRetry]{"none", AuthRetryNone}, word[AuthRetry]{"nointeract", AuthRetryNoInteract}, word[AuthRetry]{"interact", AuthRetryInteract})

func setStaticChallenge(b *builder, d *call) error {
	s := &StaticChallenge{Text: d.args[0], Echo: d.args[1] == "1"}
	if d.args[1] != "0" && d.args[1] != "1" {
		return d.expected(d.args[1], "1 to show the answer as it is typed, or 0")
	}
	if len(d.args) > 2 {
		if d.args[2] != "scrv1" && d.args[2] != "concat" {
			return d.expected(d.args[2], "scrv1 or concat")
		}
		s.Concat = d.args[2] == "concat"
	}
	b.Login.StaticChallenge = s
	return nil
}

func setAuthUserPassVerify(b *builder, d *call) error {
	words, err := d.command(0)
	if err != nil {
		return err
	}
	switch d.args[1] {
	case "via-env", "via-file":
	default:
		return d.expected(d.args[1], "via-file or via-env")
	}
	b.Login.UserPassVerify, b.Login.ViaEnv = words, d.args[1] == "via-env"
	return nil
}

// setAuthGenToken leaves Renewal at 0 where it follows reneg-sec.
func setAuthGenToken(b *builder, d *call) error {
	t := &TokenPolicy{}
	args := d.args
	if n := len(args); n > 0 && args[n-1] == "external-auth" {
		t.ExternalAuth, args = true, args[:n-1]
	}
	for i, field := range []*time.Duration{&t.Lifetime, &t.Renewal} {
		if i >= len(args) {
			break
		}
		n, err := d.int(i, 0, maxSeconds)
		if err != nil {
			return err
		}
		*field = time.Duration(n) * time.Second
	}
	if len(args) > 2 {
		return d.expected(args[2], "external-auth, or nothing")
	}
	b.Login.GenToken = t
	return nil
}

// setTLSCiphersuites keeps nothing: TLS 1.3 has only safe suites, and crypto/tls
// does not let us choose. As with OpenVPN, names may have hyphens.
func setTLSCiphersuites(b *builder, d *call) error {
	names := []string{"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"}
	given := strings.Split(d.args[0], ":")
	if !slices.ContainsFunc(given, func(name string) bool {
		return slices.Contains(names, strings.ReplaceAll(strings.ToUpper(name), "-", "_"))
	}) {
		return d.expected(d.args[0], "suites of TLS 1.3 with colons between, such as "+names[0])
	}
	d.remark("not used: the suites of TLS 1.3 are all safe, and every common one is taken")
	return nil
}
