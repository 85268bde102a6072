package check

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/host/process"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// checkedAt is when fixtures are looked at: their certificates are valid then.
var checkedAt = time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)

// fixtures are the files in testdata, whose .txt and .json files say what check makes
// of them. They are looked at from there, so that they name files beside them.
func fixtures(t testing.TB) (names []string) {
	t.Helper()
	t.Chdir("testdata")
	for _, pattern := range []string{"*.ovpn", "*.conf"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s in testdata: %v", pattern, err)
		}
		names = append(names, found...)
	}
	return names
}

// TestGolden compares reports with the files in testdata. What the table of
// directives says is left out of them: it changes with what is built, and TestMeaning
// looks at it.
func TestGolden(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			r := Text(name, text, readFixture, checkedAt)
			withoutTable(r)
			var people, programs bytes.Buffer
			if err := r.Print(&people); err != nil {
				t.Fatal(err)
			}
			e := json.NewEncoder(&programs)
			e.SetEscapeHTML(false)
			e.SetIndent("", " ")
			if err := e.Encode(r); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", clock.ReplaceAllString(people.String(), "says TIME"))
			golden(t, name+".json", clock.ReplaceAllString(programs.String(), "says TIME"))
		})
	}
}

// clock is where a message has this host's own time.
var clock = regexp.MustCompile(`says [0-9-]+ [0-9:]+ UTC`)

// readFixture reads files as process.ReadFile does, with errors that are the same on
// every system.
func readFixture(name string) ([]byte, error) { return process.ReadFile(name) }

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

// withoutTable takes out of a report what comes from the table's help and statuses, and
// what a checkout decides.
func withoutTable(r *Report) {
	for i := range r.Directives {
		d := &r.Directives[i]
		d.State = ""
		if d.Meaning != "" {
			d.Meaning = "(help)"
		}
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		name, _, _ := strings.Cut(f.Text, ":")
		_, ofDirective := config.Lookup(name)
		planned := strings.Contains(f.Text, "not supported yet")
		open := strings.Contains(f.Text, "others than the file's owner may read") || strings.Contains(f.Text, "there is no program") // as it was checked out, and as the host is
		return planned || open || ofDirective && f.Severity == Note
	})
	r.Status = r.worst()
	for i := range r.Stock {
		v := &r.Stock[i]
		v.Reasons = slices.DeleteFunc(v.Reasons, func(r Reason) bool { return strings.Contains(r.Text, "names a program that") })
		v.Word = Accepts
		for _, reason := range v.Reasons {
			v.Word = worse(v.Word, reason.Word)
		}
	}
}

// TestPrograms: stock looks for programs, and whether they may be run, before it starts.
func TestPrograms(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no bit there that says whether they may be run")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	for name, perm := range map[string]os.FileMode{"runs": 0o755, "plain": 0o644} {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), perm); err != nil {
			t.Fatal(err)
		}
	}
	client := "client\ndev tun\nremote 192.0.2.1\npeer-fingerprint " + strings.Repeat("00", 32) + "\nscript-security 2\n"
	for line, want := range map[string]string{
		"up " + dir + "/runs": "", "up ./runs": "", "up 'runs a b'": "", "up nothere": "up names a program that is not there", "down " + dir + "/nothere": "down names a program that is not there",
		"up " + dir + "/plain": "up names a program that may not be run", "chroot " + dir + "\nup /runs": "", "chroot " + dir + "\nup " + dir + "/runs": "up names a program that is not there",
		"tls-verify nothere": "tls-verify names a program that is not there", "tls-crypt-v2-verify nothere": "", "dns-updown disable": "", "dns-updown nothere": "dns-updown names a program that is not there",
	} {
		said := ""
		for _, reason := range Text("x.ovpn", []byte(client+line+"\n"), readFixture, checkedAt).Stock[2].Reasons {
			if strings.Contains(reason.Text, "program") {
				said = reason.Text
			}
		}
		if said != want {
			t.Errorf("%s: %q", line, said)
		}
	}
}

// TestNotes: a line that changes nothing here is a note.
func TestNotes(t *testing.T) {
	r := Text("x.ovpn", []byte("client\nremote 192.0.2.1\nauth-user-pass\npeer-fingerprint "+strings.Repeat("00", 32)+"\nregister-dns\nremote 192.0.2.2:443\n"), readFixture, checkedAt)
	want := []Finding{
		{"x.ovpn", 5, Note, NoEffect, "register-dns: only for Windows, ignored here", ""},
		{"x.ovpn", 6, Note, Remark, "remote: read as host 192.0.2.2 and port 443", ""},
	}
	if !slices.Equal(r.Findings, want) || r.Status != Clean {
		t.Errorf("%s: %+v", r.Status, r.Findings)
	}
}

// TestMeaning: every known line has the help of its row, and its state.
func TestMeaning(t *testing.T) {
	for _, d := range config.Directives() {
		r := Text("x.conf", []byte(d.Name+" a b\n"), func(string) ([]byte, error) { return nil, os.ErrNotExist }, checkedAt)
		if len(r.Directives) != 1 || !strings.Contains(r.Directives[0].Meaning, d.Help) {
			t.Errorf("%s: %+v", d.Name, r.Directives)
			continue
		}
		if state := r.Directives[0].State; (d.Status == config.Supported) != (state == "") || state != "" && state != d.State() {
			t.Errorf("%s: %q", d.Name, state)
		}
	}
}

// TestNoDirectory: a directory that a start needs and that is not there is named; below a
// chroot none is looked for.
func TestNoDirectory(t *testing.T) {
	dir := t.TempDir()
	plain, lost := filepath.Join(dir, "plain"), filepath.Join(dir, "lost")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	client := "client\ndev tun\nremote 192.0.2.1\npeer-fingerprint " + strings.Repeat("00", 32) + "\n"
	server := "server 10.8.0.0 255.255.255.0\ntopology subnet\n"
	for _, c := range []struct{ text, want string }{
		{client + "chroot '" + lost + "'", "chroot: there is no directory " + lost + " on this host"},
		{client + "chroot '" + plain + "'", "chroot: there is no directory " + plain + " on this host"},
		{client + "chroot '" + dir + "'", ""},
		{client + "tmp-dir '" + lost + "'", ""},
		{server + "tmp-dir '" + lost + "'", "tmp-dir: there is no directory " + lost + " on this host"},
		{server + "tmp-dir '" + dir + "'", ""},
		{server + "chroot '" + dir + "'\ntmp-dir '" + lost + "'", ""},
		{server, ""},
	} {
		said := ""
		for _, f := range Text("x.conf", []byte(c.text+"\n"), readFixture, checkedAt).Findings {
			if strings.Contains(f.Text, "there is no directory") {
				said += f.Text
				if f.Line != strings.Count(c.text, "\n")+1 || f.Severity != Warn {
					t.Errorf("%s: %+v", c.text, f)
				}
			}
		}
		if said != c.want {
			t.Errorf("%s: %q, want %q", c.text, said, c.want)
		}
	}
}
