package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"culvert/internal/pemtext"
)

// fileLines are the lines that name files, which it reads.
type fileLines struct {
	*Config
	*record
	read   ReadFile
	loaded map[*File]bool
	dh     *File
}

// file is the setter of directives that name a file or hold it as a block.
// Reading waits for finish, since `cd` moves all names wherever it stands.
func file(field func(*Config) **File) setter {
	return func(b *builder, d *call) error {
		f := field(b.Config)
		switch {
		case d.inline:
			*f = &File{Inline: true, Text: d.body, Pos: d.Pos}
		case d.args[0] == "":
			return d.expected("", "the name of a file")
		case d.args[0] != "[inline]" || *f == nil || !(*f).Inline:
			*f = &File{Name: d.args[0], Pos: d.Pos}
		}
		return nil
	}
}

// resolveNames applies `cd` to the names of files and programs that are used later.
// Programs that run below `chroot` are found from there.
func (l *fileLines) resolveNames() {
	for _, name := range []*string{&l.Process.Chroot, &l.Adapter.DevNode, &l.Process.WritePID, &l.Process.Log, &l.Process.Status, &l.Server.PoolPersist, &l.Trust.ReplayPersist, &l.Server.ClientConfigDir, &l.Trust.CAPath, &l.Trust.CRLVerifyDir, &l.Process.TmpDir, &l.Server.Web.Cert, &l.Server.Web.Key, &l.Server.Dashboard.Cert, &l.Server.Dashboard.Key, &l.Server.API.Cert, &l.Server.API.Key} {
		if *name != "" {
			*name = l.Path(*name)
		}
	}
	for _, p := range l.commands() {
		if l.Process.Chroot == "" {
			p.command[0] = l.Path(p.command[0])
		}
	}
}

// readAll reads the files that directives name, and checks that they hold what they
// should.
func (l *fileLines) readAll() {
	type needed struct {
		name, block string // the block's type
		file        *File
	}
	files := []needed{
		{"ca", "CERTIFICATE", l.Trust.CA},
		{"cert", "CERTIFICATE", l.Trust.Cert},
		{"key", "PRIVATE KEY", l.Trust.Key},
		{"extra-certs", "CERTIFICATE", l.Trust.ExtraCerts},
		{"pkcs12", "", l.Trust.PKCS12},
		{"tls-auth", staticKeyBlock, l.Trust.TLSAuth},
		{"tls-crypt", staticKeyBlock, l.Trust.TLSCrypt},
		{"tls-crypt-v2", l.keyV2(), l.Trust.TLSCryptV2},
		{"auth-user-pass", "", l.Login.UserPass},
		{"auth-gen-token-secret", "OpenVPN auth-token server key", l.tokenSecret()},
		{"askpass", "", l.Trust.AskPass},
		{"http-proxy-user-pass", "", l.Link.HTTPProxyUserPass},
		{"socks-proxy", "", l.Link.SOCKSProxy.login()},
		{"crl-verify", "X509 CRL", l.Trust.CRLVerify},
		{"policy", "", l.policy()},
		{"oidc-client", "", l.providerSecret()},
		{"secret", staticKeyBlock, l.Trust.Secret},
		{"dh", "DH PARAMETERS", l.dhParameters()},
	}
	for _, p := range l.Login.Plugins {
		files = append(files, needed{"plugin", "", p.LDAP})
	}
	for _, s := range append(l.Sources.files(), l.Records.files()...) {
		files = append(files, needed{s.directive, "", s.file})
	}
	for _, f := range files {
		if f.file != nil && !l.loaded[f.file] {
			l.loaded[f.file] = true
			l.readFile(f.name, f.block, f.file)
		}
	}
}

// dhParameters is the file that `dh` names on a TLS server. It must be there, though
// nothing uses it.
func (l *fileLines) dhParameters() *File {
	if !l.TLSServer {
		return nil
	}
	return l.dh
}

// policy is the file of `policy`, which only a server reads.
func (l *fileLines) policy() *File {
	if l.Mode != ModeServer {
		return nil
	}
	return l.Server.Policy
}

// providerSecret is the file of `oidc-client`, which only a server reads.
func (l *fileLines) providerSecret() *File {
	if l.Mode != ModeServer {
		return nil
	}
	return l.Login.OIDC.Secret
}

