package hostnet

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// routeGroups are the kinds of change of the network that matter here
// (rtnetlink(7)).
var routeGroups = []uint32{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
}

// watch listens to the kernel for links, addresses, routes, rules, forwarding
// and packet filters, and for the resolver's file.
func (linux) watch(ctx context.Context, file string) (<-chan trigger, error) {
	triggers := make(chan trigger, 16)
	sender := new(senders).of
	w := watch{ctx, func(by string) { offer(triggers, trigger{by}) }}
	return triggers, errors.Join(
		w.listen(unix.NETLINK_ROUTE, routeGroups, sender),
		w.listen(unix.NETLINK_NETFILTER, []uint32{unix.NFNLGRP_NFTABLES}, committer),
		w.follow(file),
	)
}

func networkChanges(ctx context.Context) <-chan struct{} {
	heard, changes := make(chan struct{}, 1), make(chan struct{}, 1)
	w := watch{ctx, func(string) { offer(heard, struct{}{}) }}
	anybody := func(netlink.Message) (string, bool) { return "", true }
	if w.listen(unix.NETLINK_ROUTE, routeGroups, anybody) != nil {
		return nil
	}
	go paced(ctx, heard, changes)
	return changes
}

// pace is the least time between two changes that Network.Changes reports.
const pace = 100 * time.Millisecond

// paced passes on what is heard, the first at once.
func paced(ctx context.Context, heard <-chan struct{}, changes chan<- struct{}) {
	for {
		select {
		case <-heard:
			offer(changes, struct{}{})
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pace):
		case <-ctx.Done():
			return
		}
	}
}

// offer passes something on, unless something else still waits to be taken.
func offer[T any](to chan<- T, what T) {
	select {
	case to <- what:
	default:
	}
}

// watch is one listening.
type watch struct {
	ctx  context.Context
	tell func(by string) // something changed
}

// A host that changes its routes thousands of times a second is not read to all
// of it: after each burst of messages the kernel may drop those that find no room.
const (
	burst    = 128
	breather = 50 * time.Millisecond
)

// listen receives a family's messages until the end. by names who caused a message,
// and reports whether it counts.
func (w *watch) listen(family int, groups []uint32, by func(netlink.Message) (string, bool)) error {
	c, err := netlink.Dial(family, nil)
	if err != nil {
		return fmt.Errorf("listen to netlink: %w", err)
	}
	for _, g := range groups {
		if err := c.JoinGroup(g); err != nil {
			c.Close()
			return fmt.Errorf("listen to netlink: %w", err)
		}
	}
	context.AfterFunc(w.ctx, func() { c.Close() })
	go func() {
		for n := 1; ; n++ {
			if n%burst == 0 {
				time.Sleep(breather)
			}
			messages, err := c.Receive()
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			if err != nil { // more than there was room for
				w.tell("")
			}
			for _, m := range messages {
				if who, counts := by(m); counts {
					w.tell(who)
				}
			}
		}
	}()
	return nil
}

// senders finds the processes that made the kernel change something. The port of a
// process's socket is the process's number, unless it has several sockets.
type senders struct {
	last uint32 // the process whose name is known
	name string
	seen time.Time
}

// known is how long a number is assumed to belong to the same process.
const known = time.Second

func (s *senders) of(m netlink.Message) (string, bool) {
	if now := time.Now(); m.Header.PID != s.last || now.Sub(s.seen) > known {
		*s = senders{last: m.Header.PID, name: programOf(int(m.Header.PID)), seen: now}
	}
	return s.name, true
}

// The attributes of a new generation of the rule set (linux/netfilter/nf_tables.h).
const (
	newGeneration  = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWGEN
	genHeader      = 4 // struct nfgenmsg
	genProcessID   = 2 // NFTA_GEN_PROC_PID
	genProcessName = 3 // NFTA_GEN_PROC_NAME
)

// committer names who changed packet filters. Only the end of a transaction counts.
func committer(m netlink.Message) (by string, counts bool) {
	if m.Header.Type != newGeneration || len(m.Data) < genHeader {
		return "", false
	}
	attributes, err := netlink.UnmarshalAttributes(m.Data[genHeader:])
	if err != nil {
		return "", true
	}
	pid := 0
	for _, a := range attributes {
		switch {
		case a.Type == genProcessID && len(a.Data) == 4:
			pid = int(binary.BigEndian.Uint32(a.Data))
		case a.Type == genProcessName:
			by = strings.TrimRight(string(a.Data), "\x00")
		}
	}
	if isThis(pid) {
		return "", true
	}
	return cmp.Or(programOf(pid), by), true
}

