//go:build unix

package admission

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/role/profile"
)

// scripted is an admission whose programs are all the same script, run in a directory.
func scripted(t *testing.T, text string) (a *Admission, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncd "+dir+"\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Process: config.Process{TmpDir: dir, ScriptSecurity: 2}, Server: config.Server{MaxRoutesPerClient: 256,
		ClientConnect: []string{path}, ClientDisconnect: []string{path}, LearnAddress: []string{path}}}
	a, err := New(c, Options{Trust: new(profile.Trust)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.End(); a.Wait() })
	return a, dir
}

// came is a client of a name that has an address, after it said who it is.
func came(a *Admission, name string) (*Visit, Place) {
	v, _, d := enter(a, hello(name, "", ""))
	if d.Refusal != nil {
		panic(d.Refusal)
	}
	return v, Place{Unique: true, Since: time.Unix(1_700_000_000, 0), Tell: func(e *hooks.Env) { e.Set("ifconfig_pool_remote_ip", "10.8.0.2") }}
}

// arrive runs client-connect.
func arrive(v *Visit, at Place) Decision {
	answer := make(chan Decision, 1)
	v.door.Do(func(now time.Time) {
		v.Scripts().Arrive(now, hello("anna", "", ""), &config.PerClient{Push: []string{"route 10.1.0.0 255.255.0.0"}}, at, func(_ time.Time, d Decision) { answer <- d })
	})
	return <-answer
}

