//go:build interop

package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"culvert/operate/check"
)

// TestStockAsChecked: what `culvert check` says of OpenVPN 2.6 and 2.7 is what they do,
// with its fixtures and with a line for each fact of its table; and both take what
// `culvert check --fix` writes.
func TestStockAsChecked(t *testing.T) {
	dir := copyOf(t, "../../operate/check/testdata")
	var files []trial
	for _, pattern := range []string{"*.ovpn", "*.conf"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, trial{name: filepath.Base(name), text: text})
		}
	}
	for i, e := range check.Examples() {
		name := fmt.Sprintf("example-%d-%s.conf", i, e.Role)
		files = append(files, trial{name: name, text: []byte(plainly[e.Role] + e.Line + "\n")})
	}
	t.Chdir(dir)
	for _, f := range slices.Clone(files) {
		fixed, err := check.Fix(f.name, f.text, os.ReadFile)
		if err == nil && len(fixed.Changes) > 0 {
			files = append(files, trial{name: "fixed-" + f.name, text: fixed.Text, fixed: true})
		}
	}
	judge(t, dir, files)
}

// plainly are configurations that stock takes, for an example to stand in.
var plainly = map[string]string{
	"client": "client\ndev tun\nnobind\nremote 192.0.2.1 1194 udp\nca ca.crt\ncert client.crt\nkey client.key\nremote-cert-tls server\n",
	"server": "dev tun\nserver 10.8.0.0 255.255.255.0\ntopology subnet\nca ca.crt\ncert server.crt\nkey server.key\ndh none\nkeepalive 10 60\n",
}

// trial is a configuration that versions of stock are started with.
type trial struct {
	name  string
	text  []byte
	fixed bool
}

// judge starts each version with each configuration.
func judge(t *testing.T, dir string, files []trial) {
	versions := map[string][]string{"2.6": {"openvpn"}, "2.7": {unpacked(t, "openvpn-2.7"), "--disable-dco"}}
	turns := make(chan struct{}, 2)
	var wait sync.WaitGroup
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), logs.ReplaceAll(f.text, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		report := check.Text(f.name, f.text, os.ReadFile, time.Now())
		for _, v := range report.Stock {
			program := versions[v.Version]
			if program == nil {
				continue // 2.4 is not at hand
			}
			wait.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				word, said := stocksWord(t, dir, program, f.name)
				switch {
				case word == check.Fatal && f.fixed && v.Word != check.Fatal:
					t.Errorf("%s: OpenVPN %s does not take what is fixed:\n%s", f.name, v.Version, said)
				case word != v.Word:
					t.Errorf("%s: OpenVPN %s %s, and check says that it %s: %+v\n%s", f.name, v.Version, word, v.Word, v.Reasons, said)
				}
			})
		}
	}
	wait.Wait()
}

var (
	// logs are lines that would lead stock's messages elsewhere.
	logs = regexp.MustCompile(`(?m)^log .*$`)
	// underway are lines of stock's that come when it has read its configuration and its
	// keys, or wants something of a person.
	underway = regexp.MustCompile(`link local|Attempting to establish|Listening for incoming TCP|Cannot resolve host|can't ask for|could not load plugin`)
	// minded are its lines about a configuration that it would have otherwise.
	minded = regexp.MustCompile(`(?m)^(?:[0-9-]+ [0-9:]+ )?(WARNING|DEPREC|NOTICE|\*+ WARNING|Consider |Note: (Treating|option|Using)|--[a-z-]+ was removed).*$`)
	// unminded are those about this host, or about what check does not call old.
	unminded = regexp.MustCompile(`is group or others accessible|data channel offload`)
)

// stocksWord starts stock with a configuration in a network of its own, and returns what
// it makes of it, with what it said.
func stocksWord(t *testing.T, dir string, program []string, name string) (word check.Word, said string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := append(slices.Clone(program[1:]), "--config", name, "--log", "/dev/stdout", "--verb", "3", "--suppress-timestamps")
	c := exec.CommandContext(ctx, program[0], args...)
	c.Dir = dir
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err == nil {
		c.Stderr = c.Stdout
		err = c.Start()
	}
	if err != nil {
		t.Error(err)
		return check.Fatal, ""
	}
	var all bytes.Buffer
	piece := make([]byte, 4096)
	for err == nil && !underway.Match(all.Bytes()) {
		var n int
		n, err = out.Read(piece)
		all.Write(piece[:n])
	}
	cancel()
	c.Wait()
	said = all.String()
	switch {
	case !underway.MatchString(said):
		return check.Fatal, said
	case slices.ContainsFunc(minded.FindAllString(said, -1), func(line string) bool { return !unminded.MatchString(line) }):
		return check.Warns, said
	}
	return check.Accepts, said
}

// copyOf copies a directory's files to one of the test's, for their owner alone.
func copyOf(t *testing.T, from string) (to string) {
	to = t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chmod(path, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
