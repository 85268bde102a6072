//go:build linux && (amd64 || arm64)

package process

import (
	"os"
	"reflect"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// signalPipe is where onSignal writes: the pipe's end of a thin process.
//
//lint:ignore U1000 onSignal, in assembly, reads it
var signalPipe int32 = -1

// onSignal is a signal handler (sigaction(2)): it writes the signal's number as a byte
// to signalPipe, and uses neither the stack of a goroutine nor the runtime.
func onSignal()

// sigaction is the kernel's, on processors with a restorer (rt_sigaction(2)).
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// handledSignals passes on the signals of reactions without the threads that os/signal
// needs, until stop is called. It fails where that is impossible.
func handledSignals(to chan<- os.Signal) (stop func(), err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	signalPipe = int32(ends[1])
	before := map[syscall.Signal]sigaction{}
	restore := func() {
		for s, action := range before {
			_ = setAction(s, &action, nil)
		}
	}
	// The runtime always handles this one. Of those of reactions it leaves some alone that
	// were ignored when the process began (nohup), which then have no restorer.
	ours := sigaction{}
	err = setAction(syscall.SIGSEGV, nil, &ours)
	ours.handler = reflect.ValueOf(onSignal).Pointer() // on the runtime's stack for signals, by its flags
	for s := range reactions {
		number, now := s.(syscall.Signal), sigaction{}
		if err == nil {
			err = setAction(number, &ours, &now)
		}
		if err != nil {
			break
		}
		before[number] = now
	}
	file := os.NewFile(uintptr(ends[0]), "signals")
	if err != nil {
		restore()
		file.Close()
		unix.Close(ends[1])
		return nil, err
	}
	done := make(chan struct{})
	go passNumbers(file, to, done)
	return func() { restore(); close(done); file.Close() }, nil
}

// passNumbers reads the numbers of signals until file is closed.
func passNumbers(file *os.File, to chan<- os.Signal, done <-chan struct{}) {
	b := make([]byte, 16)
	for {
		n, err := file.Read(b)
		if err != nil {
			return
		}
		for _, number := range b[:n] {
			select {
			case to <- syscall.Signal(number):
			case <-done:
				return
			}
		}
	}
}

func setAction(s syscall.Signal, to, from *sigaction) error {
	const maskSize = 8
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(from)), maskSize, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