// TestClientConnect: exit status, the file of settings and the file of a deferred
// decision, as stock OpenVPN 2.6.14 takes them, except that 0 in that file refuses even
// with exit status 0, and a faulty line keeps the client out.
func TestClientConnect(t *testing.T) {
	for _, c := range []struct{ name, script, refusal, push string }{
		{name: "good", script: "exit 0", push: "route 10.1.0.0 255.255.0.0"},
		{name: "settings", script: `printf 'push "route 9.9.9.0 255.255.255.0"\niroute 10.5.0.0 255.255.0.0\n' > "$1"`, push: "route 10.1.0.0 255.255.0.0,route 9.9.9.0 255.255.255.0"},
		{name: "by name of the variable", script: `test "$1" = "$client_connect_config_file" && echo push-reset > "$client_connect_config_file"`, push: "route 10.1.0.0 255.255.0.0"},
		{name: "refused", script: "exit 1", refusal: "ended with 1"},
		{name: "exit status 2 defers nothing", script: "exit 2", refusal: "ended with 2"},
		{name: "disable", script: `echo disable > "$1"`, refusal: "`disable`"},
		{name: "faulty", script: `echo "iroute nonsense" > "$1"`, refusal: "has errors"},
		{name: "too much", script: `head -c 2000000 /dev/zero > "$1"`, refusal: "more than 1048576 bytes"},
		{name: "a pipe", script: `rm "$1"; mkfifo "$1"`, push: "route 10.1.0.0 255.255.0.0"},
		{name: "deferred", script: `printf 2 > "$client_connect_deferred_file"; (sleep 0.2; echo 'push "ping 3"' > "$1"; printf 1 > "$client_connect_deferred_file") & exit 0`, push: "route 10.1.0.0 255.255.0.0,ping 3"},
		{name: "deferred, refused", script: `printf 2 > "$client_connect_deferred_file"; (sleep 0.2; printf 0 > "$client_connect_deferred_file") & exit 0`, refusal: "refused the client in"},
		{name: "deferred, refused after the file was empty", script: `printf 2 > "$client_connect_deferred_file"; (sleep 0.2; : > "$client_connect_deferred_file"; sleep 0.3; printf 0 > "$client_connect_deferred_file") & exit 0`, refusal: "refused the client in"},
		{name: "refused in the file", script: `printf 0 > "$client_connect_deferred_file"`, refusal: "refused the client in"},
		{name: "nonsense in the file", script: `printf maybe > "$client_connect_deferred_file"`, refusal: "it takes 0"},
		{name: "variables", script: `test "$common_name" = anna -a "$trusted_ip" = 198.51.100.7 -a "$time_unix" = 1700000000 -a "$ifconfig_pool_remote_ip" = 10.8.0.2 -a "$script_type" = client-connect`, push: "route 10.1.0.0 255.255.0.0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, dir := scripted(t, "case $script_type in client-connect) ;; *) exit 0;; esac\n"+c.script)
			v, at := came(a, "anna")
			d := arrive(v, at)
			switch {
			case c.refusal == "" && (d.Refusal != nil || strings.Join(d.Settings.Push, ",") != c.push):
				t.Errorf("%+v %+v", d.Refusal, d.Settings)
			case c.refusal != "" && (d.Refusal == nil || !strings.Contains(d.Refusal.Error(), c.refusal)):
				t.Errorf("%+v, want %q", d.Refusal, c.refusal)
			}
			leave(v)
			on(v, func(time.Time) { v.Scripts().Leave(Farewell{}) })
			a.End()
			a.Wait()
			if left, _ := filepath.Glob(filepath.Join(dir, "culvert-*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestRemarks: of what client-connect writes, the log says what has no effect, and no more
// than some lines of it. What the client's settings called for before is not said again.
func TestRemarks(t *testing.T) {
	a, _ := scripted(t, `test $script_type = client-connect || exit 0
i=0; while test $i -lt 30; do echo "up /bin/true"; i=$((i+1)); done > "$1"`)
	var said strings.Builder
	a.programs.log = slog.New(slog.NewTextHandler(&said, nil))
	v, at := came(a, "anna")
	answer := make(chan Decision, 1)
	before := &config.PerClient{Notes: []config.Note{{Text: "of before"}}}
	v.door.Do(func(now time.Time) {
		v.Scripts().Arrive(now, hello("anna", "", ""), before, at, func(_ time.Time, d Decision) { answer <- d })
	})
	if d := <-answer; d.Refusal != nil {
		t.Fatal(d.Refusal)
	}
	text := said.String()
	if strings.Count(text, "up: ignored") != maxRemarks || !strings.Contains(text, "10 more lines") || !strings.Contains(text, "client-connect:20") || strings.Contains(text, "of before") {
		t.Errorf("the log says\n%s", text)
	}
	leave(v)
	on(v, func(time.Time) { v.Scripts().Leave(Farewell{}) })
}

// TestForbiddenPrograms: without script-security 2 nobody is let in past client-connect, as
// with OpenVPN 2.6.14, which starts with it.
func TestForbiddenPrograms(t *testing.T) {
	c := &config.Config{Process: config.Process{ScriptSecurity: 1}, Server: config.Server{ClientConnect: []string{"/bin/true"}}}
	a, err := New(c, Options{Trust: new(profile.Trust)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.End(); a.Wait() })
	v, at := came(a, "anna")
	if d := arrive(v, at); d.Refusal == nil || d.Refusal.Cause == nil || !strings.Contains(d.Refusal.Cause.Error(), "script-security 1 does not allow programs") {
		t.Errorf("%+v", d)
	}
}

// TestLearnAddress: the program may refuse an address, and learns of each that is not
// used any more. When a client leaves, nobody waits for its programs, except the next
// client of its name.
func TestLearnAddress(t *testing.T) {
	a, dir := scripted(t, `if test $script_type = client-disconnect && test $common_name = anna; then
	while ! test -e gate; do sleep 0.02; done
fi
echo $script_type "$@" $bytes_received $bytes_sent $time_duration >> calls.$common_name
test "$2" != 10.5.0.0/16`)
	v, at := came(a, "anna")
	if d := arrive(v, at); d.Refusal != nil {
		t.Fatal(d.Refusal)
	}
	addresses := []string{"10.8.0.2", "10.5.0.0/16", "10.6.0.0/16"}
	refused := make(chan map[string]error, 1)
	v.door.Do(func(now time.Time) {
		v.Scripts().Learn(now, at, addresses, func(a string) bool { return a == "10.6.0.0/16" }, func(_ time.Time, r map[string]error) { refused <- r })
	})
	if r := <-refused; len(r) != 1 || r["10.5.0.0/16"] == nil {
		t.Errorf("refused: %v", r)
	}
	leave(v)
	on(v, func(time.Time) {
		v.Scripts().Leave(Farewell{BytesIn: 7, BytesOut: 8, Duration: 9 * time.Second, Addresses: []string{"10.8.0.2"}})
	})
	if env := v.Applicant().Env; env.Get("bytes_sent") != "8" {
		t.Errorf("an event of its end says bytes_sent=%q", env.Get("bytes_sent"))
	}

	again, at := came(a, "anna")
	came2 := make(chan Decision, 1)
	go func() { came2 <- arrive(again, at) }()
	other, there := came(a, "bert")
	if d := arrive(other, there); d.Refusal != nil { // while anna's program is busy
		t.Error(d.Refusal)
	}
	select {
	case <-came2:
		t.Error("a client's programs began before those of the one before it had ended")
	default:
	}
	if err := hooks.Scratch(dir).Write("gate", ""); err != nil {
		t.Fatal(err)
	}
	<-came2
	text, _ := os.ReadFile(filepath.Join(dir, "calls.anna"))
	deleted, _ := os.ReadFile(filepath.Join(dir, "calls."))
	calls := strings.Split(strings.ReplaceAll(string(text), filepath.Join(dir, "culvert-"), "FILE"), "\n")
	for i, want := range []string{"client-connect FILE", "learn-address add 10.8.0.2 anna", "learn-address add 10.5.0.0/16 anna", "learn-address update 10.6.0.0/16 anna", "client-disconnect 7 8 9", "client-connect FILE"} {
		if i >= len(calls) || !strings.HasPrefix(calls[i], want) {
			t.Errorf("call %d, want %q, of\n%s", i, want, text)
		}
	}
	if string(deleted) != "learn-address delete 10.8.0.2\n" {
		t.Errorf("forgot %q", deleted)
	}
	for _, v := range []*Visit{again, other} {
		leave(v)
		on(v, func(time.Time) { v.Scripts().Leave(Farewell{}) })
	}
}

// TestDecisionPutOff: a decision that is put off and does not come ends with the client that it
// is about, and the error names the file.
func TestDecisionPutOff(t *testing.T) {
	a, dir := scripted(t, "exit 0")
	scratch := hooks.Scratch(dir)
	if err := scratch.Write(deferredFile, "2"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var late *hooks.OverdueError
	if err := a.awaitConnect(ctx, scratch, 0); !errors.As(err, &late) || late.Deferred != deferredFile {
		t.Error(err)
	}
}

// TestConnectEndsWithItsClient: a program that hangs ends with the client it is about. That
// is noted, since the client's own end does not say so.
func TestConnectEndsWithItsClient(t *testing.T) {
	const want = "hook: stopped before it decided"
	a, dir := scripted(t, `test $script_type = client-connect || exit 0; echo > begun; sleep 1000`)
	v, at := came(a, "anna")
	v.door.Do(func(now time.Time) {
		v.Scripts().Arrive(now, hello("anna", "", ""), new(config.PerClient), at, func(time.Time, Decision) { t.Error("somebody waits for it") })
	})
	eventually(t, func() int {
		if _, err := os.Stat(filepath.Join(dir, "begun")); err != nil {
			return 0
		}
		return 1
	}, 1)
	leave(v)
	on(v, func(time.Time) { v.Scripts().Leave(Farewell{}) })
	a.running.Wait() // or the program still runs
	if late := v.door.(*desk).late; len(late) != 1 || !strings.Contains(late[0].Error(), want) {
		t.Errorf("late: %v, want %q", late, want)
	}
}

// TestOverrideByProgram: what client-connect writes for the client can rename its user, as
// a file of client-config-dir can.
func TestOverrideByProgram(t *testing.T) {
	a, _ := scripted(t, `if test $script_type = client-connect; then echo override-username bob > "$1"; fi`)
	v, at := came(a, "anna")
	if d := arrive(v, at); d.Refusal != nil || d.Settings.OverrideUsername != "bob" || v.Identity().User != "bob" {
		t.Errorf("%+v, user %q", d, v.Identity().User)
	}
	leave(v)
	on(v, func(time.Time) { v.Scripts().Leave(Farewell{}) })
}
