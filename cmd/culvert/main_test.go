package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"culvert/host/bringup"
	"culvert/internal/version"
	"culvert/operate/service"
)

func TestMistakenCommandLines(t *testing.T) {
	for line, wants := range map[string][]string{
		"device add phone --user alice --dir d --link 24h -o f": {"expected no more than one of --link, --output\n", "usage: culvert device add"},
		"conect x":                            {`unknown command "conect" for "culvert"; did you mean connect?`, "help: culvert --help"},
		"client foo":                          {"unknown command", "culvert client --help"},
		"client remove anna --dir nowhere":    {`unknown command "remove"`, "did you mean revoke?", "culvert client --help"},
		"client add --dir nowhere":            {"expected one name, got 0", "culvert client add --help"},
		"connect":                             {"expected one profile, got 0", "culvert connect --help"},
		"connect a b":                         {"expected one profile, got 2"},
		"connect a.ovpn --verb 4":             {"--verb", "culvert --config FILE"},
		"init --host vpn.example.org":         {`"dir" not set`, "culvert init --help"},
		"serve":                               {"either --dir D or a configuration"},
		"serve --dir nowhere":                 {"nowhere is not a server's directory", "culvert init --dir nowhere"},
		"hub":                                 {`"uplink" not set`, "culvert hub --help"},
		"hub --uplink none --nic a,x=1":       {`adapter a: unknown setting "x"`},
		"hub add":                             {"expected one adapter, got 0", "culvert hub add --help"},
		"hub add a,vlan=x":                    {"expected a number from 1 to 4094"},
		"hub set a":                           {"what to change"},
		"hub set a vlan=3":                    {"remove the adapter and add it anew"},
		"hub list --state-dir nowhere":        {"looking for a hub"},
		"connect nowhere.ovpn":                {"nowhere.ovpn: no such file"},
		"--config nowhere.ovpn --verb 4":      {"nowhere.ovpn"},
		"swarm":                               {"expected one profile or directory of profiles", "culvert swarm --help"},
		"swarm .":                             {"no *.ovpn or *.conf file"},
		"swarm main.go --traffic walk":        {"walk", "idle ping stream"},
		"swarm main.go --target there":        {"--target", "there"},
		"capture":                             {`"at", "output" not set`, "culvert capture --help"},
		"status nowhere --state-dir /nowhere": {"nowhere is not running"},
		"push-update --all -route":            {"-- -route", "culvert push-update --help"},
		"push-update --peer-id x dns":         {`--peer-id "x": expected whole numbers, separated by commas`},
		"swarm main.go --clients x":           {`--clients "x": expected a whole number`},
		"swarm main.go --for x":               {`--for "x": expected a time such as 30s`},
		"push-update --peer-id 16777216 dns":  {"--peer-id 16777216", "culvert status"},
		"push-update":                         {"add --to NAME, --peer-id N or --all", "culvert push-update --help"},
		"push-update --all":                   {"no option given", "culvert push-update --help"},
		"push-update --all nosuch":            {"nosuch cannot change"},
		"push-update --state-dir /nowhere --all -- -route": {"no running server or client was found in /nowhere", "start one with"},
		"trace icmp --state-dir /nowhere":                  {"no running server or client was found in /nowhere", "--state-dir"},
		"trace nosuch --state-dir /nowhere":                {"nosuch", "culvert trace --help"},
		"connect nowhere --kill-switch persist":            {"--kill-switch=persist", "culvert connect --help"},
		"use --state-dir /nowhere":                         {"expected a remote of the client's profile", "culvert use --help"},
		"status a b":                                       {"expected 1 word at most, got 2"},
		"run --state-dir /nowhere":                         {"expected 1 word or more, got 0"},
		"cleanup now":                                      {`expected no word, got "now"`, "culvert cleanup --help"},
		"install office /nowhere.ovpn":                     {"/nowhere.ovpn: no such file: expected a profile"},
		"connect nowhere":                                  {"nowhere: no such file: expected a profile", "looked for /"},
		"uninstall":                                        {"expected the name of a service to remove, such as office; got 0 words", "example: culvert uninstall office"},
		"uninstall a b":                                    {"got 2 words"},
		"install office":                                   {"the profile is missing: culvert install office FILE"},
		"install ../my.vpn.ovpn":                           {"the name is missing: culvert install my-vpn ../my.vpn.ovpn"},
		"install a.ovpn office":                            {"in this order: culvert install office a.ovpn"},
		"install remove office":                            {"to remove a service: culvert uninstall office"},
		"install office a.ovpn b":                          {"got 3 words"},
		"install --uninstall office":                       {"unknown flag: --uninstall; did you mean --remove?"},
		"remove office":                                    {`unknown command "remove"`, "did you mean uninstall?"},
		"unistall office":                                  {"did you mean install or uninstall?"},
		"Stop":                                             {"did you mean disconnect?"},
		"start":                                            {"did you mean connect?"},
		"ps":                                               {"did you mean status?"},
		"switch 2":                                         {"did you mean use?"},
		"disconect":                                        {"did you mean disconnect?"},
		"status --jsno":                                    {"unknown flag: --jsno; did you mean --json?"},
		"status --watch":                                   {"did you mean --follow?"},
		"servers --follow":                                 {"did you mean --watch?"},
		"use":                                              {"expected a remote of the client's profile: its number from 1, its host, or HOST:PORT"},
		"use office 2":                                     {"expected one remote", "use --name", "usage: culvert use REMOTE"},
		"disconnect --name a b":                            {"the process is named twice, as b and as a", "usage: culvert disconnect [NAME]"},
		"reconnect --name a b":                             {"the process is named twice"},
		"status --name a b":                                {"the process is named twice"},
		"health --name a b":                                {"the process is named twice"},
		"serve nowhere":                                    {"nowhere: no such file: expected a server's configuration"},
		"swarm nowhere":                                    {"nowhere: no such file: expected a profile"},
		"--genkey secret /nowhere/x":                       {"there is no directory /nowhere"},
	} {
		err := execute(t.Context(), service.Self{}, strings.Fields(line))
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

func TestVersion(t *testing.T) {
	want := version.Current().String()
	for _, args := range [][]string{{"version"}, {"--version"}} {
		var out strings.Builder
		root := rootCommand(service.Self{})
		root.SetArgs(args)
		root.SetOut(&out)
		if err := root.ExecuteContext(t.Context()); err != nil || out.String() != want {
			t.Errorf("culvert %s: %v\n%s\nwant\n%s", args[0], err, out.String(), want)
		}
	}
	if first, _, _ := strings.Cut(want, "\n"); !strings.HasPrefix(first, "culvert ") || len(strings.Fields(first)) != 3 {
		t.Errorf("the first line %q; expected name, version and platform", first)
	}
}

// TestExitStatus: 130 for what a signal interrupted, 1 for a failure, which a program's is
// whenever it runs.
func TestExitStatus(t *testing.T) {
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	plain, program := errors.New("x"), fmt.Errorf("closing: %w", &bringup.ProgramError{Err: errors.New("down ended with status 3")})
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{{t.Context(), plain, 1}, {interrupted, plain, 130}, {t.Context(), program, 1}, {interrupted, program, 1}} {
		if got := exitStatus(c.ctx, c.err); got != c.want {
			t.Errorf("%v, interrupted %v: %d, expected %d", c.err, c.ctx.Err(), got, c.want)
		}
	}
}
