package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
	"culvert/operate/setup"
)

// templates are where the best-known installers keep the first lines of profiles.
var templates = []string{"client-common.txt", "client-template.txt"}

// keyLines are the directives of a template whose place is taken by blocks.
var keyLines = []string{"ca", "cert", "key", "pkcs12", "tls-auth", "tls-crypt", "tls-crypt-v2", "key-direction"}

// profiles makes the first lines of new profiles.
type profiles struct {
	*builder
	id *identity
}

// make makes the first lines of new profiles: those of the installer that made the
// server, or else lines that fit the server.
func (b profiles) make() error {
	path, text, err := b.findTemplate()
	if err != nil {
		return err
	}
	cfg := b.source.cfg
	listen := cfg.Listens()[0]
	b.out.Proto, b.out.Host, b.out.Port = listen.Proto.Transport(), b.Host, b.Port
	if b.out.Port == 0 {
		b.out.Port = listen.Port
	}
	if text != nil {
		b.readTemplate(path, text)
	}
	if b.out.Host == "" {
		return errors.New("nothing says by which name or address clients reach the server, which new profiles need: give it with --host NAME[:PORT]")
	}
	lines := b.templateLines(path, text)
	if text == nil {
		lines = ownLines(cfg, b.id)
		b.report.understood("profiles", "new ones are made to fit the server: %s port %d", b.out.Host, b.out.Port)
	} else {
		b.report.understood("profiles", "new ones begin as %s says: %s port %d", path, b.out.Host, b.out.Port)
	}
	lines = append(lines, b.remote()...)
	b.out.Head = []byte(strings.Join(lines, "\n") + "\n")
	b.checkProfile(path)
	return nil
}

// remote are the lines that are the same for every profile of the server.
func (b profiles) remote() []string {
	lines := []string{config.Line{Name: "remote", Args: []string{b.out.Host, strconv.Itoa(b.out.Port)}}.String()}
	if d := b.source.cfg.Trust.KeyDirection; b.id.control == "tls-auth" && d != nil {
		lines = append(lines, fmt.Sprintf("key-direction %d", 1-*d))
	}
	return lines
}

func (b profiles) findTemplate() (path string, text []byte, err error) {
	dirs := []string{b.source.root, b.source.base, filepath.Dir(b.source.root)}
	for _, dir := range dirs {
		for _, name := range templates {
			path := filepath.Join(dir, name)
			text, err := process.ReadFile(path)
			if err == nil {
				return path, text, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return "", nil, fmt.Errorf("the template of profiles: %w", err)
			}
		}
	}
	return "", nil, nil
}

// readTemplate takes from a template how clients reach the server, unless that was said.
func (b profiles) readTemplate(path string, text []byte) {
	for _, l := range config.Lines(path, text) {
		if l.Name != "remote" || l.Inline || len(l.Args) == 0 || b.Host != "" || b.out.Host != "" {
			continue
		}
		b.out.Host = l.Args[0]
		if len(l.Args) > 1 && b.Port == 0 {
			if port, err := strconv.Atoi(l.Args[1]); err == nil {
				b.out.Port = port
			}
		}
	}
}

// templateLines are those of a template without remotes, keys and certificates.
func (b profiles) templateLines(path string, text []byte) (kept []string) {
	rows := strings.Split(string(text), "\n")
	gone := make([]bool, len(rows)+1)
	for _, l := range config.Lines(path, text) {
		if l.Name == "remote" || slices.Contains(keyLines, l.Name) {
			for i := l.Pos.Line; i <= min(l.Last, len(rows)); i++ {
				gone[i] = true
			}
		}
	}
	for i, row := range rows {
		if row = strings.TrimRight(row, "\r \t"); !gone[i+1] && row != "" {
			kept = append(kept, row)
		}
	}
	return kept
}

// ownLines are the first lines of profiles that fit a server.
func ownLines(cfg *config.Config, id *identity) []string {
	dev := "tun"
	if cfg.Adapter.DevType == config.DevTap {
		dev = "tap"
	}
	lines := []string{"client", "dev " + dev, "proto " + cfg.Listens()[0].Proto.Transport(), "resolv-retry infinite", "nobind", "persist-tun"}
	if pki.CheckUsage(id.cert, pki.ServerUsage) == nil {
		lines = append(lines, "remote-cert-tls server")
	}
	lines = append(lines, config.Line{Name: "verify-x509-name", Args: []string{pki.CommonName(id.cert), "name"}}.String())
	if cfg.Data.Auth != "" && cfg.Data.Auth != "SHA1" {
		lines = append(lines, "auth "+cfg.Data.Auth)
	}
	if len(cfg.Data.Ciphers) > 0 {
		lines = append(lines, "data-ciphers "+strings.Join(cfg.Data.Ciphers, ":"))
	}
	if cfg.Data.Fragment.Bytes > 0 {
		lines = append(lines, fmt.Sprintf("fragment %d", cfg.Data.Fragment.Bytes))
	}
	if cfg.Login.UserPassVerify != nil || len(cfg.Login.Plugins) > 0 {
		lines = append(lines, "auth-user-pass")
	}
	return append(lines, "verb 3")
}

// checkProfile says what is wrong with the profiles that will be made.
func (b profiles) checkProfile(path string) {
	t := b.source.cfg.Trust
	text := bytes.NewBuffer(slices.Clone(b.out.Head))
	for _, block := range []struct {
		name string
		text []byte
	}{{"ca", t.CA.Text}, {"cert", t.Cert.Text}, {"key", t.Key.Text}} {
		fmt.Fprintf(text, "<%s>\n%s\n</%[1]s>\n", block.name, block.text)
	}
	if path == "" {
		path = "profile"
	}
	if _, err := config.ParseFile(path, text.Bytes(), b.source.read); err != nil {
		b.report.problem("profiles", "new profiles begin as they should, but have lines that not every client takes: %v; change them in %s", err, filepath.Join(b.Dir, setup.AdoptedTemplate))
	}
}
