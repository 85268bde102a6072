package setup

import (
	"bytes"
	_ "embed" // the templates
	"fmt"
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
	Name                   string
	Expires                time.Time
	CA, Cert, Key, WrapKey string
	SignIn                 SignIn
}

func (p profile) text() ([]byte, error) {
	p.ServerName = quote(p.ServerName)
	return render(clientText, p, nil)
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
func mask(p netip.Prefix) string {
	ones := ^uint32(0) << (32 - p.Bits())
	return netip.AddrFrom4([4]byte{byte(ones >> 24), byte(ones >> 16), byte(ones >> 8), byte(ones)}).String()
}

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
