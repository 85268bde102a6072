package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/service"
	"culvert/store"
	"culvert/store/bolt"
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
	var t store.Txn
	put := func(key string, record any) {
		value, err := store.Encode(1, record)
		if err != nil {
			b.Fatal(err)
		}
		t.Put = append(t.Put, store.Put{Key: key, Value: value})
	}
	for i := range 10_000 {
		user := fmt.Sprintf("user%05d", i)
		put("users/"+user, map[string]any{"name": user, "full_name": "Somebody With A Name", "created": "2026-11-27T09:00:00Z", "groups": []string{"staff"}, "password": strings.Repeat("p", 97)})
		for j, name := range []string{"laptop", "pad", "phone"} {
			n := 3*i + j
			address := fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)
			put("devices/"+user+"/"+name, map[string]any{"user": user, "name": name, "created": "2026-11-27T09:00:00Z", "common_name": name + "." + user, "ipv4": address})
			put("certificates/"+name+"."+user, user+"/"+name)
			put("addresses/"+address, user+"/"+name)
			put("usage/"+user+"/"+name, map[string]any{"bytes_in": 123456789, "bytes_out": 987654321, "last_seen": "2026-11-27T09:00:00Z"})
		}
	}
	if _, err := s.CommitAll(b.Context(), t); err != nil {
		b.Fatal(err)
	}
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
