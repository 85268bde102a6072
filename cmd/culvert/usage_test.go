package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"culvert/operate/service"
)

// TestUsageErrorsSayWhatToWrite: for every command, with its usage, an example and
// where its help is.
func TestUsageErrorsSayWhatToWrite(t *testing.T) {
	for _, words := range commands(rootCommand(service.Self{})) {
		if len(words) == 0 || len(words) == 1 && slices.Contains([]string{"client", "authority", "user", "device", "group", "token", "policy"}, words[0]) {
			continue // its next word is the mistake
		}
		line := strings.Join(words, " ")
		err := execute(t.Context(), service.Self{}, append(slices.Clone(words), "--no-such-flag"))
		if err == nil {
			t.Errorf("culvert %s --no-such-flag: no error", line)
			continue
		}
		for _, want := range []string{"no-such-flag", "\nusage: culvert " + line, "\nexample: culvert " + words[0], "\nhelp: culvert " + line + " --help"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("culvert %s --no-such-flag: %v; expected %q in it", line, err, want)
			}
		}
	}
	for _, line := range []string{"serve", "client add", "nosuch"} {
		if err := execute(t.Context(), service.Self{}, strings.Fields(line)); err == nil || !strings.Contains(err.Error(), "\nexample: culvert ") {
			t.Errorf("culvert %s: %v", line, err)
		}
	}
}

// commands are the words of each command below c, and of c.
func commands(c *cobra.Command) [][]string {
	words := [][]string{strings.Fields(c.CommandPath())[1:]}
	for _, sub := range c.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			words = append(words, commands(sub)...)
		}
	}
	return words
}
