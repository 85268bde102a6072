package tuntap

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
	"culvert/internal/nap"
	"culvert/nic"
	"culvert/nic/frame"
)

// Device is an open TUN or TAP device. Reads and writes wait in the runtime's poller;
// a batch costs one wake-up, whatever its length.
type Device struct {
	kind      nic.Kind
	name      string
	mtu       int
	mac       frame.MAC // that we gave it; zero: none
	former    []frame.MAC
	file      *os.File
	raw       syscall.RawConn
	in, out   transfer // in: packets we write; out: packets we read
	vnet      *vnet    // nil: packets cross plain
	refused   atomic.Uint64
	oversize  atomic.Uint64
	malformed atomic.Uint64
	closed    atomic.Bool

	queues []nic.NIC     // the first is this one
	done   chan struct{} // closed with the device
	opened time.Time
	nap    nap.Policy // for reading
}

// transfer is a batch under way in one direction. It and its step function
// live as long as the device, so that a batch allocates nothing.
type transfer struct {
	step  func(fd uintptr) bool // runs when the device is ready; false waits
	batch []*buf.Packet
	done  int   // read: packets filled; write: packets or groups done
	taken int   // write: packets the kernel took
	err   error // the first
}

// Open attaches to the device that o names, or makes it. The device is left down
// and without addresses. The error wraps one of the causes in tuntap.go.
func Open(o Options) (*Device, error) {
	name, err := pattern(o.Kind, o.Name)
	if err != nil {
		return nil, err
	}
	o.Node = cmp.Or(o.Node, defaultNode)
	old := exists(name)
	fd, name, v, err := o.attach(name)
	if err != nil {
		return nil, err
	}
	var mtu int
	mac := o.newMAC(name, old)
	born, err := ensureMAC(name, mac)
	if err == nil {
		mtu, err = ensureMTU(name, o.MTU)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	d, err := newDevice(o.Kind, fd, name, mtu, v)
	if err != nil {
		return nil, err
	}
	d.mac = mac
	d.replaced(born)
	if err := d.addQueues(o); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// attach attaches to a device for super-packets if the driver has them and the
// options do not say plain.
func (o *Options) attach(name string) (fd int, real string, v *vnet, err error) {
	flags := driverFlags(o.Kind)
	if o.Queues > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	if !o.Plain {
		fd, real, err = attach(o.Node, name, flags|unix.IFF_VNET_HDR)
		if err == nil {
			udp, err := setOffloads(fd)
			if err == nil {
				return fd, real, newVnet(o.Kind, udp), nil
			}
			unix.Close(fd)
		}
	}
	fd, real, err = attach(o.Node, name, flags)
	if err == nil {
		clearOffloads(fd)
	}
	return fd, real, nil, err
}

// newDevice takes over fd, which is non-blocking and moves one packet per read and
// write, or with v one super-packet.
func newDevice(kind nic.Kind, fd int, name string, mtu int, v *vnet) (*Device, error) {
	file := os.NewFile(uintptr(fd), name)
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("tuntap: %s: %w", name, err)
	}
	d := &Device{kind: kind, name: name, mtu: mtu, file: file, raw: raw, vnet: v, opened: time.Now(), done: make(chan struct{})}
	d.queues = []nic.NIC{d}
	d.out.step, d.in.step = d.readPlain, d.writePlain
	if v != nil {
		d.out.step, d.in.step = d.readSuper, d.writeSuper
	}
	return d, nil
}

// Name is the device's name, such as "tun0".
func (d *Device) Name() string { return d.name }

// Kind is what the device carries.
func (d *Device) Kind() nic.Kind { return d.kind }

// MTU is the device's MTU in bytes when it was opened.
func (d *Device) MTU() int { return d.mtu }

// Stats returns how many packets were lost so far, in all queues.
func (d *Device) Stats() (all Stats) {
	for _, q := range d.queues {
		q := q.(*Device)
		all.Refused += q.refused.Load()
		all.Oversize += q.oversize.Load()
		all.Malformed += q.malformed.Load()
		if q.vnet != nil {
			all.Overflow += q.vnet.ahead.lost.Load()
			all.Marked += q.vnet.ahead.marked.Load()
		}
	}
	return all
}

// Waiting returns how many packets and super-packets the last batch left waiting, in all
// queues, and how many may: none where they wait in the kernel alone.
func (d *Device) Waiting() (packets, room uint64) {
	for _, q := range d.queues {
		if v := q.(*Device).vnet; v != nil {
			packets += v.ahead.waiting.Load()
			room += maxWaiting
		}
	}
	return packets, room
}

// ReadBatch waits for an outbound packet and takes whatever else is waiting. A
// packet larger than its buffer is dropped and counted. See nic.NIC.
func (d *Device) ReadBatch(batch []*buf.Packet) (int, error) {
	if len(batch) == 0 {
		return 0, nil
	}
	t := &d.out
	t.batch, t.done, t.err = batch, 0, nil
	err := d.raw.Read(t.step)
	t.batch = nil
	if t.done > 0 {
		return t.done, nil
	}
	return 0, d.final(err, t.err)
}

// empty reports whether a read that found nothing is over: because the batch has
// some packets, or because it should wait in the poller. Otherwise the caller tries
// again.
func (d *Device) empty() (over bool) {
	if d.out.done > 0 {
		return true
	}
	if !d.nap.Nap(time.Since(d.opened)) {
		return true
	}
	nap.Sleep()
	return false
}

// WriteBatch gives inbound packets to the kernel. One it refuses is counted
// and skipped. See nic.NIC.
func (d *Device) WriteBatch(batch []*buf.Packet) (int, error) {
	t := &d.in
	t.batch, t.done, t.taken, t.err = batch, 0, 0, nil
	if d.vnet != nil {
		d.vnet.merged, d.vnet.sealed = false, false
	}
	err := d.raw.Write(t.step)
	t.batch = nil
	return t.taken, d.final(err, t.err)
}

// final turns the error of the poller or the system call into the error that the
// contract of nic.NIC wants.
func (d *Device) final(poll, call error) error {
	switch {
	case d.closed.Load():
		return errClosed
	case errors.Is(call, unix.EBADFD):
		return ErrRemoved
	case call != nil:
		return fmt.Errorf("tuntap: %s: %w", d.name, call)
	case poll != nil:
		// Apart from Close, the poller gives up a file only when it reports nothing
		// but an error, which the driver does once the device is gone.
		return ErrRemoved
	}
	return nil
}

// Close ends pending reads and writes. A device that is not persistent vanishes.
// Closing twice is harmless.
func (d *Device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	close(d.done)
	if d.vnet != nil {
		_ = d.raw.Control(func(fd uintptr) { clearOffloads(int(fd)) })
	}
	err := d.file.Close()
	for _, q := range d.queues[1:] {
		err = errors.Join(err, q.Close())
	}
	return err
}
