package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// inPlainWords rewrites cobra's error about a command line: it says what a flag
// takes, and suggests a command for one that does not exist.
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

// takes describes the values of each type of flag.
var takes = map[string]string{
	"bool":      "true or false",
	"duration":  "a time such as 30s or 5m",
	"int":       "a whole number",
	"uint":      "a whole number, 0 or more",
	"uintSlice": "whole numbers, separated by commas",
}