// tokenSecret is the file of auth-gen-token-secret, which nothing reads without
// auth-gen-token.
func (l *fileLines) tokenSecret() *File {
	if !l.has("auth-gen-token") {
		return nil
	}
	return l.Login.GenTokenSecret
}

// readNamed looks for a revocation list below `chroot` first, as OpenVPN does: it is
// read again there later.
func (l *fileLines) readNamed(directive, name string) ([]byte, error) {
	if directive == "crl-verify" && l.Process.Chroot != "" {
		if text, err := l.read(path.Join(l.Process.Chroot, name)); err == nil {
			return text, nil
		}
	}
	return l.read(name)
}

func (l *fileLines) readFile(name, block string, f *File) {
	switch {
	case f.Name == "[inline]":
		l.fail(&Error{f.Pos, name, f.Name, "there is no <" + name + "> block", "add it, or name a file"})
		return
	case !f.Inline && f.Name != "":
		text, err := l.readNamed(name, l.Path(f.Name))
		if err != nil {
			l.fail(&Error{f.Pos, name, f.Name, unreadable(err), mendOf(err, f.Name)})
			return
		}
		f.Text = text
		l.said.add(name, string(text))
	}
	if fault := l.emptyFile(name, f); fault != nil {
		l.fail(fault)
		return
	}
	if block != "" && !bytes.Contains(f.Text, []byte(begin(block))) {
		found, mend, _ := strings.Cut(pemtext.Found(f.Text, block), "; ")
		l.fail(&Error{f.Pos, name, f.Name, fmt.Sprintf("expected a PEM block %q, found %s", "-----BEGIN "+block+"-----", found),
			cmp.Or(mend, "copy the whole file, with its BEGIN and END lines")})
	}
}

// begin is what a text with such a block must contain. Whoever reads certificates
// and keys checks their types.
func begin(block string) string {
	switch {
	case block == "CERTIFICATE" || block == "PRIVATE KEY":
		return "-----BEGIN "
	case block == "DH PARAMETERS": // X9.42 DH PARAMETERS, too
		return block + "-----"
	case strings.HasPrefix(block, keyV2): // its reader checks whose key it is
		return "-----BEGIN " + keyV2
	}
	return "-----BEGIN " + block + "-----"
}

// emptyFile is the fault of a file or block without its content.
func (l *fileLines) emptyFile(name string, f *File) *Error {
	if !f.Inline && f.Name == "" {
		return nil
	}
	what := "the file"
	if f.Inline {
		what = "the block"
	}
	first, _ := f.TwoLines()
	switch {
	case name == "auth-user-pass" && first == "":
		return &Error{f.Pos, name, f.Name, what + " begins with no user name", "write the user name in its first line and the password in its second; or remove it and write auth-user-pass alone, to be asked"}
	case (name == "sign-in-radius" || name == "accounting-radius") && strings.TrimSpace(first) == "":
		return &Error{f.Pos, name, f.Name, what + " begins with an empty line, and not with a secret", "write the secret into its first line"}
	case name == "crl-verify" && len(bytes.TrimSpace(f.Text)) == 0:
		return &Error{f.Pos, name, f.Name, what + " is empty, so no certificate could be checked", "put a revocation list there, even one that lists nobody; or remove the line, to check no certificate"}
	}
	return nil
}

// keyV2 is how the types of tls-crypt-v2's keys begin.
const keyV2 = "OpenVPN tls-crypt-v2 "

func (l *fileLines) keyV2() string {
	if l.TLSServer {
		return keyV2 + "server key"
	}
	return keyV2 + "client key"
}

const staticKeyBlock = "OpenVPN Static key V1"

// unreadable says why a file cannot be read, on one line, and without its path where that
// is too long to show.
func unreadable(err error) string {
	const longest = 1024
	text := err.Error()
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) && len(inner.Path) > longest {
		text = inner.Err.Error()
	}
	if strings.ContainsFunc(text, isControl) {
		text = strconv.Quote(text)
	}
	return "cannot be read: " + text
}

// mendOf is what to do about a file that cannot be read.
func mendOf(err error, name string) string {
	switch {
	case errors.Is(err, fs.ErrNotExist) && !path.IsAbs(name):
		return "a relative name is looked up in the working directory: write the whole path"
	case errors.Is(err, fs.ErrPermission):
		return "run this as the user who may read it, or as root"
	}
	return ""
}
