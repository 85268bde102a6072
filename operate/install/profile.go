package install

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"

	"culvert/config"
)

// selfContained returns the text of a profile that needs no file from where people keep
// theirs: those that it names by a relative path, or below home, are put into it. c is the
// profile, and files are those that were read for it. read reads a file. An error names a
// line whose file cannot be put into it.
func selfContained(c *config.Config, text []byte, files []string, home string, read func(string) ([]byte, error)) ([]byte, error) {
	name := c.Process.File
	m := mover{config: c, home: home, read: read, moved: map[string]bool{}}
	rows := strings.SplitAfter(string(text), "\n")
	lines := topLines(config.Lines(name, text))
	for i := len(lines) - 1; i >= 0; i-- { // from the end, since lines become blocks
		l := lines[i]
		block, err := m.block(l)
		if err != nil {
			return nil, err
		}
		if block != "" {
			rows[l.Pos.Line-1] = block
		}
	}
	for _, file := range files {
		if m.stays(file) || m.moved[file] {
			continue
		}
		return nil, fmt.Errorf("%s needs the file %s, which a service would not find there, and cannot take it in: move it to a place such as /etc/openvpn/client, and name it by its whole path", name, file)
	}
	return []byte(strings.Join(rows, "")), nil
}

// topLines are those that stand in no <connection> block, where files stay files.
func topLines(lines []config.Line) (top []config.Line) {
	end := 0
	for _, l := range lines {
		if l.Inline && l.Name == "connection" {
			end = l.Last
			continue
		}
		if l.Pos.Line > end && !l.Inline {
			top = append(top, l)
		}
	}
	return top
}

// mover puts files into a profile.
type mover struct {
	config *config.Config
	home   string
	read   func(string) ([]byte, error)
	moved  map[string]bool
}

// stays reports whether a service finds a file where it is.
func (m mover) stays(file string) bool {
	if !filepath.IsAbs(file) {
		return false
	}
	for _, private := range []string{m.home, "/home", "/root", "/run/user", "/tmp", "/var/tmp"} { // ProtectHome= and PrivateTmp= of systemd.exec(5)
		if private != "" && (file == private || strings.HasPrefix(file, private+"/")) {
			return false
		}
	}
	return true
}

// block returns what takes the place of a line that names a file, "" for another line.
func (m mover) block(l config.Line) (string, error) {
	d, known := config.Lookup(l.Name)
	if !known || !d.Inline || len(l.Args) == 0 || l.Args[0] == "[inline]" {
		return "", nil
	}
	file := m.config.Path(l.Args[0])
	if m.stays(file) {
		return "", nil
	}
	if l.Name == "crl-verify" && len(l.Args) > 1 {
		return "", nil // a directory
	}
	text, err := m.read(file)
	if err != nil {
		return "", fmt.Errorf("%v: %s: %w", l.Pos, l.Name, err)
	}
	m.moved[file] = true
	body := string(text)
	if l.Name != "pkcs12" && endsBlock(body) {
		return "", fmt.Errorf("%v: %s: %s has a line that begins with </, which would end the block that it is to become: it is no file of this kind", l.Pos, l.Name, file)
	}
	if l.Name == "pkcs12" {
		body = base64.StdEncoding.EncodeToString(text)
	}
	block := fmt.Sprintf("<%s>\n%s\n</%[1]s>\n", l.Name, strings.TrimRight(body, "\n"))
	if len(l.Args) > 1 && (l.Name == "tls-auth" || l.Name == "secret") {
		block += "key-direction " + l.Args[1] + "\n"
	}
	return block, nil
}

// endsBlock reports whether a text could end a block of a configuration, or begin one.
func endsBlock(text string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimLeft(line, " \t\v\f\ufeff\u00a0\u200b"), "<") {
			return true
		}
	}
	return strings.ContainsRune(text, '\r') && strings.Contains(text, "\r<")
}
