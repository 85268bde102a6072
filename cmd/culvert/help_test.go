package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"culvert/operate/service"
)

func TestHelp(t *testing.T) {
	for line, wants := range map[string][]string{
		"":                   {"Culvert is a VPN", "culvert help DIRECTIVE"},
		"connect":            {"culvert connect", "Usage:"},
		"client add":         {"culvert client add"},
		"client":             {"Usage:", "culvert help --client"},
		"--client":           {"tls-client and pull"},
		"cipher":             {"cipher name", "Here", "honoured", "Stands"},
		"tls-auth tls-crypt": {"tls-auth file", "tls-crypt file"},
		"directives":         {"The virtual adapter", "  remote ", "(refused)"},
		"--help":             {"culvert help remote-cert-tls"},
		"management":         {"honoured", "password-file"},
	} {
		out := new(bytes.Buffer)
		if err := helpOn(out, line); err != nil {
			t.Errorf("culvert help %s: %v", line, err)
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("culvert help %s: %s\nexpected %q in it", line, out.String(), want)
			}
		}
	}
}

func helpOn(out io.Writer, line string) error {
	root := rootCommand(service.Self{})
	root.SetOut(out)
	root.SetArgs(append([]string{"help"}, strings.Fields(line)...))
	return root.Execute()
}

func TestHelpOfNothingKnown(t *testing.T) {
	for line, want := range map[string]string{
		"remote-cert-tsl": "did you mean remote-cert-tls?", "--crypt": "tls-crypt", "cipher nosuchatall": "no command or directive",
	} {
		err := helpOn(new(bytes.Buffer), line)
		if !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("culvert help %s: %v, expected %q", line, err, want)
		}
	}
}

func TestHelpAmongDirectives(t *testing.T) {
	others, wanted := wantsHelp(strings.Fields("--verb 4 --help"))
	if !wanted || strings.Join(others, " ") != "--verb" {
		t.Errorf("%v %v", others, wanted)
	}
	if _, wanted := wantsHelp([]string{"--verb", "4"}); wanted {
		t.Error("nobody asked for help")
	}
}
