package service

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/config"
	"culvert/role/profile"
)

// strange is a stranger's profile with some lines, in a directory with a file
// creds and a link to one elsewhere.
func strange(t *testing.T, lines ...string) (c *config.Config, name string) {
	t.Helper()
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "shadow")
	for _, folder := range []string{"sub", ".ssh"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(dir, "creds"), filepath.Join(dir, "sub", "creds"), filepath.Join(dir, ".ssh", "id"), filepath.Join(dir, ".netrc"), elsewhere} {
		if err := os.WriteFile(file, []byte("user\nword\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(dir, "vpn.ovpn")
	text := "client\ndev tun\nremote vpn.example\nca x\n" + strings.Join(lines, "\n") + "\n"
	text = strings.NewReplacer("DIR", dir, "ELSEWHERE", elsewhere).Replace(text)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(string) ([]byte, error) { return []byte("-----BEGIN x\nsecond"), nil }
	c, err := config.ParseFile(name, []byte(text), read)
	if err != nil {
		t.Fatal(err)
	}
	return c, name
}

// TestStrangersLinesAreAsked: each line that runs a program, writes a file or
// sends what one elsewhere holds is named and asked about, and no other.
func TestStrangersLinesAreAsked(t *testing.T) {
	for line, asked := range map[string]bool{
		"auth-user-pass\nscript-security 2\ntls-verify /bin/true": true,
		"auth-user-pass\nlog /etc/cron.d/x":                       true, "auth-user-pass\nlog-append x": true, "auth-user-pass\nstatus /etc/x 1": true,
		"auth-user-pass\nwritepid /etc/x": true, "auth-user-pass\ndev-node /dev/watchdog": true, "auth-user-pass\nuser root": true, "auth-user-pass\nuser 0": true,
		"auth-user-pass\ngroup 0": true, "auth-user-pass\nuser nobody\ngroup root": true, "auth-user-pass\nuser nobody\nchroot /": true, "auth-user-pass\ngroup nogroup": false,
		"auth-user-pass ELSEWHERE": true, "auth-user-pass /etc/passwd": true, "auth-user-pass DIR/link": true, "cd /etc\nauth-user-pass passwd": true, "auth-user-pass DIR/../x": true,
		"auth-user-pass DIR/.ssh/id": true, "auth-user-pass DIR/.netrc": true, "auth-user-pass DIR/sub/../.netrc": true, "auth-user-pass DIR/sub/creds": false,
		"auth-user-pass\nproto tcp\nhttp-proxy p.example 80 ELSEWHERE basic": true, "auth-user-pass\nsocks-proxy p.example 80 ELSEWHERE": true,
		"auth-user-pass\n<connection>\nremote a.example\nproto tcp\nhttp-proxy p.example 80 ELSEWHERE basic\n</connection>": true,
		"auth-user-pass\nsetenv opt log /etc/x": true,

		"auth-user-pass": false, "auth-user-pass DIR/creds": false, "auth-user-pass\nproto tcp\nhttp-proxy p.example 80 auto": false, "auth-user-pass\nproto tcp\nhttp-proxy p.example 80": false,
		"auth-user-pass username-only": false, "<auth-user-pass>\na\nb\n</auth-user-pass>": false, "auth-user-pass\nverb 3\nsetenv x y": false, "auth-user-pass\nsocks-proxy p.example 80 DIR/creds": false,
	} {
		c, name := strange(t, line)
		l := newConsent(Self{}, Options{Stranger: name})
		var question string
		refuse := func(q string, _ bool) (string, error) { question = q; return "", nil }
		err := l.ask(t.Context(), c, refuse)
		if (err != nil) != asked || (question != "") != asked {
			t.Errorf("%q: asked %q, %v", line, question, err)
		}
		last := strings.Fields(line[strings.LastIndexByte(line, '\n')+1:])
		if asked && !strings.HasPrefix(last[0], "<") && last[0] != "setenv" && !strings.Contains(question, last[0]+" ") {
			t.Errorf("%q is not named: %s", line, question)
		}
		agree := func(string, bool) (string, error) { return "Y\n", nil }
		if err := l.ask(t.Context(), c, agree); err != nil {
			t.Errorf("%q allowed: %v", line, err)
		}
		nobody := func(string, bool) (string, error) { return "", fmt.Errorf("no terminal: %w", profile.ErrNobody) }
		if err := l.ask(t.Context(), c, nobody); asked && (err == nil || !strings.Contains(err.Error(), "--allow-scripts")) {
			t.Errorf("%q with nobody to ask: %v", line, err)
		}
		scripts := newConsent(Self{}, Options{Stranger: name, AllowScripts: true})
		if err := scripts.ask(t.Context(), c, nobody); err != nil {
			t.Errorf("%q with --allow-scripts: %v", line, err)
		}
		if err := new(consent).ask(t.Context(), c, nobody); err != nil {
			t.Errorf("%q of --config: %v", line, err)
		}
	}
}

// TestChangedProfile: what was not allowed at the start is not carried out when
// the profile is read again.
func TestChangedProfile(t *testing.T) {
	c, name := strange(t, "auth-user-pass", "status /tmp/x")
	l := newConsent(Self{}, Options{Stranger: name})
	if err := l.ask(t.Context(), c, func(string, bool) (string, error) { return "yes", nil }); err != nil || len(l.allowed) != 1 {
		t.Fatal(err, l.allowed)
	}
	for _, lines := range [][]string{{"auth-user-pass", "status /tmp/x"}, {"auth-user-pass", "log /etc/x"}} {
		text := "client\ndev tun\nremote vpn.example\nca x\n" + strings.Join(lines, "\n") + "\n"
		c, err := config.ParseFile(name, []byte(text), func(string) ([]byte, error) { return []byte("-----BEGIN x"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := l.still(c); (err != nil) != slices.Contains(lines, "log /etc/x") {
			t.Errorf("%q: %v", lines, err)
		}
	}
}

// TestRunRefusesStranger: nothing is opened before a stranger's configuration is
// allowed what it does.
func TestRunRefusesStranger(t *testing.T) {
	log := filepath.Join(t.TempDir(), "planted")
	c, name := strange(t, "auth-user-pass", "log "+log)
	_, faulty := config.ParseFile(name, []byte("client\nlog "+log+"\nno-such-thing\n"), os.ReadFile)
	for _, load := range []func() (*config.Config, error){
		func() (*config.Config, error) { return c, nil },
		func() (*config.Config, error) { return nil, faulty },
	} {
		_, fault := load()
		err := Run(t.Context(), Self{}, load, Options{Stranger: name, UserSpace: true, StateDir: t.TempDir()})
		if err == nil || fault == nil && !strings.Contains(err.Error(), "--allow-scripts") {
			t.Error(err)
		}
		if _, err := os.Stat(log); err == nil {
			t.Error("the file was written before anybody was asked")
		}
	}
}

// TestProgramsAreSaid: a configuration that nobody is asked about says which programs
// it runs, with their lines.
func TestProgramsAreSaid(t *testing.T) {
	c, _ := strange(t, "auth-user-pass", "script-security 2", "tls-verify /bin/true")
	var said strings.Builder
	l := &log{Logger: slog.New(slog.NewTextHandler(&said, nil))}
	l.programs(c)
	if got := said.String(); strings.Count(got, "runs a program") != 1 || !strings.Contains(got, ":7: tls-verify /bin/true") {
		t.Errorf("said %s", got)
	}
}

// TestWhatIsNotRunIsNotSaid: nothing is said of programs that script-security forbids, and
// of down-root's command, which it does not forbid, what is true.
func TestWhatIsNotRunIsNotSaid(t *testing.T) {
	for level, count := range map[string]int{"0": 0, "1": 0, "2": 2} {
		c, _ := strange(t, "auth-user-pass", "script-security "+level, "down /bin/true", "dns-updown /bin/false", "plugin openvpn-plugin-down-root.so /bin/true")
		var said strings.Builder
		l := &log{Logger: slog.New(slog.NewTextHandler(&said, nil))}
		l.programs(c)
		got := said.String()
		if strings.Count(got, "which script-security allows") != count || strings.Count(got, "runs a program with the rights of the start, whatever script-security says") != 1 {
			t.Errorf("script-security %s: said %s", level, got)
		}
	}
}
