package check

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"culvert/config"
	"culvert/internal/printable"
)

// programs looks for the programs that would be run. What is below a chroot is not
// looked for.
func (s critic) programs() (all []Finding) {
	if s.config.Process.Chroot != "" {
		return nil
	}
	for _, l := range teller(s).touching(config.TouchRuns) {
		name := program(l)
		if slices.Contains(modules, l.Name) || !filepath.IsAbs(name) {
			continue
		}
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			all = append(all, s.at(s.lineAt(l.Pos.Line), Warn, Remark, l.Name+": there is no program "+printable.Name(name)+" on this host", "OpenVPN would not start without it"))
		}
	}
	return all
}

// program is the path of the program that a line names, without its arguments.
func program(l config.Line) string {
	command := config.Lines("", []byte(l.Args[0]))
	if len(command) != 1 {
		return ""
	}
	return command[0].Name
}
