package service

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/operate/backend/backendtest"
	"culvert/operate/logs"
)

// versioned is a tunnel whose status says in which version it is.
type versioned struct{ *backendtest.Fake }

func (versioned) StatusText(version int) []byte {
	return fmt.Appendf(nil, "version %d\nEND\n", version)
}

// TestManagementStatusFollows: status without a number goes by the status-version of the
// configuration that is taken while sessions go on.
func TestManagementStatusFollows(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "m")
	parse := func(more string) *config.Config {
		t.Helper()
		text := "dev tun\nserver 10.8.0.0 255.255.255.0\nca ca\ncert cert\nkey key\ndh none\nmanagement " + filepath.ToSlash(socket) + " unix\n" + more
		c, err := config.ParseFile("x.conf", []byte(text), func(string) ([]byte, error) {
			return []byte("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	l := newLife(Self{}, nil, Options{})
	l.log = &log{levels: new(logs.Levels), Logger: slog.New(slog.DiscardHandler)}
	c := parse("status-version 2\n")
	m, _, err := l.manage(t.Context(), nil, c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(nil)
	role := versioned{backendtest.New()}
	defer m.Attach(role)()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewScanner(conn)
	status := func() string {
		fmt.Fprint(conn, "status\n")
		for in.Scan() {
			if strings.HasPrefix(in.Text(), "version ") {
				return in.Text()
			}
		}
		t.Fatal(in.Err())
		return ""
	}
	if got := status(); got != "version 2" {
		t.Errorf("before anything runs: %s", got)
	}
	run := &running{life: l}
	run.config.Store(c)
	run.role.Store(&opened{role: role})
	l.at.Store(run)
	if !run.take(parse("status-version 3\n")) {
		t.Fatal("sessions do not go on")
	}
	if got := status(); got != "version 3" {
		t.Errorf("after SIGHUP: %s", got)
	}
}
