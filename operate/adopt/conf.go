package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/setup"
)

// conf is the new configuration: that of the source, with other values for directives
// that name files of the new directory. All other lines stay as they are.
type conf struct {
	source *source
	dir    string
	lines  map[string]string // by directive; "": it goes
	added  []string
	moved  []string // what was moved from elsewhere, in words
}

func newConf(s *source, dir string) *conf {
	c := &conf{source: s, dir: dir, lines: map[string]string{}}
	t := s.cfg.Trust
	c.set("ca", filepath.Join(dir, setup.AdoptedCA))
	c.set("cert", filepath.Join(dir, setup.AdoptedCert))
	c.set("key", filepath.Join(dir, setup.AdoptedKey))
	for name, f := range map[string]*config.File{"tls-auth": t.TLSAuth, "tls-crypt": t.TLSCrypt, "tls-crypt-v2": t.TLSCryptV2} {
		if f != nil {
			c.setFirst(name, filepath.Join(dir, name+".key"))
		}
	}
	c.outputs()
	return c
}

// set gives a directive its values. One that the source does not have is added.
func (c *conf) set(name string, values ...string) {
	c.lines[name] = config.Line{Name: name, Args: values}.String()
}

// setFirst gives a directive its first value, and leaves the others.
func (c *conf) setFirst(name, value string) {
	values := []string{value}
	for _, l := range config.Lines(c.source.conf, c.source.text) {
		if l.Name == name && !l.Inline && len(l.Args) > 1 {
			values = append(values[:1:1], l.Args[1:]...)
		}
	}
	c.set(name, values...)
}

// add adds a line.
func (c *conf) add(name string, values ...string) {
	c.added = append(c.added, config.Line{Name: name, Args: values}.String())
}

// outputs moves what the server writes out of the directory it comes from, where nothing is
// to change, and out of directories that go with the old service.
func (c *conf) outputs() {
	p := c.source.cfg.Process
	paths := map[string]string{"status": p.Status, "writepid": p.WritePID, "log": p.Log, "log-append": p.Log, "replay-persist": c.source.cfg.Trust.ReplayPersist}
	if m := c.source.cfg.Management; m.Unix && !m.Client {
		paths["management"] = m.Address
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if paths[name] == "" || c.source.cfg.At(name) == (config.Pos{}) {
			continue
		}
		path := c.source.path(paths[name])
		here := filepath.Join(c.dir, filepath.Base(path))
		switch {
		case within(c.source.base, path) || within(c.source.root, path):
			c.setFirst(name, here)
		case !lasts(filepath.Dir(path)):
			c.setFirst(name, here)
			c.moved = append(c.moved, fmt.Sprintf("%s is %s now: %s is not there, or goes with the old service", name, here, filepath.Dir(path)))
		}
	}
}

// lasts reports whether a directory will be there without the old service: systemd makes
// those below /run for a service, and takes them away with it.
func lasts(dir string) bool {
	for _, run := range []string{"/run", "/var/run"} {
		if dir != run && within(run, dir) {
			return false
		}
	}
	_, err := os.Stat(dir)
	return !errors.Is(err, fs.ErrNotExist)
}

// text is the new configuration.
func (c *conf) text(now time.Time) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Adopted from %s on %s, by: culvert adopt\n# What is not named by its whole path is there:\n%s\n\n",
		c.source.conf, now.Format(time.DateOnly), config.Line{Name: "cd", Args: []string{c.source.base}})
	c.lines["cd"] = ""
	lines := config.Lines(c.source.conf, c.source.text)
	rows := bytes.SplitAfter(c.source.text, []byte("\n"))
	done := map[string]bool{}
	last := 0 // the last line of the source that is written or left out
	for _, l := range lines {
		line, replaced := c.lines[l.Name]
		if !replaced || l.Pos.Line <= last {
			continue
		}
		for _, row := range rows[last : l.Pos.Line-1] {
			out.Write(row)
		}
		last = min(l.Last, len(rows))
		if line != "" && !done[l.Name] {
			out.WriteString(line + "\n")
		}
		done[l.Name] = true
	}
	for _, row := range rows[last:] {
		out.Write(row)
	}
	if n := out.Len(); n > 0 && out.Bytes()[n-1] != '\n' {
		out.WriteByte('\n')
	}
	c.rest(&out, done)
	return out.Bytes()
}

// rest writes the lines that the source does not have.
func (c *conf) rest(out *bytes.Buffer, done map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(c.lines)) {
		if line := c.lines[name]; line != "" && !done[name] {
			c.added = append(c.added, line)
		}
	}
	if len(c.added) == 0 {
		return
	}
	fmt.Fprintf(out, "\n# Added by: culvert adopt\n%s\n", strings.Join(c.added, "\n"))
}

// conf adds server.conf, when it is known that it can be read.
func (b *builder) conf(c *conf, id *identity) error {
	if root := b.source.cfg.Process.Chroot; root != "" {
		c.lines["chroot"] = ""
		b.report.problem("chroot", "`chroot %s` is left out, since the new directory is not below it; add the line again when it is", root)
	}
	for _, text := range c.moved {
		b.report.problem("written", "%s", text)
	}
	text := c.text(b.Now)
	b.add(setup.AdoptedConf, text, true)
	cfg, err := config.ParseFile(filepath.Join(b.Dir, setup.AdoptedConf), text, b.read)
	if err != nil {
		return fmt.Errorf("the configuration cannot be taken over: %w", err)
	}
	b.checkPerClient(cfg)
	b.sayServer(cfg)
	return nil
}

// read reads a file of the new directory, or any other.
func (b *builder) read(name string) ([]byte, error) {
	for _, f := range b.out.Files {
		if filepath.Join(b.Dir, f.Name) == name {
			return f.Data, nil
		}
	}
	return process.ReadFile(name)
}

// checkPerClient says which files of clients cannot be read.
func (b *builder) checkPerClient(cfg *config.Config) {
	for _, f := range b.out.Files {
		if filepath.Dir(f.Name) != perClientDir {
			continue
		}
		if _, err := config.ParsePerClient(cfg, filepath.Join(b.Dir, f.Name), f.Data); err != nil {
			b.report.problem("per client", "%s; until it is mended, this client is not let in", firstFault(err))
		}
	}
}

// firstFault is the first of the faults of a file, and how many more there are: the file may
// be another than it should be.
func firstFault(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if !more {
		return first
	}
	return fmt.Sprintf("%s (and %d more)", first, strings.Count(rest, "\n")+1)
}

// sayServer says how clients reach the server, and what it gives them.
func (b *builder) sayServer(cfg *config.Config) {
	text := ""
	for i, l := range cfg.Listens() {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s port %d", strings.ToUpper(l.Proto.Transport()), l.Port)
	}
	for _, n := range []fmt.Stringer{cfg.Server.Network, cfg.Server.NetworkIPv6} {
		if s := n.String(); s != "invalid Prefix" {
			text += ", network " + s
		}
	}
	b.report.Understood = slices.Insert(b.report.Understood, 0, Point{"server", text})
}
