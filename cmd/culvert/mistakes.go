package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"culvert/operate/manage/filter"
)

// inPlainWords is what is wrong with a command line, as its writer would say it:
// with the command that is like the one that there is not, and what a flag takes.
func inPlainWords(c *cobra.Command, err error) error {
	if value := new(pflag.InvalidValueError); errors.As(err, &value) {
		if takes := takes[value.GetFlag().Value.Type()]; takes != "" {
			return fmt.Errorf("--%s %q: expected %s", value.GetFlag().Name, value.GetValue(), takes)
		}
		return err
	}
	word, unknown := strings.CutPrefix(err.Error(), `unknown command "`)
	word, _, _ = strings.Cut(word, `"`)
	if c.SuggestionsMinimumDistance = 2; unknown && len(c.SuggestionsFor(word)) > 0 {
		return fmt.Errorf("%w; did you mean %s?", err, strings.Join(c.SuggestionsFor(word), " or "))
	}
	return err
}

// takes is what flags of a type take.
var takes = map[string]string{
	"bool":      "true or false",
	"duration":  "a time such as 30s or 5m",
	"int":       "a whole number",
	"uint":      "a whole number, 0 or more",
	"uintSlice": "a whole number, or several with commas between",
}

// checkFilter refuses what no place of a process could take for a filter.
func checkFilter(words []string) error {
	text := strings.Join(words, " ")
	_, err := filter.Parse(text, filter.Ethernet)
	if err != nil {
		_, err = filter.Parse(text, filter.IP)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	return nil
}
