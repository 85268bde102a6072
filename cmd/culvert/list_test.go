package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/service"
	"culvert/store/bolt"
	"culvert/store/storetest"
)

// bigOffice is a server's directory with 10,000 users, who have three devices each.
func bigOffice(b *testing.B) (dir string) {
	dir = b.TempDir()
	ran(b, "init", "--dir", dir, "--host", "vpn.example.com")
	s, err := bolt.Open(filepath.Join(dir, bolt.File), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	storetest.Office(b, s, strings.Repeat("p", 97))
	return dir
}

// ran runs a command, whose output nobody reads.
func ran(b *testing.B, words ...string) {
	root := rootCommand(service.Self{})
	root.SetArgs(words)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(b.Context()); err != nil {
		b.Fatal(words, err)
	}
}

// BenchmarkLists: commands on the store of 10,000 users and 30,000 devices, from opening its
// file on.
func BenchmarkLists(b *testing.B) {
	dir := bigOffice(b)
	for _, line := range []string{"user list", "user list --json", "user show user05000", "user set user05000 --full-name Else", "device list", "device list --json", "group list"} {
		b.Run(line, func(b *testing.B) {
			for b.Loop() {
				ran(b, append(strings.Fields(line), "--dir", dir)...)
			}
		})
	}
}
