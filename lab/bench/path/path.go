//go:build linux

package path

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// packetSize is the largest packet of the devices.
const packetSize = 1500

// Main is the program of a path; its arguments follow the word. It makes the
// device eth0 of the namespace it runs in and of another one, prints `ready`, and
// reads its conditions at the start and at each SIGHUP.
func Main(args []string) error {
	f := flag.NewFlagSet("path", flag.ContinueOnError)
	to := f.String("to", "", "the namespace of the other end")
	file := f.String("conditions", "", "the file with the path's conditions")
	if err := f.Parse(args); err != nil {
		return err
	}
	far, err := openTUN("far0")
	if err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "set", "dev", "far0", "netns", *to, "name", "eth0").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set far0 netns %s: %w: %s", *to, err, out)
	}
	near, err := openTUN("eth0")
	if err != nil {
		return err
	}
	return carry(near, far, *file)
}

// carry moves packets between the devices until one fails.
func carry(near, far *os.File, file string) error {
	var conditions atomic.Pointer[Conditions]
	c, err := read(file)
	if err != nil {
		return err
	}
	conditions.Store(&c)
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	ends := make(chan error, 4)
	for _, way := range [][2]*os.File{{near, far}, {far, near}} {
		l := newLine()
		go func() { ends <- l.collect(way[0].Read, &conditions) }()
		go func() { ends <- l.deliver(writer(way[1])) }()
	}
	fmt.Println("ready")
	for {
		select {
		case err := <-ends:
			return err
		case <-again:
			c, err := read(file)
			if err != nil {
				return err
			}
			conditions.Store(&c)
			fmt.Println("changed")
		}
	}
}

// collect sends what comes from a device on its way.
func (l *line) collect(read func([]byte) (int, error), conditions *atomic.Pointer[Conditions]) error {
	random := rand.New(rand.NewPCG(1, 2))
	for {
		b := l.buffer(packetSize)
		n, err := read(b)
		if err != nil {
			return err
		}
		d, lost := conditions.Load().take(random)
		if lost || !l.put(b[:n], time.Now().Add(d)) {
			l.recycle(b)
		}
	}
}

// writer writes to a device. One that is still down loses packets.
func writer(device *os.File) func([]byte) error {
	return func(b []byte) error {
		if _, err := device.Write(b); err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EINVAL) {
			return err
		}
		return nil
	}
}

// openTUN makes a TUN device of IP packets, without offloads.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("TUN device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
