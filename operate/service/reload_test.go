package service

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/backend/backendtest"
	"culvert/operate/logs"
)

// adoptive is a role that notes what it takes while its sessions go on.
type adoptive struct {
	role
	taken []*config.Config
	hold  func() // while it takes one; nil: nothing does
}

func (a *adoptive) Adopt(c *config.Config) error {
	if a.hold != nil {
		a.hold()
	}
	a.taken = append(a.taken, c)
	return nil
}

// conf is a configuration whose files look like certificates and keys.
func conf(lines string) (*config.Config, error) {
	return config.ParseFile("x.conf", []byte("dev tun\nca ca\ncert cert\nkey key\nverb 3\n"+lines), func(string) ([]byte, error) {
		return []byte("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"), nil
	})
}

// serverConf is the configuration of a server with more lines.
func serverConf(t *testing.T, lines string) *config.Config {
	t.Helper()
	c, err := conf("server 10.8.0.0 255.255.255.0\ndh none\n" + lines)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFirstPrograms: a process that gave up sudo with its rights, having no programs, starts
// over for its first one. One that cannot start over takes it, and says what it cannot do.
func TestFirstPrograms(t *testing.T) {
	const user, program, another = "user nobody\nscript-security 2\n", "client-connect /bin/a\n", "client-disconnect /bin/b\n"
	dropped := process.Jail{Identity: process.Identity{UID: 65534, GID: 65534}}
	regain := dropped
	regain.Regain = true
	for _, test := range []struct {
		what, before, after string
		jail                process.Jail
		alone, taken        bool
		said                string
	}{
		{"the first program", user, user + program, dropped, false, false, "cannot be taken while sessions go on"},
		{"programs are allowed", "user nobody\n" + program, user + program, dropped, false, false, "cannot be taken while sessions go on"},
		{"the second program", user + program, user + program + another, regain, false, true, "sessions go on"},
		{"the first since the last", user, user + program, regain, false, true, "sessions go on"},
		{"no program", user, user + "push \"route 10.1.0.0 255.255.0.0\"\n", dropped, false, true, "sessions go on"},
		{"a program that is not allowed", "user nobody\n", "user nobody\n" + program, dropped, false, true, "sessions go on"},
		{"a user that nobody named", "script-security 2\n", "script-security 2\n" + program, dropped, false, true, "sessions go on"},
		{"no rights to give up", user, user + program, process.Jail{Identity: process.Identity{UID: -1, GID: -1}}, false, true, "sessions go on"},
		{"without a keeper", user, user + program, dropped, true, true, "cannot use sudo until"},
		{"without a keeper, the second", user + program, user + program + another, dropped, true, true, "sessions go on"},
	} {
		var said strings.Builder
		r := &running{life: &life{alone: test.alone, log: &log{levels: new(logs.Levels), Logger: slog.New(slog.NewTextHandler(&said, nil))}}, jail: test.jail}
		r.config.Store(serverConf(t, test.before))
		a := &adoptive{role: backendtest.New()}
		r.role.Store(&opened{role: a})
		if taken := r.take(serverConf(t, test.after)); taken != test.taken || len(a.taken) > 0 != test.taken {
			t.Errorf("%s: taken %v, by the role %d times; want %v", test.what, taken, len(a.taken), test.taken)
		}
		if !strings.Contains(said.String(), test.said) || strings.Contains(said.String(), "sudo") == (test.said == "sessions go on") {
			t.Errorf("%s: said %s", test.what, said.String())
		}
	}
}

// TestSignalsWhileAdopting: a role that takes another configuration may wait for a program
// that hangs. Signals are obeyed meanwhile.
func TestSignalsWhileAdopting(t *testing.T) {
	onStage(t, func(s *stage) {
		hangs, lines := make(chan struct{}), "client\nremote a\nremote-cert-tls server\n"
		s.load = func() (*config.Config, error) {
			defer func() { lines += "setenv A b\n" }()
			return conf(lines)
		}
		a := &adoptive{hold: func() { <-hangs }}
		s.open = func(r roles, c *config.Config) (opened, error) {
			a.role = s.role(r, c).role
			return opened{role: a, stop: func() {}}, nil
		}
		s.run()
		s.signal(process.Reload)
		s.signal(process.Restart)
		s.signal(process.Status)
		s.asked("tun run", "tun reload", "tun restart")
		s.said("state of tun", 1)
		s.said("sessions go on", 1)
		s.signal(process.Exit)
		if err := s.over(); err != nil {
			t.Error(err)
		}
		s.said("stopping (SIGINT or SIGTERM)", 1)
		close(hangs)
		synctest.Wait()
	})
}
