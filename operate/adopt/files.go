package adopt

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"culvert/config"
	"culvert/host/process"
)

const (
	perClientDir = "ccd"
	poolFile     = "ipp.txt"
)

// files copies the other files that a configuration names and a running server changes
// or whose owner does: those of clients, and the addresses they had.
func (b *builder) files(c *conf) error {
	leases, err := b.pool(c)
	if err != nil {
		return err
	}
	if err := b.perClient(c); err != nil {
		return err
	}
	b.topology(c, leases)
	for _, l := range config.Lines(b.source.conf, b.source.text) {
		if l.Name == "dh" && !l.Inline && len(l.Args) == 1 && l.Args[0] != "none" {
			text, err := b.source.read(b.source.cfg.Path(l.Args[0]))
			if err != nil {
				return err
			}
			b.add("dh.pem", text, false)
			c.set("dh", filepath.Join(b.Dir, "dh.pem"))
		}
	}
	return nil
}

// pool copies the file of ifconfig-pool-persist.
func (b *builder) pool(c *conf) ([]Lease, error) {
	s := b.source.cfg.Server
	if s.PoolPersist == "" {
		return nil, nil
	}
	path := b.source.path(s.PoolPersist)
	text, err := process.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ifconfig-pool-persist: %w", err)
	}
	leases, faults := ParsePool(text)
	b.report.problems("addresses", path, faults, "these lines are left out")
	if len(text) > 0 {
		b.add(poolFile, text, false)
	}
	c.setFirst("ifconfig-pool-persist", filepath.Join(b.Dir, poolFile))
	outside := 0
	for _, l := range leases {
		if l.IPv4.IsValid() && s.Network.IsValid() && !s.Network.Contains(l.IPv4) {
			outside++
		}
	}
	if outside > 0 {
		b.report.problem("addresses", "%s: %d addresses are outside of %v, and are not given again", path, outside, s.Network)
	}
	if s.DuplicateCN && len(leases) > 0 {
		b.report.problem("addresses", "with duplicate-cn, clients of one name do not get the same addresses again")
	}
	b.report.understood("addresses", "%d of %s are kept", len(leases)-outside, path)
	return leases, nil
}

// perClient copies the files of client-config-dir.
func (b *builder) perClient(c *conf) error {
	dir := b.source.cfg.Server.ClientConfigDir
	if dir == "" {
		return nil
	}
	if root := b.source.cfg.Process.Chroot; root != "" {
		dir = filepath.Join(root, dir)
	}
	dir = b.source.path(dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("client-config-dir: %w", err)
	}
	n := 0
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue
		}
		if at := real(path); !within(real(dir), at) && !within(real(b.source.root), at) && !within(real(b.source.base), at) {
			b.report.problem("client-config-dir", "%s is a link out of what is adopted, to %s; it is left out. If it is a client's, copy it to %s", path, at, filepath.Join(b.Dir, perClientDir, e.Name()))
			continue
		}
		text, err := process.ReadFile(path)
		if err != nil {
			b.report.problem("client-config-dir", "%v; it is left out", err)
			continue
		}
		b.add(filepath.Join(perClientDir, e.Name()), text, true)
		n++
	}
	b.out.Dirs = append(b.out.Dirs, perClientDir)
	c.set("client-config-dir", filepath.Join(b.Dir, perClientDir))
	b.report.understood("per client", "%d files of %s", n, dir)
	return nil
}

// topology writes the topology into a configuration that has none: OpenVPN before 2.7
// takes net30, and 2.7 and this program subnet. The addresses that were given tell.
func (b *builder) topology(c *conf, leases []Lease) {
	cfg := b.source.cfg
	if cfg.Adapter.DevType != config.DevTun || cfg.At("topology") != (config.Pos{}) || !cfg.Server.Network.IsValid() {
		return
	}
	topology, why := "net30", "as OpenVPN before 2.7 takes it; if 2.7 ran this server, write subnet"
	for _, l := range leases {
		if l.IPv4.IsValid() && offset(cfg.Server.Network, l.IPv4)%4 != 0 {
			topology, why = "subnet", "as the addresses of clients are"
			break
		}
	}
	c.add("topology", topology)
	b.report.understood("topology", "%s, %s", topology, why)
}

// offset is how far an address is from the first of its network, in the last byte.
func offset(n netip.Prefix, a netip.Addr) int {
	first, at := n.Masked().Addr().As4(), a.As4()
	return int(at[3]) - int(first[3])
}
