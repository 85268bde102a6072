//go:build linux

package main

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

// processor is one for which programs run here, or a system.
type processor struct {
	name    string // Go's
	qemu    string // the program that emulates it; none where this machine runs its programs
	machine elf.Machine
	class   elf.Class
	data    elf.Data
}

var processors = []processor{
	{"arm64", "qemu-aarch64", elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	{"s390x", "qemu-s390x", elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB},
	{"386", "", elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB},
	{"mips", "qemu-mips", elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB},
	{name: windows},
}

// usual are those that run unless others are asked for.
const usual = "386,arm64,s390x,windows"

// windows is the system whose programs run under Wine, by .ci/windows.
const windows = "windows"

func names(all []processor) (names []string) {
	for _, p := range all {
		names = append(names, p.name)
	}
	return names
}

// choose returns the processors of a list with commas, the usual ones for an empty list.
func choose(list string) (some []processor, err error) {
	if list == "" {
		list = usual
	}
	for name := range strings.SplitSeq(list, ",") {
		p, ok := named(name)
		if !ok {
			return nil, fmt.Errorf("%q is no processor known here, expected some of %s", name, strings.Join(names(processors), ","))
		}
		some = append(some, p)
	}
	return some, nil
}

// fit splits a list with commas into what a machine of an architecture runs, and what
// takes an amd64: Wine, and programs that nothing emulates.
func fit(list, arch string) (here, elsewhere []string) {
	for name := range strings.SplitSeq(list, ",") {
		if p, _ := named(name); arch != "amd64" && p.qemu == "" {
			elsewhere = append(elsewhere, name)
		} else {
			here = append(here, name)
		}
	}
	return here, elsewhere
}

func named(name string) (processor, bool) {
	for _, p := range processors {
		if p.name == name {
			return p, true
		}
	}
	return processor{}, false
}

// rule is the line by which the kernel knows the processor's programs and runs them
// by qemu: the head of an ELF file that may be executed, with or without a fixed
// address (the kernel's binfmt-misc.rst). The flags give the program its own name
// (P), and open qemu once and for all, for programs that change their root (F).
func (p processor) rule(path string) string {
	order := binary.AppendByteOrder(binary.LittleEndian)
	if p.data == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	head := append([]byte(elf.ELFMAG), byte(p.class), byte(p.data), byte(elf.EV_CURRENT), 0, 0, 0, 0, 0, 0, 0, 0, 0)
	head = order.AppendUint16(head, uint16(elf.ET_EXEC))
	head = order.AppendUint16(head, uint16(p.machine))
	mask := append(make([]byte, 0, len(head)), "\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff"...)
	mask = order.AppendUint16(mask, 0xfffe) // ET_DYN is one more than ET_EXEC
	mask = order.AppendUint16(mask, 0xffff)
	return ":" + p.qemu + ":M::" + escaped(head) + ":" + escaped(mask) + ":" + path + ":PF"
}

// escaped writes bytes as the kernel reads them from a rule.
func escaped(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}
