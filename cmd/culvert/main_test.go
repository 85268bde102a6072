package main

import (
	"strings"
	"testing"
)

func TestMistakenCommandLines(t *testing.T) {
	for line, wants := range map[string][]string{
		"conect":                              {"connect", "its use: culvert --help"},
		"client foo":                          {"unknown command", "culvert client --help"},
		"client add --dir nowhere":            {"expected one name, got 0", "culvert client add --help"},
		"connect":                             {"expected one profile, got 0", "culvert connect --help"},
		"connect a b":                         {"expected one profile, got 2"},
		"connect a.ovpn --verb 4":             {"--verb", "culvert --config FILE"},
		"init --host vpn.example.org":         {`"dir" not set`, "culvert init --help"},
		"capture":                             {`"at", "output" not set`, "culvert capture --help"},
		"status nowhere --state-dir /nowhere": {"nowhere is not running"},
		"trace icmp --state-dir /nowhere":     {"nothing of the kind is running", "--state-dir"},
		"serve":                               {"either --dir D or a configuration"},
		"serve --dir nowhere":                 {"nowhere is no server's directory", "culvert init --dir nowhere"},
		"connect nowhere.ovpn":                {"nowhere.ovpn: no such file"},
		"--config nowhere.ovpn --verb 4":      {"nowhere.ovpn"},
	} {
		err := execute(t.Context(), strings.Fields(line))
		if err == nil {
			t.Errorf("culvert %s: no error", line)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("culvert %s: %v; expected %q in it", line, err, want)
			}
		}
	}
}

func TestOurFlagsAmongDirectives(t *testing.T) {
	o, rest, err := takeOurs(strings.Fields("--config a.ovpn --http 127.0.0.1:8080 --verb 4"))
	if err != nil || o.HTTP != "127.0.0.1:8080" || !o.UserSpace {
		t.Errorf("%+v, %v; expected a proxy, and so no device", o, err)
	}
	if got := strings.Join(rest, " "); got != "--config a.ovpn --verb 4" {
		t.Errorf("directives %s", got)
	}
	if o, _, _ := takeOurs(strings.Fields("--config a.ovpn")); o.UserSpace {
		t.Error("no device, though no proxy was asked for")
	}
}
