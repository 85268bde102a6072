package manage

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/manage/api"
)

func echo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/other" {
		refuse(w, api.NoSuchPath, "nothing is there")
		return
	}
	if r.URL.Path == "/bad" {
		refuse(w, api.BadRequest, "that will not do")
		return
	}
	if !r.Close { // each asker would leave a connection and its goroutines behind
		http.Error(w, "the connection stays", http.StatusBadRequest)
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Write(append([]byte(r.URL.Path+" "), body...))
}

// refuse answers with an error, as an API does.
func refuse(w http.ResponseWriter, k api.Kind, message string) {
	w.WriteHeader(k.Status)
	json.NewEncoder(w).Encode(k.Error(message, ""))
}

func ask(t *testing.T, c *Client, path string) string {
	t.Helper()
	answer, err := c.Do(t.Context(), "POST", path, map[string]int{"n": 1})
	if err != nil {
		return err.Error()
	}
	defer answer.Close()
	text, _ := io.ReadAll(answer)
	return string(text)
}

func TestAskAProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	stop, err := Serve(dir, "hub-a", http.HandlerFunc(echo))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "hub-a.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	c, err := Dial(dir, "hub-", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, c, "/list"); got != `/list {"n":1}` {
		t.Errorf("answer %q", got)
	}
	if got := ask(t, c, "/other"); !strings.Contains(got, "another kind") {
		t.Errorf("of another kind: %q", got)
	}
	if got := ask(t, c, "/bad"); got != "that will not do" {
		t.Errorf("refusal %q", got)
	}
	if _, err := Serve(dir, "hub-a", http.HandlerFunc(echo)); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second one: %v", err)
	}
	stop()
	if got := ask(t, c, "/list"); got != "hub-a is not running, and nothing else was found in "+dir {
		t.Errorf("after the end: %q", got)
	}
	for _, name := range []string{"server-tun0", "hub-b", "hub-c"} {
		stop, err := Serve(dir, name, http.HandlerFunc(echo))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	if got := ask(t, c, "/list"); got != "hub-a is not running; running now: hub-b, hub-c" {
		t.Errorf("beside others: %q", got)
	}
}

func TestDialPicks(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(dir, "hub-", ""); err == nil || !strings.Contains(err.Error(), "no running hub was found") {
		t.Errorf("none: %v", err)
	}
	for _, name := range []string{"hub-b", "hub-a", "server"} {
		stop, err := Serve(dir, name, http.HandlerFunc(echo))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	// What a killed process left is not in the way.
	if err := os.WriteFile(filepath.Join(dir, "hub-c"+suffix), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(dir, "hub-", ""); err == nil || !strings.HasSuffix(err.Error(), ": hub-a, hub-b") {
		t.Errorf("two: %v", err)
	}
	if c, err := Dial(dir, "", "server"); err != nil || c.name != "server" {
		t.Errorf("by name: %v, %v", c, err)
	}
	for _, name := range []string{"../x", "a/b", ".."} {
		if _, err := Dial(dir, "", name); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

// TestServeAfterACrash: a socket whose process is gone is in nobody's way.
func TestServeAfterACrash(t *testing.T) {
	dir := t.TempDir()
	l, err := listen(filepath.Join(dir, "server.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	l.Close()
	stop, err := Serve(dir, "server", http.HandlerFunc(echo))
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

func TestForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Serve(dir, "server", http.HandlerFunc(echo)); err == nil {
		t.Error("a directory that everybody can write was taken")
	}
}

// TestStream: an answer that lasts ends in good order when its reader has had
// enough.
func TestStream(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	stop, err := Serve(dir, "server", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
		io.WriteString(w, " last")
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c, err := Dial(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, enough := context.WithCancel(t.Context())
	answer, err := c.Stream(ctx, "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first := make([]byte, 5)
	if _, err := io.ReadFull(answer.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("%q, %v", first, err)
	}
	enough()
	if rest, err := io.ReadAll(answer.Body); err != nil || string(rest) != " last" {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// TestUntrustedDirectory: where another user may write, nothing is asked: the
// answer could be that user's.
func TestUntrustedDirectory(t *testing.T) {
	dir := t.TempDir()
	stop, err := Serve(dir, "server", http.HandlerFunc(echo))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(dir, "", "server"); err == nil || !strings.Contains(err.Error(), "not trusted") {
		t.Errorf("asking there: %v", err)
	}
	if stop, err := Serve(dir, "other", http.HandlerFunc(echo)); err == nil {
		stop()
		t.Error("a socket was made there")
	}
}

// TestForget: the socket of a process that is gone is removed, and no other.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	stop, err := Serve(dir, "server", http.HandlerFunc(echo))
	if err != nil {
		t.Fatal(err)
	}
	if err := Forget(dir, "server"); err != nil {
		t.Error(err)
	}
	if names, _ := Names(dir); len(names) != 1 {
		t.Error("the socket of a process at work was removed")
	}
	stop()
	l, err := net.Listen("unix", filepath.Join(dir, "dead.sock"))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if err := Forget(dir, "dead"); err != nil {
		t.Error(err)
	}
	if err := Forget(dir, "../dead"); err == nil {
		t.Error("a name led out of the directory")
	}
	if names, _ := Names(dir); len(names) != 0 {
		t.Errorf("left: %q", names)
	}
}