// resolvedLinks is where systemd-resolved keeps what it was told about links. It
// changes when that does.
const resolvedLinks = "/run/systemd/resolve/netif"

// follow watches a file: itself, since it may be a mount of its own, and the
// directories in which it, or what it is a link to, can be replaced.
func (w *watch) follow(file string) error {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", file, err)
	}
	context.AfterFunc(w.ctx, func() { files.Close() })
	err = errors.Join(files.Add(filepath.Dir(file)), rewatch(files, file))
	_ = files.Add(resolvedLinks) // not there without systemd-resolved
	go w.read(files, file)
	return err
}

// read receives events until the end. Errors say that some were lost. They have to be
// received, too, or no more events come.
func (w *watch) read(files *fsnotify.Watcher, file string) {
	for {
		select {
		case e, ok := <-files.Events:
			if !ok {
				return
			}
			if !isAbout(e, file) {
				continue
			}
		case _, ok := <-files.Errors:
			if !ok {
				return
			}
		}
		// First, for what is written after the listener has looked is to be heard of, too.
		rewatch(files, file)
		w.tell("")
	}
}

// isAbout reports whether an event is about the file, or about what systemd-resolved
// was told about a link.
func isAbout(e fsnotify.Event, file string) bool {
	if e.Has(fsnotify.Chmod) && !e.Has(fsnotify.Remove) {
		return false
	}
	if e.Name == file || filepath.Dir(e.Name) == resolvedLinks {
		return true
	}
	real, _ := filepath.EvalSymlinks(file)
	return e.Name == real
}

// rewatch finds the file again, which may be another one by now.
func rewatch(files *fsnotify.Watcher, file string) error {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil // not there: its directory reports when it is
	}
	return errors.Join(files.Add(real), files.Add(filepath.Dir(real)))
}

// tools are commands that other programs use to change the network.
var tools = []string{"ip", "route", "ifconfig", "nft", "iptables", "ip6tables", "xtables-nft-mul", "iptables-restor", "ip6tables-resto", "sysctl", "tc"}

// programOf names a process other than this one. For one of tools it names the program
// that started it. It returns "" if the process is gone.
func programOf(pid int) string {
	if isThis(pid) {
		return ""
	}
	name, parent := statusOf(pid)
	if !slices.Contains(tools, name) {
		return name
	}
	if by, _ := statusOf(parent); by != "" {
		return name + " of " + by
	}
	return name
}

// isThis reports whether a number belongs to this process or one of its threads.
func isThis(pid int) bool {
	_, err := os.Stat(filepath.Join("/proc/self/task", strconv.Itoa(pid)))
	return pid > 0 && err == nil
}

// statusOf returns a process's name and its parent (proc(5), /proc/PID/stat).
func statusOf(pid int) (name string, parent int) {
	if pid <= 0 {
		return "", 0
	}
	stat, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	head, tail, ok := bytes.Cut(stat, []byte(") "))
	fields := bytes.Fields(tail)
	if !ok || len(fields) < 2 {
		return "", 0
	}
	_, name, _ = strings.Cut(string(head), "(")
	parent, _ = strconv.Atoi(string(fields[1]))
	return name, parent
}

// networkPrograms are known to change addresses, routes, names or packet
// filters by themselves, by the first 15 letters of their names.
var networkPrograms = []string{"NetworkManager", "systemd-network", "systemd-resolve", "connmand", "dhcpcd", "dhclient", "udhcpc",
	"firewalld", "dockerd", "tailscaled", "openvpn", "wg-quick", "nordvpnd", "mullvad-daemon", "keepalived", "bird", "zebra"}

// managers names those of networkPrograms among the processes that this one sees in
// its network.
func (linux) managers() (names []string) {
	entries, _ := os.ReadDir("/proc")
	here, _ := os.Readlink("/proc/thread-self/ns/net")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		name, _ := statusOf(pid)
		if !slices.Contains(networkPrograms, name) || slices.Contains(names, name) {
			continue
		}
		if there, _ := os.Readlink(filepath.Join("/proc", e.Name(), "ns/net")); there == here {
			names = append(names, name)
		}
	}
	return names
}

// sameNamespace returns a function that brings another goroutine into the network
// namespace of the caller, which is home.
func sameNamespace(home space) (enter func() error, err error) {
	ns, err := netns.Get()
	if err != nil {
		return nil, err
	}
	return func() error {
		defer ns.Close()
		if here, err := networkNamespace(); err != nil || here == home {
			return err
		}
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		return netns.Set(ns)
	}, nil
}
