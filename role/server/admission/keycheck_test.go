package admission

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/config"
)

// verifying is an admission whose tls-crypt-v2-verify notes that it began, and takes
// its time.
func verifying(t *testing.T) (a *Admission, begun func() int) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "verify")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho >> "+dir+"/begun\nexec sleep 1000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := New(&config.Config{Trust: config.Trust{TLSCryptV2Verify: []string{program}}, Timers: config.Timers{HandWindow: time.Hour}, Process: config.Process{TmpDir: dir, ScriptSecurity: 2}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.End)
	return a, func() int {
		text, _ := os.ReadFile(dir + "/begun")
		return strings.Count(string(text), "\n")
	}
}

// at is the visit of a client of 198.51.100.N.
func (a *Admission) at(n byte) *Visit {
	return a.Begin(&desk{from: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, n}), 1194)}, uint64(n))
}

// eventually waits until n programs have begun.
func eventually(t *testing.T, begun func() int, n int) {
	t.Helper()
	for range 3000 {
		if begun() >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d programs began, want %d", begun(), n)
}

// TestKeyChecksTakeTurns: one address has a quarter of the programs, however
// many clients come from it, and others have theirs meanwhile.
func TestKeyChecksTakeTurns(t *testing.T) {
	a, begun := verifying(t)
	if !a.ChecksKeys() {
		t.Error("nobody looks at keys")
	}
	const flood, quarter = 100, 32
	done := make(chan error, flood+1)
	for range flood {
		go func() { done <- a.at(1).CheckKey(nil, time.Now()) }()
	}
	eventually(t, begun, quarter)
	go func() { done <- a.at(2).CheckKey(nil, time.Now()) }()
	eventually(t, begun, quarter+1)
	if n := begun(); n != quarter+1 {
		t.Errorf("%d programs began", n)
	}
	a.End()
	for range flood + 1 {
		if err := <-done; err == nil {
			t.Error("a key was found good that nobody looked at")
		}
	}
}

// TestKeyCheckEndsWithItsVisit, for which it is waited for on the goroutine that
// would end the session.
func TestKeyCheckEndsWithItsVisit(t *testing.T) {
	a, begun := verifying(t)
	v := a.at(1)
	done := make(chan error, 1)
	go func() { done <- v.CheckKey(nil, time.Now()) }()
	eventually(t, begun, 1)
	v.End()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(fmt.Sprint(err), "stopped before it decided") {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the program runs on, and the session with it")
	}
}

// TestKeyCheckDecides by the program's exit status, which is shown the metadata, and
// by the key's age.
func TestKeyCheckDecides(t *testing.T) {
	program := filepath.Join(t.TempDir(), "verify")
	const script = "#!/bin/sh\ntest \"$metadata_type\" = 0 && test \"$(cat $metadata_file)\" = good\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := New(&config.Config{Trust: config.Trust{TLSCryptV2Verify: []string{program}}, Timers: config.Timers{HandWindow: time.Minute}, Process: config.Process{ScriptSecurity: 2}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	for metadata, good := range map[string]bool{"\x00good": true, "\x00bad": false, "\x01good": false, "": false} {
		if err := a.at(1).CheckKey([]byte(metadata), time.Now()); (err == nil) != good {
			t.Errorf("%q: %v", metadata, err)
		}
	}
	aged, err := New(&config.Config{Trust: config.Trust{TLSCryptV2MaxAge: 30}}, Options{})
	if err != nil || !aged.ChecksKeys() {
		t.Fatal(err)
	}
	defer aged.End()
	if err := aged.at(1).CheckKey(nil, time.Now()); err == nil {
		t.Error("a key of no age was taken")
	}
}
