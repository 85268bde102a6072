package tuntap

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"culvert/nic"
)

// This file is how packets cross a device that takes and gives super-packets,
// up to 64 KiB behind a virtio-net header: a system call each, and one walk
// through the kernel's network stack for all the packets in it.

// offloads are what to ask the driver for, best first.
var offloads = []int{
	tcpOffloads | unix.TUN_F_USO4 | unix.TUN_F_USO6, // since Linux 6.2
	tcpOffloads,
}

const tcpOffloads = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN

// setOffloads makes a device opened with IFF_VNET_HDR give super-packets. udp
// reports whether datagrams may cross joined, too. If the driver refuses, it gives
// single packets and still takes super-packets.
func setOffloads(fd int) (udp bool, err error) {
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetHeaderLen); err != nil {
		return false, fmt.Errorf("set the virtio-net header's size to %d: %w", vnetHeaderLen, err)
	}
	for _, o := range offloads {
		if unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, o) == nil {
			return o != tcpOffloads, nil
		}
	}
	return false, nil
}

// clearOffloads keeps a persistent device from giving super-packets to whoever
// opens it next and does not expect them.
func clearOffloads(fd int) { _ = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, 0) }

// vnet holds what a device needs for super-packets.
type vnet struct {
	ahead    ahead
	splitter splitter

	merger merger
	groups []group // of the batch being written
	merged bool    // groups are of this batch
	header [vnetHeaderLen]byte
	sealed bool         // header and parts are of the next group
	parts  []unix.Iovec // of the next group
}

func newVnet(kind nic.Kind, udp bool) *vnet {
	return &vnet{ahead: ahead{kind: kind}, splitter: splitter{kind: kind}, merger: merger{kind: kind, tcp: true, udp: udp}}
}

// readSuper fills the batch with packets split from what the device gives. It asks
// to wait if there were none.
func (d *Device) readSuper(fd uintptr) bool {
	t := &d.out
	for {
		now := time.Since(d.opened)
		err := d.readAhead(int(fd), now)
		d.split(now)
		d.vnet.ahead.waiting.Store(uint64(d.vnet.ahead.flows.count))
		switch {
		case t.done == len(t.batch):
			return true
		case err == unix.EAGAIN:
			if d.empty() {
				if t.done == 0 {
					d.vnet.ahead.store.rest()
				}
				return t.done > 0
			}
		case err != nil:
			t.err = gone(err)
			return true
		}
	}
}

// readAhead reads from the device as far as there is room. A nil error means that
// there may be more.
func (d *Device) readAhead(fd int, now time.Duration) error {
	a := &d.vnet.ahead
	for range aheadPackets {
		room := a.room()
		if room == nil {
			break
		}
		n, err := read(fd, room)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		d.nap.Read(1)
		if !a.add(n, now) {
			d.oversize.Add(1)
		}
	}
	return nil
}

// split moves packets from what was read ahead to the batch.
func (d *Device) split(now time.Duration) {
	for d.cut(); d.out.done < len(d.out.batch); d.cut() {
		b, lost := d.vnet.ahead.take(now)
		if b == nil {
			return
		}
		if d.vnet.splitter.load(b) != nil {
			d.malformed.Add(1)
		}
		d.vnet.splitter.next = lost
	}
}

// cut moves packets from the splitter to the batch.
func (d *Device) cut() {
	t, s := &d.out, &d.vnet.splitter
	for s.left() && t.done < len(t.batch) {
		if s.packet(t.batch[t.done]) == nil {
			t.done++
		} else {
			d.oversize.Add(1)
		}
	}
}

// writeSuper writes the rest of the batch, in super-packets as far as possible. It
// asks to wait when the kernel has no room. It counts groups, writePlain counts
// packets.
func (d *Device) writeSuper(fd uintptr) bool {
	t, v := &d.in, d.vnet
	if !v.merged {
		v.groups, v.merged = v.merger.merge(t.batch), true
	}
	for t.done < len(v.groups) {
		g := &v.groups[t.done]
		if !v.sealed {
			v.seal(g)
		}
		err := writev(int(fd), v.parts)
		if err == unix.EINVAL && g.count > 1 {
			// Some kernels refuse super-packets that others accept.
			v.groups, t.done, v.sealed = v.merger.refused(g, v.groups[t.done:]), 0, false
			continue
		}
		switch d.wrote(err, g.count) {
		case waits:
			return false
		case ends:
			v.sealed = false
			return true
		case dealt:
			v.sealed = false
			t.done++
		}
	}
	return true
}

// seal fills in header and parts for g.
func (v *vnet) seal(g *group) {
	v.merger.seal(g).put(v.header[:])
	v.parts = append(v.parts[:0], part(v.header[:]))
	skip := 0
	for i := g.first; i >= 0; i = v.merger.after[i] {
		v.parts = append(v.parts, part(v.merger.batch[i].Bytes()[skip:]))
		skip = g.flow.link + g.flow.header
	}
	v.sealed = true
}

func part(b []byte) unix.Iovec {
	p := unix.Iovec{Base: unsafe.SliceData(b)}
	p.SetLen(len(b))
	return p
}
