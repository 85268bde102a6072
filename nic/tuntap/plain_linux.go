package tuntap

import (
	"golang.org/x/sys/unix"

	"culvert/internal/buf"
)

// This file is how packets cross a device plain: one per system call.
// vnet_linux.go is the other way.

// readPlain reads packets until the batch is full or the device is empty. It asks
// to wait if it read none.
func (d *Device) readPlain(fd uintptr) bool {
	t := &d.out
	for t.done < len(t.batch) {
		err := readPacket(int(fd), t.batch[t.done])
		switch err {
		case nil:
			d.nap.Read(1)
			t.done++
		case errOversize:
			d.oversize.Add(1)
		case unix.EINTR:
		case unix.EAGAIN:
			if d.empty() {
				return t.done > 0
			}
		default:
			t.err = err
			return true
		}
	}
	return true
}

// readPacket reads one packet into p, or returns a unix.Errno or errOversize.
func readPacket(fd int, p *buf.Packet) error {
	p.Reset()
	room := p.Room()
	// The driver silently cuts a packet that does not fit. One byte of tailroom
	// shows it.
	n, err := read(fd, room[:len(room)+1])
	if err != nil {
		return gone(err)
	}
	if n > len(room) {
		return errOversize
	}
	p.SetLen(n)
	return nil
}

// gone turns a read's error for a device about to vanish into the error for one
// that has vanished.
func gone(err error) error {
	if err == unix.EIO {
		return unix.EBADFD
	}
	return err
}

// writePlain writes the rest of the batch. It asks to wait when the kernel has
// no room.
func (d *Device) writePlain(fd uintptr) bool {
	t := &d.in
	for t.done < len(t.batch) {
		err := write(int(fd), t.batch[t.done].Bytes())
		switch d.wrote(err, 1) {
		case waits:
			return false
		case ends:
			return true
		case dealt:
			t.done++
		}
	}
	return true
}

// What is next after a write.
const (
	dealt = iota // the next packet
	again        // the same packet
	waits        // the same packet, when there is room
	ends         // nothing: the device is gone
)

// wrote counts the outcome of a write of so many packets as one, and returns what
// to do next.
func (d *Device) wrote(err error, packets int) int {
	t := &d.in
	switch err {
	case nil:
		t.taken += packets
		return dealt
	case unix.EINTR:
		return again
	case unix.EAGAIN:
		return waits
	}
	if t.err == nil {
		t.err = err
	}
	if err == unix.EBADFD {
		return ends
	}
	d.refused.Add(uint64(packets))
	return dealt
}
