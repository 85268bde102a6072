package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"culvert/config"
	"culvert/operate/service"
)

// escaped is a word as pages have it.
var escaped = strings.NewReplacer("-", `\-`, `"`, `\(dq`)

// TestManOfProgram: the page has every command with each of its flags, and its examples.
func TestManOfProgram(t *testing.T) {
	root := rootCommand(service.Self{})
	page := manOfProgram(root).String()
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		head := `.SS "` + escaped.Replace(strings.TrimSuffix(c.UseLine(), " [flags]")) + `"` + "\n"
		_, part, found := strings.Cut(page, head)
		if !found {
			t.Errorf("the page has no %s", head)
		}
		part, _, _ = strings.Cut(part, "\n.S")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(part, escaped.Replace("--"+f.Name)) {
				t.Errorf("%s: the page has no --%s", c.CommandPath(), f.Name)
			}
		})
		if c.Example != "" && !strings.Contains(part, "Example:") {
			t.Errorf("%s: the page has no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	for _, c := range root.Commands() {
		look(c)
	}
}

// TestManOfLanguage: the page has every directive once, with what it does, and what
// becomes of it.
func TestManOfLanguage(t *testing.T) {
	page := manOfLanguage().String()
	for _, d := range config.Directives() {
		head := "\n.TP\n\\fB" + strings.ReplaceAll(d.Line(), "-", `\-`) + "\\fR\n"
		if n := strings.Count(page, head); n != 1 {
			t.Errorf("%s: %d times", d.Name, n)
			continue
		}
		_, part, _ := strings.Cut(page, head)
		part, _, _ = strings.Cut(part, "\n.TP\n")
		refused := strings.Contains(part, "\nRefused")
		if want := d.Status == config.Refused; refused != want {
			t.Errorf("%s: refused %v, and the page says %v", d.Name, want, refused)
		}
		if !strings.HasPrefix(part, escapedLine(d.Help)+"\n") {
			t.Errorf("%s: %q; expected it to begin with %q", d.Name, part, d.Help)
		}
	}
}

func escapedLine(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}
