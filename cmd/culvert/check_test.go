package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/service"
)

// checkRun runs culvert check, and returns what it wrote and its exit status.
func checkRun(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := rootCommand(service.Self{})
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetArgs(append([]string{"check"}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		status = exitStatus(t.Context(), err)
		stderr.WriteString(err.Error())
	}
	return stdout.String(), stderr.String(), status
}

// plainest is a profile with nothing to mend.
var plainest = "client\ndev tun\nremote 192.0.2.1\nauth-user-pass\npeer-fingerprint " + strings.Repeat("00", 32) + "\n"

func TestCheckStatuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	clean := file("clean.conf", plainest)
	warned := file("warned.conf", plainest+"verb 3\nverb 4\n")
	wrong := file("wrong.conf", plainest+"frobnicate\n")
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{clean}, 0, "clean"},
		{[]string{warned}, 1, "given before, in line 6"},
		{[]string{wrong}, 2, "unknown directive"},
		{[]string{"--json", wrong}, 2, `"status": "errors"`},
		{[]string{filepath.Join(dir, "none")}, 3, "no such file"},
		{nil, 3, "expected one file"},
		{[]string{"--frob", clean}, 3, "unknown flag"},
		{[]string{"-o", "x", clean}, 3, "give --fix"},
		{[]string{"--fix", "--json", clean}, 3, "give one"},
		{[]string{"--fix", wrong}, 2, "only you can mend"},
		{[]string{"--fix", "-o", clean, warned}, 3, "exists already"},
	} {
		out, errs, status := checkRun(t, c.args...)
		if status != c.status || !strings.Contains(out+errs, c.want) {
			t.Errorf("%q: status %d, want %d, and %q in\n%s%s", c.args, status, c.status, c.want, out, errs)
		}
	}
	if out, _, _ := checkRun(t, "--json", warned); !json.Valid([]byte(out)) {
		t.Errorf("not JSON: %s", out)
	}
}

// TestCheckFix: to the standard output, to a new file, and in place.
func TestCheckFix(t *testing.T) {
	dir := t.TempDir()
	name, to := filepath.Join(dir, "a.conf"), filepath.Join(dir, "b.conf")
	before, after := plainest+"verb 3 # little\nverb 4\n", plainest+"# little\nverb 4\n"
	if err := os.WriteFile(name, []byte(before), 0o640); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := checkRun(t, "--fix", name); out != after || status != 0 || !strings.Contains(errs, "-verb 3 # little\n+# little\n") {
		t.Errorf("%d %q\n%s", status, out, errs)
	}
	if out, errs, status := checkRun(t, "--fix", "-o", to, name); status != 0 || errs != "" || !strings.Contains(out, "line 6: verb goes") {
		t.Errorf("%d %q\n%s", status, out, errs)
	}
	for path, want := range map[string]string{name: before, to: after} {
		if text, _ := os.ReadFile(path); string(text) != want {
			t.Errorf("%s: %q", path, text)
		}
	}
	if _, errs, status := checkRun(t, "--fix", "--in-place", name); status != 0 {
		t.Error(status, errs)
	}
	text, _ := os.ReadFile(name)
	if info, err := os.Stat(name); string(text) != after || err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%q, %v, %v", text, info.Mode(), err)
	}
	if out, _, status := checkRun(t, "--fix", "--in-place", name); status != 0 || out != "Nothing to change.\n" {
		t.Error(status, out)
	}
}
