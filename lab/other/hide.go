//go:build linux

package main

import (
	"debug/elf"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// hide makes the system say that it does not have what qemu would do wrong, to this
// thread and to the program that it becomes. A program that asks before it uses a
// feature then does without, as on an older kernel.
//
// Among big-endian processors' programs that is UDP_SEGMENT: qemu hands on the size in
// a control message without turning its bytes, and datagrams leave uncut.
func (p processor) hide() error {
	if p.data != elf.ELFDATA2MSB {
		return nil
	}
	code, err := bpf.Assemble(withoutSegments())
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(code))
	for i, c := range code {
		filter[i] = unix.SockFilter{Code: c.Op, Jt: c.Jt, Jf: c.Jf, K: c.K}
	}
	runtime.LockOSThread()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: unsafe.SliceData(filter)}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	runtime.KeepAlive(filter)
	return nil
}

// Offsets in struct seccomp_data (seccomp(2)), of the half of an argument that matters
// on a little-endian machine.
const (
	callNumber     = 0
	secondArgument = 24
	thirdArgument  = 32
)

// withoutSegments answers the question whether a socket has UDP_SEGMENT with no.
func withoutSegments() []bpf.Instruction {
	const no = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOPROTOOPT)
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: callNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_GETSOCKOPT, SkipTrue: 5},
		bpf.LoadAbsolute{Off: secondArgument, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SOL_UDP, SkipTrue: 3},
		bpf.LoadAbsolute{Off: thirdArgument, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.UDP_SEGMENT, SkipTrue: 1},
		bpf.RetConstant{Val: no},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	}
}
