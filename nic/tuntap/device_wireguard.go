//go:build windows || darwin || freebsd || openbsd

package tuntap

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/tun"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// Device is an open TUN device, opened with WireGuard's package tun. A call carries
// one packet.
type Device struct {
	name   string
	mtu    int
	tun    tun.Device
	single oneByOne
	closed atomic.Bool
}

const defaultMTU = 1500

// Open makes the device that o names, without addresses. The error wraps one of the
// causes in tuntap.go.
func Open(o Options) (*Device, error) {
	name, err := pattern(o.Kind, o.Name)
	if err != nil {
		return nil, err
	}
	if o.Kind != nic.IP {
		return nil, fmt.Errorf("tuntap: %w (%s): its driver carries IP packets, no Ethernet frames (TAP): use dev tun, or run on Linux",
			ErrUnsupported, runtime.GOOS)
	}
	if o.Node != "" {
		return nil, fmt.Errorf("tuntap: %w (%s): there is no node to choose: leave dev-node out, and name the device with dev",
			ErrUnsupported, runtime.GOOS)
	}
	if name, err = driverName(runtime.GOOS, name, exists); err != nil {
		return nil, err
	}
	dev, err := create(name, cmp.Or(o.MTU, defaultMTU))
	if err != nil {
		return nil, explain(cmp.Or(name, "tun"), err)
	}
	return newDevice(dev)
}

func exists(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}

// newDevice takes over dev.
func newDevice(dev tun.Device) (*Device, error) {
	go discard(dev.Events())
	d := &Device{tun: dev, single: oneByOne{driver: dev}}
	var err error
	if d.name, err = dev.Name(); err == nil {
		d.mtu, err = dev.MTU()
	}
	if err != nil {
		dev.Close()
		return nil, fmt.Errorf("tuntap: read name and MTU of the new device: %w", err)
	}
	return d, nil
}

// discard takes events until the device is closed. Only hostnet changes the device,
// and it does not need them.
func discard(events <-chan tun.Event) {
	for range events {
	}
}

// Name is the device's name, such as "utun4".
func (d *Device) Name() string { return d.name }

// Kind is IP.
func (*Device) Kind() nic.Kind { return nic.IP }

// MAC is "": there are no Ethernet devices here.
func (*Device) MAC() string { return "" }

// RegainMAC does nothing: there are no Ethernet devices here.
func (*Device) RegainMAC() {}

// FormerMACs is nil: there are no Ethernet devices here.
func (*Device) FormerMACs() []frame.MAC { return nil }

// Follow does nothing: there are no Ethernet devices here.
func (*Device) Follow(func(frame.MAC)) error { return nil }

// MTU is the device's MTU in bytes when it was opened.
func (d *Device) MTU() int { return d.mtu }

// Stats returns how many packets were lost so far.
func (d *Device) Stats() Stats {
	return Stats{Refused: d.single.refused.Load(), Oversize: d.single.oversize.Load()}
}

// Waiting returns nothing: all packets wait in the kernel.
func (d *Device) Waiting() (packets, room uint64) { return 0, 0 }

// ReadBatch waits for an outbound packet. One larger than its buffer is
// dropped and counted. See nic.NIC.
func (d *Device) ReadBatch(batch []*buf.Packet) (int, error) {
	if len(batch) == 0 {
		return 0, nil
	}
	for {
		n, err := d.single.read(batch[0])
		if n > 0 {
			return 1, nil
		}
		if err != nil {
			return 0, d.final(err)
		}
	}
}

// WriteBatch gives inbound packets to the kernel. One it refuses is counted
// and skipped. See nic.NIC.
func (d *Device) WriteBatch(batch []*buf.Packet) (int, error) {
	taken, err := d.single.writeAll(batch)
	if err != nil {
		err = d.final(err)
	}
	return taken, err
}

// final turns the driver's error into the error that the contract of nic.NIC wants.
func (d *Device) final(err error) error {
	switch {
	case d.closed.Load():
		return errClosed
	case errors.Is(err, os.ErrClosed), !errors.Is(err, errNotIP) && !exists(d.name):
		return ErrRemoved
	}
	return fmt.Errorf("tuntap: %s: %w", d.name, err)
}

// Close ends pending reads and writes, and the device vanishes. Closing twice is
// harmless.
func (d *Device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	return d.tun.Close()
}
