//go:build interop

package interop

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"culvert/host/process/pseudotty"
)

// screenText is what a program wrote to a terminal so far.
type screenText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screenText) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screenText) has(word string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), word)
}

// TestTopAndLogs: on a terminal, a stock client of a server is seen with what it carries, one
// key shows its life, and another ends the picture. The log tells of the client by filters,
// and has more of one subsystem as soon as that is asked for.
func TestTopAndLogs(t *testing.T) {
	t.Parallel()
	tun := connect(t, pairing{stock, ours}, serverParty(t, plain), clientParty(t, plain))
	tun.client.ping(serverIPv4)

	master, slave := pseudotty.Open(t)
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	shown := new(screenText)
	go io.Copy(shown, master)
	argv := tun.server.exec(tun.server.command("top"))
	top := exec.Command(argv[0], argv[1:]...)
	top.Env = append(os.Environ(), "TERM=xterm")
	top.Stdin, top.Stdout, top.Stderr = slave, slave, slave
	if err := top.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { top.Process.Kill() })
	tun.server.eventually("top shows the client", func() bool { return shown.has("interop-client") && shown.has("peers: 1") })
	tun.client.try("ping", "-n", "-i", "0.05", "-c", "60", serverIPv4.String())
	tun.server.eventually("top shows a rate", func() bool { return shown.has("kbit/s") })
	master.WriteString("\r")
	tun.server.eventually("top shows the session", func() bool { return shown.has("its life") })
	master.WriteString("q")
	if err := top.Wait(); err != nil {
		t.Error("top ended with", err)
	}

	if once := tun.server.output(tun.server.command("top")...); !strings.Contains(once, "interop-client") || strings.Contains(once, "\x1b") {
		t.Errorf("without a terminal:\n%s", once)
	}
	if found := tun.server.output(tun.server.command("logs", "--client", "interop-client", "--level", "info")...); !strings.Contains(found, "interop-client") {
		t.Errorf("the log of the client:\n%s", found)
	}
	tun.server.output(tun.server.command("logs", "level", "tls", "error")...)
	var levels struct {
		Levels []struct {
			Subsystem, Level string
			Own              bool
		}
	}
	if err := json.Unmarshal([]byte(tun.server.output(tun.server.command("logs", "level", "--json")...)), &levels); err != nil {
		t.Fatal(err)
	}
	for _, l := range levels.Levels {
		if (l.Subsystem == "tls") != l.Own || l.Own && l.Level != "error" {
			t.Errorf("%+v", l)
		}
	}
}
