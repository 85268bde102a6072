package check

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"culvert/config"
	"culvert/internal/printable"
)

// mostClientFiles limits how many files of client-config-dir are looked at.
const mostClientFiles = 1000

// directories looks for those that have to be there for a start. What is below a chroot is
// not looked for.
func (s critic) directories() []Finding {
	name, dir := "chroot", s.config.Process.Chroot
	if dir == "" && s.isServer() {
		name, dir = "tmp-dir", s.config.Process.TmpDir
	}
	if dir == "" || s.first(name) == nil {
		return nil
	}
	if i, err := os.Stat(dir); err == nil && i.IsDir() {
		return nil
	}
	return s.warnAt(s.first(name), Remark, name+": there is no directory "+printable.Name(dir)+" on this host", "nothing starts without it: make it, or write its whole path")
}

// clientFiles looks at the files of client-config-dir.
func (s critic) clientFiles() (all []Finding) {
	dir := s.config.Server.ClientConfigDir
	if dir == "" || !s.isServer() {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return s.warnAt(s.first("client-config-dir"), Remark, "the directory cannot be read: "+cause(err), "make it, or write its whole path")
	}
	owners := make(map[netip.Addr]string)
	for i, e := range entries {
		if i == mostClientFiles {
			break
		}
		name := filepath.Join(dir, e.Name())
		text, err := s.read(name)
		if err != nil || e.IsDir() {
			continue
		}
		own, err := config.ParsePerClient(s.config, name, text)
		if err == nil {
			all = append(all, s.givenTwice(owners, e.Name(), own)...)
		} else {
			text := fmt.Sprintf("the client of %s would be refused, since this file has faults in %s", printable.Name(name), strings.Join(linesOf(err), ", "))
			all = append(all, s.at(s.first("client-config-dir"), Warn, Remark, text, "look into the file, or run the server, whose log says what is wrong when that client connects"))
		}
	}
	return all
}

// givenTwice finds addresses that two files give to their clients.
func (s critic) givenTwice(owners map[netip.Addr]string, name string, own *config.PerClient) (all []Finding) {
	var given []netip.Addr
	if own.Ifconfig != nil {
		given = append(given, own.Ifconfig.Local)
	}
	if own.IfconfigIPv6 != nil {
		given = append(given, own.IfconfigIPv6.Local.Addr())
	}
	for _, a := range given {
		if before, twice := owners[a]; twice {
			text := fmt.Sprintf("%s and %s give their clients the same address: whoever of them connects sends the other away", printable.Name(before), printable.Name(name))
			all = append(all, s.at(s.first("client-config-dir"), Warn, Remark, text, "give one of them another address"))
		}
		owners[a] = name
	}
	return all
}

// linesOf returns the lines of faults, without what stands there: it may be another
// kind of file, and a secret.
func linesOf(err error) (lines []string) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{"it"}
	}
	for _, e := range joined.Unwrap() {
		var fault *config.Error
		if errors.As(e, &fault) && len(lines) < 10 {
			lines = append(lines, "line "+strconv.Itoa(fault.Pos.Line))
		}
	}
	return lines
}

// cause is an error without the file's name.
func cause(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		return text[i+2:]
	}
	return text
}
