package main

import (
	"strings"
	"testing"

	"culvert/store"
)

// TestUnreadable: records that cannot be read are named with the command that mends, all
// other commands go on with the rest, and that command works.
func TestUnreadable(t *testing.T) {
	dir := office(t)
	run := func(line string, wants ...string) {
		t.Helper()
		text := said(t, "", append(strings.Fields(line), "--dir", dir)...)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %s\nexpected %q", line, text, want)
			}
		}
	}
	for _, line := range []string{"group add staff", "user add alice --group staff", "user add bob", "user add carol", "device add phone --user alice --ipv4 auto", "device add phone --user bob", "device add pad --user bob"} {
		run(line)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	var spoil store.Txn
	for _, key := range []string{"users/alice", "devices/alice/phone", "devices/bob/phone", "groups/staff"} {
		if _, err := s.Get(t.Context(), key); err != nil {
			t.Fatal(key, err)
		}
		spoil.Put = append(spoil.Put, store.Put{Key: key, Value: []byte(`{"v":99,"r":{}}`)})
	}
	if _, err := s.Commit(t.Context(), spoil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	run("user list", "warning: record users/alice has version 99", "culvert user remove alice --dir D", "carol  active")
	run("device list", "culvert device remove phone --user bob --dir D", "bob   pad")
	run("group list", "culvert group remove staff --dir D")
	run("export", "users/alice {", "users/carol {")
	run("user show alice", "culvert user remove alice --dir D")
	run("user set alice --full-name A", "culvert user remove alice --dir D")
	run("user add alice", "culvert user remove alice --dir D")
	run("user show bob", "pad", "culvert device remove phone --user bob --dir D")
	run("device remove phone --user bob", "phone of bob is removed.")
	run("user show bob", "pad")
	run("user remove alice", "alice is removed, with 1 device.")
	run("group remove staff", "staff is removed; it had 0 members.")
	for _, name := range []string{"phone.alice", "phone.bob"} {
		if text := said(t, "", "client", "list", "--dir", dir); !strings.Contains(lineOf(text, name), "revoked") {
			t.Errorf("%s is not revoked: %s", name, text)
		}
	}
	for _, line := range []string{"user list", "device list", "group list", "user show bob"} {
		if text := said(t, "", append(strings.Fields(line), "--dir", dir)...); strings.Contains(text, "warning") {
			t.Errorf("%s afterwards: %s", line, text)
		}
	}
	run("group add staff", "staff is added")
	run("user add alice --group staff", "alice is added")
	run("device add phone --user alice --ipv4 auto", "10.8.0.254")
}

// lineOf is the line of a text that has a word.
func lineOf(text, word string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}
