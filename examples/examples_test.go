package examples_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/operate/setup"
)

// TestExamples: a page of the server's program comes to the client's program
// through the tunnel.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir, "culvert/examples/client", "culvert/examples/server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conf, profile := keys(t, dir)

	server := exec.CommandContext(t.Context(), filepath.Join(dir, "server"), conf)
	said, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil || !strings.Contains(line, "open http://10.8.0.1:80/") {
		t.Fatalf("the server said %q: %v", line, err)
	}

	client := exec.CommandContext(t.Context(), filepath.Join(dir, "client"), profile, "http://10.8.0.1/")
	page, err := client.CombinedOutput()
	if err != nil || string(page) != "hello, laptop\n" {
		t.Errorf("the page is %q: %v", page, err)
	}
}

// keys are the files of a server on loopback and of a client, on a port that is
// free.
func keys(t *testing.T, dir string) (conf, profile string) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	conn.Close()
	made, err := setup.Init(setup.InitOptions{Dir: filepath.Join(dir, "net"), Host: "127.0.0.1", Port: port, Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(made.Config)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Appendf(nil, "port %d\n", port)
	if err := os.WriteFile(made.Config, bytes.Replace(text, line, append(line, "local 127.0.0.1\n"...), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	profile = filepath.Join(dir, "laptop.ovpn")
	if _, err := setup.AddClient(setup.ClientOptions{Dir: made.Dir, Name: "laptop", Out: profile, Now: time.Now(), Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	return made.Config, profile
}
