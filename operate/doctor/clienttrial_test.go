package doctor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
)

// Where the doctor's own timer ends a handshake, the stage that it had come to says what
// to do.
func TestMendOfStage(t *testing.T) {
	for stage, want := range map[string]string{
		"large packets of this side are never acknowledged":         "write in the profile: max-packet-size 600",
		"the path mostly drops the peer's large packets then (try)": "write on the server: max-packet-size 600",
		"": newProfile,
	} {
		n := new(notes)
		callerTrial{&caller{}}.judgeHandshake(n, &trial{err: errors.New("no connection within 7s"), stage: stage})
		if len(n.Findings) != 1 || !strings.Contains(n.Findings[0].Mend, want) {
			t.Errorf("%q: %+v, want %q", stage, n.Findings, want)
		}
	}
}

// TestDoctorSendsNoSecret: a login that is in a file elsewhere is not tried, since nobody is
// asked; one of a proxy would go with the first packet, so nothing is sent at all.
func TestDoctorSendsNoSecret(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "creds")
	if err := os.WriteFile(elsewhere, []byte("alice\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const remote = "remote 127.0.0.1 9\n"
	file, cfg, _ := aProfile(t, remote+"auth-user-pass "+elsewhere+"\n")
	if why := short(cfg, file); !strings.Contains(why, "nobody is asked") {
		t.Errorf("a login elsewhere: %q", why)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "creds"), []byte("alice\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(file))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err = config.ParseFile(file, bytes.ReplaceAll(text, []byte(elsewhere), []byte("creds")), os.ReadFile); err != nil {
		t.Fatal(err)
	}
	if why := short(cfg, file); why != "" {
		t.Errorf("a login beside it: %q", why)
	}
	file, _, _ = aProfile(t, remote+"proto tcp-client\nhttp-proxy 127.0.0.1 9\nhttp-proxy-user-pass "+elsewhere+"\n")
	if r, err := Examine(t.Context(), Options{File: file, StateDir: t.TempDir(), NoConnect: true}, func(Result) {}); err == nil || !strings.Contains(err.Error(), "http-proxy-user-pass") {
		t.Errorf("a proxy's login elsewhere: %v, %v", r, err)
	}
}
