package admission

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"culvert/config"
	"culvert/host/process"
)

// ownAddresses are the addresses that files of client-config-dir give to their clients
// (ifconfig-push, ifconfig-ipv6-push), so that the pool leases them to nobody else. A file
// with faults keeps what it gave before them. It is safe for concurrent use.
type ownAddresses struct {
	cfg *config.Config

	reading sync.Mutex // held by who reads the directory; the fields up to mu are theirs
	listed  time.Time  // when it was read last
	changed time.Time  // what the directory's time was then

	mu    sync.Mutex
	files map[string]ownFile // by name in the directory
	count map[netip.Addr]int // of files that give an address
}

// ownFile is what is known of a file.
type ownFile struct {
	size     int64
	modified time.Time
	gives    []netip.Addr
}

// readAgain is how long a file may have been changed in place before that is noticed. One
// that comes or goes is noticed at once, by the directory's time.
const readAgain = 2 * time.Second

func newOwnAddresses(c *config.Config) *ownAddresses {
	return &ownAddresses{cfg: c, files: make(map[string]ownFile), count: make(map[netip.Addr]int)}
}

// keeps reports whether an address is given by a file. It never waits for a disk.
func (o *ownAddresses) keeps(a netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count[a] > 0
}

// refresh reads what has changed in the directory. While another goroutine does, or if the
// directory cannot be listed any more, what is known stays.
func (o *ownAddresses) refresh(now time.Time) {
	if !o.reading.TryLock() {
		return
	}
	defer o.reading.Unlock()
	info, err := os.Stat(o.cfg.Server.ClientConfigDir)
	if err != nil || info.ModTime().Equal(o.changed) && now.Sub(o.listed) < readAgain {
		return
	}
	o.listed, o.changed = now, info.ModTime()
	_ = o.read("", func(string, *config.PerClient, error) {}) // who reads a client's own file says what is wrong with it
}

// read reads the files that changed since it did before, below root ("": the system's),
// and calls each for them. It fails if the directory cannot be listed.
func (o *ownAddresses) read(root string, each func(name string, own *config.PerClient, err error)) error {
	dir := filepath.Join(root, o.cfg.Server.ClientConfigDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		if name := e.Name(); isClients(e) {
			there[name] = true
			if own, err := o.look(dir, name); own != nil || err != nil {
				each(name, own, err)
			}
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name := range o.files {
		if !there[name] {
			o.put(name, ownFile{})
			delete(o.files, name)
		}
	}
	return nil
}

// isClients reports whether an entry of the directory is a client's file, and not an
// editor's or nobody's.
func isClients(e fs.DirEntry) bool {
	return !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !strings.HasSuffix(e.Name(), "~")
}

// look reads a file, or returns nil if it is as before.
func (o *ownAddresses) look(dir, name string) (*config.PerClient, error) {
	path := filepath.Join(dir, name)
	var now ownFile
	if info, err := os.Stat(path); err == nil {
		now.size, now.modified = info.Size(), info.ModTime()
	}
	o.mu.Lock()
	before, known := o.files[name]
	o.mu.Unlock()
	if known && before.size == now.size && before.modified.Equal(now.modified) {
		return nil, nil
	}
	text, err := process.ReadFile(path)
	var own *config.PerClient
	if err == nil {
		own, err = config.ParsePerClient(o.cfg, path, text)
	}
	now.gives = before.gives
	if err == nil {
		now.gives = givenBy(own)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put(name, now)
	return own, err
}

// learn notes what a client's file gives that was read for the client.
func (o *ownAddresses) learn(name string, own *config.PerClient) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.files[name]
	f.gives = givenBy(own)
	o.put(name, f)
}

// put replaces what is known of a file. o.mu is held.
func (o *ownAddresses) put(name string, f ownFile) {
	for _, a := range o.files[name].gives {
		if o.count[a]--; o.count[a] == 0 {
			delete(o.count, a)
		}
	}
	for _, a := range f.gives {
		o.count[a]++
	}
	o.files[name] = f
}

// follow takes over what another configuration's knew of the same directory, which may be
// out of reach by now.
func (o *ownAddresses) follow(before *ownAddresses) {
	if before == nil || before.cfg.Server.ClientConfigDir != o.cfg.Server.ClientConfigDir {
		return
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, f := range before.files {
		if _, known := o.files[name]; !known {
			o.put(name, ownFile{gives: f.gives}) // and is read again by the new configuration
		}
	}
}

// givenBy are the addresses that a file gives to its client.
func givenBy(own *config.PerClient) (all []netip.Addr) {
	if own.Ifconfig != nil {
		all = append(all, own.Ifconfig.Local)
	}
	if own.IfconfigIPv6 != nil && own.IfconfigIPv6.Local.IsValid() {
		all = append(all, own.IfconfigIPv6.Local.Addr())
	}
	return all
}

// CheckFiles reads all files of client-config-dir below root ("": the system's). So a
// fault is logged, with its line, before it keeps its client out. Other clients are
// served.
func (a *Admission) CheckFiles(root string, log *slog.Logger) {
	if a.own == nil {
		return
	}
	if err := a.own.read(root, func(name string, own *config.PerClient, err error) { remarkFile(log, name, own, err) }); err != nil {
		log.Warn("client-config-dir cannot be listed, so its files are checked only when their clients connect, and the addresses in them are not kept from the pool before", "error", err)
	}
}

// Keeps reports whether a file of client-config-dir gives an address to its client. It
// answers at once.
func (a *Admission) Keeps(address netip.Addr) bool { return a.own != nil && a.own.keeps(address) }

// OwnAddresses returns which file of client-config-dir gives an address to its client, by
// the file's name: the client's, or DEFAULT.
func OwnAddresses(c *config.Config) (map[netip.Addr]string, error) {
	owners := make(map[netip.Addr]string)
	if c.Server.ClientConfigDir == "" {
		return owners, nil
	}
	err := newOwnAddresses(c).read("", func(name string, own *config.PerClient, err error) {
		if err != nil {
			return // its client is refused until it is mended
		}
		for _, a := range givenBy(own) {
			owners[a] = name
		}
	})
	if errors.Is(err, fs.ErrNotExist) { // a server does not start without it, and so has no clients
		return owners, nil
	}
	return owners, err
}
