package tuntap

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// unprivileged runs do on a thread without the right to make devices.
func unprivileged(t *testing.T, do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends
		var own [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		err := unix.Capget(&header, &own[0])
		own[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		if err == nil {
			err = unix.Capset(&header, &own[0])
		}
		if err != nil {
			t.Error(err)
			return
		}
		do()
	}()
	<-done
}

// TestCheckRights: making a device needs a right; an existing one may have been
// made for this user.
func TestCheckRights(t *testing.T) {
	if err := CheckRights(Options{Node: "/dev/net/none"}); !errors.Is(err, ErrNoDriver) {
		t.Errorf("without a driver: %v", err)
	}
	if err := CheckRights(Options{Name: "a device's name"}); !errors.Is(err, ErrName) {
		t.Errorf("a bad name: %v", err)
	}
	node := os.DevNull // any that can be opened
	unprivileged(t, func() {
		for _, name := range []string{"", "tun", "no-such-tun"} {
			if err := CheckRights(Options{Node: node, Name: name}); !errors.Is(err, ErrDenied) {
				t.Errorf("%q without rights: %v", name, err)
			}
		}
		if err := CheckRights(Options{Node: node, Name: "lo"}); err != nil {
			t.Errorf("one that is there: %v", err)
		}
	})
}
