package main

import (
	"fmt"
	"os"
	"runtime"

	"culvert/config"
)

// noteOpen notes the files of keys and passwords that others than their owner
// may get at, as OpenVPN warns of them.
func noteOpen(c *config.Config) {
	if runtime.GOOS == "windows" {
		return // whose permissions say nothing of that
	}
	for _, s := range c.Secrets() {
		info, err := os.Stat(s.Path)
		if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		c.Notes = append(c.Notes, config.Note{Pos: s.Pos, Text: fmt.Sprintf("%s: others than the file's owner may read or change it (mode %04o); run: chmod 600 %s",
			s.Directive, info.Mode().Perm(), s.Path)})
	}
}

// noted is a configuration as it was parsed, with what is to be noted of its
// files.
func noted(c *config.Config, err error) (*config.Config, error) {
	if err == nil {
		noteOpen(c)
	}
	return c, err
}
