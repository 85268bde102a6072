package adopt

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"culvert/operate/setup"
)

// Options say what to adopt, and where to.
type Options struct {
	// Source is the directory of a server, such as /etc/openvpn/server, or the file
	// of its configuration.
	Source string
	// Authority is the directory with index.txt; "": it is looked for.
	Authority string
	Dir       string // to make; missing or empty
	// Host and Port are how new profiles reach the server; "" and 0: as the template
	// for profiles says that is found there.
	Host string
	Port int
	// Ask knows the passphrase of ca.key, if it has one. The copy has it too. nil:
	// nobody knows it.
	Ask    setup.Passphrase
	DryRun bool // only say what would be done
	Now    time.Time
}

// Adopt makes a server's directory from what another program's server has. The report
// says what it understood and what it did not. An error means that nothing was made.
func Adopt(o Options) (*Report, error) {
	r, err := o.adopt()
	if err != nil {
		return nil, fmt.Errorf("adopt: %w", err)
	}
	return r, nil
}

func (o Options) adopt() (*Report, error) {
	s, err := openSource(o.Source)
	if err != nil {
		return nil, err
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, err
	}
	if err := s.apart(o.Dir); err != nil {
		return nil, err
	}
	b := &builder{Options: o, source: s, report: &Report{Source: s.conf, Dir: o.Dir, DryRun: o.DryRun, Clients: []Client{}, Understood: []Point{}, Problems: []Point{}}}
	d, err := b.build()
	if err != nil {
		return nil, err
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	if !o.DryRun {
		if err := d.Write(); err != nil {
			return nil, err
		}
	}
	b.report.Next = b.next()
	return b.report, nil
}

// builder collects the new directory.
type builder struct {
	Options
	source *source
	report *Report
	out    setup.Adopted
}

// build makes the whole directory in memory.
func (b *builder) build() (*setup.Adopted, error) {
	b.out.Dir = b.Dir
	id, err := b.identity()
	if err != nil {
		return nil, err
	}
	keep, err := b.authority(id)
	if err != nil {
		return nil, err
	}
	b.clients(keep)
	c := newConf(b.source, b.Dir)
	if err := (listing{b, keep, c}).make(); err != nil {
		return nil, err
	}
	if err := b.files(c); err != nil {
		return nil, err
	}
	if err := (profiles{b, id}).make(); err != nil {
		return nil, err
	}
	if err := b.conf(c, id); err != nil {
		return nil, err
	}
	return &b.out, nil
}

// add adds a file to the directory.
func (b *builder) add(name string, data []byte, secret bool) {
	b.out.Files = append(b.out.Files, setup.AdoptedFile{Name: name, Data: data, Secret: secret})
}

// next are the commands to go on with.
func (b *builder) next() (all []string) {
	if unit := unitOf(b.source.conf); unit != "" {
		all = append(all, "systemctl disable --now "+unit)
	}
	return append(all, "culvert serve --dir "+b.Dir)
}

// unitOf is the systemd unit that runs a configuration, as OpenVPN's packages have them.
func unitOf(conf string) string {
	name, isConf := strings.CutSuffix(filepath.Base(conf), ".conf")
	switch dir := filepath.ToSlash(filepath.Dir(conf)); {
	case isConf && dir == "/etc/openvpn/server":
		return "openvpn-server@" + name
	case isConf && dir == "/etc/openvpn":
		return "openvpn@" + name
	}
	return ""
}
