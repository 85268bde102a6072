//go:build interop

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// sessionsGoOn is logged for a SIGHUP that keeps the sessions.
var sessionsGoOn = regexp.MustCompile(`sessions go on`)

// TestReloadKeepsSessions: a stock client's TCP connection survives a SIGHUP of our
// server that brings another push, a file of client-config-dir, another verb, a limit,
// learn-address with a variable, a route and client-to-client, as root and as nobody. So does it with another status file,
// which nobody cannot open. A faulty file changes nothing, and another port starts
// everything over.
func TestReloadKeepsSessions(t *testing.T) {
	t.Parallel()
	for name, extra := range map[string][]string{"root": nil, "nobody": {"user nobody", "script-security 2", "client-disconnect /bin/true"}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			config := s.serverConfig(serverParty(t, plain, append([]string{"keepalive 1 10", "status " + filepath.Join(s.dir, "status") + " 1"}, extra...)...))
			server := s.run(ours, config).up()
			client := c.run(stock, c.clientConfig(clientParty(t, plain), w.b4)).up()
			text := string(must(os.ReadFile(config)))
			reload := func(text string) {
				t.Helper()
				if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				server.cmd.Process.Signal(syscall.SIGHUP)
			}

			listening := s.start("listener", "iperf3", "-s", "-1", "-p", "5290", "--forceflush")
			listening.expect(regexp.MustCompile(`Server listening`), 1, patience)
			stream := c.start("stream", "iperf3", "-c", serverIPv4.String(), "-p", "5290", "-t", "2", "-b", "2M", "--forceflush")
			stream.expect(regexp.MustCompile(`connected to`), 1, patience)
			ccd := filepath.Join(s.dir, "ccd")
			if err := os.Mkdir(ccd, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(ccd, clientName), []byte("push \"route 10.67.0.0 255.255.0.0\"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			text += "push \"route 10.66.0.0 255.255.0.0\"\nclient-config-dir " + ccd + "\nverb 4\nmax-clients 1\n" +
				"script-security 2\nlearn-address \"/bin/echo asked\"\nsetenv colour red\nclient-to-client\nroute 10.68.0.0 255.255.0.0\n"
			reload(text)
			server.expect(regexp.MustCompile(`sessions go on.*taken="?client-config-dir, client-to-client, learn-address, max-clients, push, route, script-security, setenv, verb`), 1, patience)
			s.eventually("the server's host has the route", func() bool { return strings.Contains(s.ip("route"), "10.68.0.0/16") })
			if err := stream.wait(patience); err != nil {
				t.Errorf("the connection broke: %v", err)
			}
			if strings.Contains(server.log(), "the status file cannot be written") {
				t.Error("the status is not written any more")
			}
			if n := client.count(initialized); n != 1 {
				t.Errorf("the client connected %d times", n)
			}

			client.cmd.Process.Signal(syscall.SIGUSR1) // now it is a newcomer
			client.expect(initialized, 2, patience)
			routes := c.ip("route")
			for _, want := range []string{"10.66.0.0/16", "10.67.0.0/16"} {
				if !strings.Contains(routes, want) {
					t.Errorf("no route to %s:\n%s", want, routes)
				}
			}
			server.expect(regexp.MustCompile(`asked add 10\.8\.0\.2 `+clientName), 1, patience)
			reload(strings.Replace(text, "/status 1", "/another 1", 1))
			server.expect(regexp.MustCompile(`sessions go on.*taken="?status`), 1, patience)
			if name == "nobody" {
				server.expect(regexp.MustCompile(`the other status file cannot be opened`), 1, patience)
			}
			c.ping(serverIPv4)
			reload(text + "nonsense\n")
			server.expect(regexp.MustCompile(`the configuration is faulty, so everything stays as it is`), 1, patience)
			c.ping(serverIPv4)
			reload(text + "port 1195\n")
			server.expect(regexp.MustCompile(`cannot be taken while sessions go on.*port`), 1, patience)
			server.expect(initialized, 2, patience)
			if err := server.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
		})
	}
}

// TestReloadKeepsTunnel: our client goes on with its connection to a stock server over a
// SIGHUP that brings a route and a filter, with a user who has no right to change routes.
func TestReloadKeepsTunnel(t *testing.T) {
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	s.run(stock, s.serverConfig(serverParty(t, plain, "push \"route 10.66.0.0 255.255.0.0\""))).up()
	config := c.clientConfig(clientParty(t, plain, "user nobody"), w.b4)
	client := c.run(ours, config).up()
	c.eventually("the pushed route", func() bool { return strings.Contains(c.ip("route"), "10.66.0.0/16") })
	text := string(must(os.ReadFile(config)))
	if err := os.WriteFile(config, []byte(text+"\nroute 10.67.0.0 255.255.0.0\npull-filter ignore \"route 10.66\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	client.cmd.Process.Signal(syscall.SIGHUP)
	client.expect(regexp.MustCompile(`sessions go on.*taken="?pull-filter, route`), 1, patience)
	c.eventually("another route in its place", func() bool {
		routes := c.ip("route")
		return strings.Contains(routes, "10.67.0.0/16") && !strings.Contains(routes, "10.66.0.0/16")
	})
	c.ping(serverIPv4)
	if n := client.count(initialized); n != 1 {
		t.Errorf("the client connected %d times", n)
	}
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
}

// TestFirstProgramStartsOver: a server whose user is named starts over for its first program,
// which may need sudo: what it gave up for having none (no_new_privs) cannot be had back.
func TestFirstProgramStartsOver(t *testing.T) {
	t.Parallel()
	s := newLab(t).host("s")
	config := s.serverConfig(serverParty(t, plain, "user nobody"))
	server := s.run(ours, config).up()
	server.expect(givenUp, 1, patience)
	without := func(want string) {
		t.Helper()
		for _, got := range threadFields(t, worker(t, server), "NoNewPrivs") {
			if got != want {
				t.Errorf("NoNewPrivs of a thread: %s, want %s", got, want)
			}
		}
	}
	without("1")
	if err := os.WriteFile(config, []byte(string(must(os.ReadFile(config)))+"\nscript-security 2\nclient-connect /bin/true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	server.cmd.Process.Signal(syscall.SIGHUP)
	server.expect(regexp.MustCompile(`cannot be taken while sessions go on.*sudo`), 1, patience)
	server.expect(initialized, 2, patience)
	server.expect(givenUp, 2, patience)
	without("0")
	if err := server.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
}
