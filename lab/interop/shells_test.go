//go:build interop

package interop

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// inShell runs a script in a directory with our program first in its PATH, and returns what
// it prints.
func inShell(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(environment(), "PATH="+filepath.Dir(culvert(t))+":"+os.Getenv("PATH"), "HOME="+dir, "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}

// TestManPages: no formatter has anything to say against our pages, and man shows them.
func TestManPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for file, name := range map[string]string{"culvert.1": "culvert", "culvert.conf.5": "culvert.conf"} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(mustRun(t, culvert(t), "man", name)), 0o644); err != nil {
			t.Fatal(err)
		}
		// A page of a build outside of git has no date.
		lint, _ := exec.Command("mandoc", "-T", "lint", "-W", "warning", path).CombinedOutput()
		if said := regexp.MustCompile(`(?m)^.*missing date, using "".*\n`).ReplaceAllString(string(lint), ""); said != "" {
			t.Errorf("mandoc on %s:\n%s", file, said)
		}
		if said := inShell(t, dir, "groff", "-man", "-ww", "-z", "-Tutf8", "-k", path); said != "" {
			t.Errorf("groff on %s:\n%s", file, said)
		}
		if text := inShell(t, dir, "man", "--warnings", "-l", path); !strings.Contains(text, "SEE ALSO") || strings.Contains(text, "warning:") {
			t.Errorf("man shows %s as\n%s", file, text)
		}
	}
}

const bashCompletes = `. /usr/share/bash-completion/bash_completion
eval "$(culvert completion bash)"
complete_line() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9 COMPREPLY=()
	COMP_POINT=${#COMP_LINE}
	__start_culvert 2>/dev/null
	echo "${COMPREPLY[*]}"
}
complete_line culvert conn
complete_line culvert connect ''
complete_line culvert --remote-cert-tl
complete_line culvert --mode s`

const fishCompletes = `culvert completion fish | source
for line in 'culvert conn' 'culvert --remote-cert-tl' 'culvert --mode s'
	complete -C $line | string replace -r '\t.*' ''; or true
end`

// zsh has completion in a line editor only, which needs a terminal.
const zshCompletes = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -Uz compinit; compinit -u -D; source <(culvert completion zsh); print RE''ADY"
zpty -r shell text '*READY*'
zpty -n -w shell $'culvert conn\t'
zpty -r shell text '*culvert connect*'
zpty -n -w shell $'\x15culvert --remote-cert-tl\t'
zpty -r shell text '*--remote-cert-tls*'
zpty -n -w shell $'--mode s\t'
zpty -r shell text '*server*'
zpty -d shell`

// TestShellCompletion: the shells that people use complete commands, files, directives and
// their values.
func TestShellCompletion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ shell, script, want string }{
		{"bash", bashCompletes, "connect\nlaptop.ovpn\n--remote-cert-tls\nserver\n"},
		{"fish", fishCompletes, "connect\n--remote-cert-tls\nserver\n"},
		{"zsh", zshCompletes, ""}, // it waits for what it should show
	} {
		t.Run(c.shell, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"laptop.ovpn", "notes.txt"} {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := inShell(t, dir, c.shell, "-c", c.script); c.want != "" && got != c.want {
				t.Errorf("%s:\n%s\nwant\n%s", c.shell, got, c.want)
			}
		})
	}
}
