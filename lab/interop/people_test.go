//go:build interop

package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/access/audit"
)

// TestLostPhone: a stock client that is in is cut off by `client revoke`, which
// waits for it, and ends instead of coming back; with a new profile it is let in.
func TestLostPhone(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	dir, profile := h.initialize(t)
	state := []string{"--dir", dir, "--state-dir", filepath.Join(h.s.dir, "state")}
	ask := func(words ...string) string {
		return h.s.output(append([]string{culvert(t), "client"}, append(words, state...)...)...)
	}
	server := h.s.start("culvert serve", append([]string{culvert(t), "serve"}, state...)...).up()
	client := h.c.run(stock, profile)
	client.up()
	if said := ask("list"); !strings.Contains(said, "valid") || !strings.Contains(said, "from "+h.w.a4.String()) {
		t.Errorf("client list:\n%s", said)
	}
	began := time.Now()
	if said := ask("revoke", "phone"); !strings.Contains(said, "is cut off") {
		t.Errorf("client revoke:\n%s", said)
	}
	t.Logf("cut off after %v", time.Since(began).Round(10*time.Millisecond))
	client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
	if err := client.wait(patience); err != nil && !strings.Contains(err.Error(), "exit status") {
		t.Errorf("the client goes on: %v", err)
	}
	again := h.c.run(stock, profile)
	server.expect(regexp.MustCompile("a client did not get in.*is revoked"), 1, patience)
	again.stop(syscall.SIGTERM)
	if said := ask("list"); !strings.Contains(said, "revoked") || strings.Contains(said, "from ") {
		t.Errorf("client list:\n%s", said)
	}
	h.s.output(culvert(t), "client", "renew", "phone", "--dir", dir, "-o", profile, "--let-in-again")
	h.c.run(stock, profile).up()
	h.s.recorded(filepath.Join(dir, audit.Name), "phone", audit.LetIn, audit.ShutOut, audit.LetIn)
}

// recorded checks what an audit log says of a client, in order, and that nobody else may
// read it. A server that gave up root's rights has it written by its other process.
func (h *netns) recorded(path, client string, want ...string) {
	h.t.Helper()
	var got []string
	deadline := time.Now().Add(patience)
	for ; !slices.Equal(got, want) && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		got = nil
		for line := range strings.Lines(string(must(os.ReadFile(path)))) {
			var e audit.Entry
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				h.t.Fatalf("%s: %v: %s", path, err, line)
			}
			if e.Client == client && e.What != audit.Left && e.What != audit.Refused {
				got = append(got, e.What)
			}
		}
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("%s says of %s: %v, want %v", path, client, got, want)
	}
	if info := must(os.Stat(path)); info.Mode().Perm() != 0o600 || owner(info) != 0 {
		h.t.Errorf("%s: %v, of user %d", path, info.Mode(), owner(info))
	}
}

func owner(info os.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// TestTokenOutlivesARestart: a user of one-time codes is not asked for another one
// when the server is started again.
func TestTokenOutlivesARestart(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	up := h.c.file("up.txt", "ada\nhunter2\n")
	conf := loginServer(h.s, oncePassword, "auth-gen-token 600", "explicit-exit-notify 1")
	server, client := h.login(pairing{stock, ours}, conf, []string{"auth-user-pass " + up, "connect-retry 1 2"})
	client.up()
	server.stop(syscall.SIGTERM)
	h.s.run(ours, filepath.Join(h.s.dir, "server.conf")).expect(regexp.MustCompile("client connected"), 1, patience)
	if text := string(must(os.ReadFile(filepath.Join(h.s.dir, "checked")))); text != "x\n" {
		t.Errorf("the password was checked %d times", len(text)/2)
	}
}
