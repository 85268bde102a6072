package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
	"culvert/internal/version"
	"culvert/operate/service"
)

func TestCalledOpenVPN(t *testing.T) {
	for program, want := range map[string]bool{
		"openvpn": true, "/usr/sbin/openvpn": true, "openvpn.exe": true,
		"culvert": false, "/usr/sbin/culvert": false, "openvpn-2.6": false, "/openvpn/culvert": false, "": false,
	} {
		if isOpenVPN(program) != want {
			t.Errorf("%q: %v", program, !want)
		}
	}
}

// TestOpenVPNsCommandLine: exit status and first line as OpenVPN 2.6 has them, as seen
// by running it.
func TestOpenVPNsCommandLine(t *testing.T) {
	title := version.Current().Title()
	file := filepath.Join(t.TempDir(), "connect") // one of our commands; here a configuration
	if err := os.WriteFile(file, []byte("nosuch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(file))
	for line, want := range map[string]struct {
		status     int
		out, fault string
	}{
		"":                           {1, title, ""},
		"--help":                     {1, title, ""},
		"--verb 3 --help":            {1, title, ""},
		"--help --version":           {1, "--config file", ""},
		"--version":                  {0, title + "\nlibrary versions: ", ""},
		"--version --help":           {0, "This is Culvert ", ""},
		"--version x":                {1, "", "takes no value"},
		"connect":                    {1, "", "connect:1: nosuch: unknown directive"},
		"--config connect":           {1, "", "connect:1: nosuch: unknown directive"},
		"missing.conf":               {1, "", "missing.conf"},
		"connect connect":            {1, "", "begins with --"},
		"--nosuch":                   {1, "", "nosuch: unknown directive"},
		"-verb 3":                    {1, "", "write --verb"},
		"--genkey secret /nowhere/x": {1, "", "there is no directory /nowhere"},
	} {
		var out strings.Builder
		status, err := runOpenVPN(t.Context(), service.Self{}, &out, strings.Fields(line))
		if status != want.status || !strings.Contains(out.String(), want.out) || (err != nil) != (want.fault != "") || err != nil && !strings.Contains(err.Error(), want.fault) {
			t.Errorf("openvpn %s: %d, %v, %.300s", line, status, err, out.String())
		}
	}
}

// TestOpenVPNsStreams: the log and errors go to the standard output, as with OpenVPN, and
// with --errors-to-stderr what ends it does not.
func TestOpenVPNsStreams(t *testing.T) {
	out, errs := os.Stdout, os.Stderr
	t.Cleanup(func() { os.Stdout, os.Stderr = out, errs })
	for line, want := range map[string]*os.File{"--nosuch": out, "--nosuch --errors-to-stderr": errs} {
		os.Stderr = errs
		if err := asOpenVPN(t.Context(), service.Self{}, strings.Fields(line)); err == nil || os.Stderr != want {
			t.Errorf("openvpn %s: %v, and it is said in %s", line, err, os.Stderr.Name())
		}
	}
}

// TestOpenVPNsHelp: it lists every directive that may stand in a file or on the command
// line, in lines that fit a terminal.
func TestOpenVPNsHelp(t *testing.T) {
	list := config.Usage()
	for _, d := range config.Directives() {
		own := d.Where&(config.InFile|config.InCommandLine|config.InCCD) != 0
		if listed := strings.Contains(list, "\n--"+d.Name+" "); listed != own {
			t.Errorf("--%s: listed %v", d.Name, listed)
		}
	}
	for line := range strings.Lines(list) {
		if len(line) > 120 {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
}
