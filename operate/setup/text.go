package setup

import (
	"bytes"
	_ "embed" // the templates
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

//go:embed server.conf.tmpl
var serverConfText string

//go:embed client.ovpn.tmpl
var clientText string

//go:embed signin.ovpn.tmpl
var signInText string

// maxLine is the longest line that OpenVPN reads, in bytes without the line end.
const maxLine = 254

// serverConf fills server.conf.tmpl.
type serverConf struct{ InitOptions }

func (c serverConf) text() ([]byte, error) {
	text, err := render(serverConfText, c, template.FuncMap{
		"mask":  mask,
		"shell": shell,
		"upper": strings.ToUpper,
		"path":  func(name string) string { return quote(filepath.Join(c.Dir, name)) },
	})
	if err == nil && c.Kept {
		text = seal(text)
	}
	return text, err
}

// profile fills client.ovpn.tmpl.
type profile struct {
	reach
	Head                []byte // in place of the template's lines; nil: those
	Name                string
	Expires             time.Time
	CA, Cert, Key       string
	Control, ControlKey string // the block with the key of the control channel
	SignIn              SignIn
}

func (p profile) text() ([]byte, error) {
	p.ServerName = quote(p.ServerName)
	head, err := render(clientText, p, nil)
	if p.Head != nil {
		head = fmt.Appendf(nil, "# Client %s. Valid until %s.\n# Whoever has this file can connect.\n%s\n", p.Name, p.Expires.Format(time.DateOnly), bytes.TrimRight(p.Head, "\r\n"))
	}
	signIn, bad := render(signInText, p, nil)
	out := bytes.NewBuffer(append(head, signIn...))
	for _, b := range []struct{ name, text string }{{"ca", p.CA}, {"cert", p.Cert}, {"key", p.Key}, {p.Control, p.ControlKey}} {
		if b.text != "" {
			fmt.Fprintf(out, "<%s>\n%s\n</%[1]s>\n", b.name, strings.TrimRight(b.text, "\r\n"))
		}
	}
	return out.Bytes(), errors.Join(err, bad)
}

func render(text string, data any, funcs template.FuncMap) ([]byte, error) {
	t, err := template.New("").Funcs(funcs).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, err
	}
	for line := range bytes.Lines(out.Bytes()) {
		if len(line) > maxLine+1 {
			return nil, fmt.Errorf("line %.40q… has %d bytes, and OpenVPN reads no more than %d; choose a shorter --dir", line, len(line), maxLine)
		}
	}
	return out.Bytes(), nil
}

// mask returns an IPv4 prefix's netmask.
func mask(p netip.Prefix) string { return net.IP(net.CIDRMask(p.Bits(), 32)).String() }

// quote writes an argument in OpenVPN's language: in quotes if it needs them, with
// a backslash before quotes and backslashes.
func quote(s string) string {
	if !strings.ContainsAny(s, " \t\"'\\#;") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// shell writes an argument for a POSIX shell.
func shell(s string) string {
	if !strings.ContainsAny(s, " \t\"'\\#;&|<>()$`*?[]{}~!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
