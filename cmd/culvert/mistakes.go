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
	if words := countOfWords(c, err.Error()); words != "" {
		return errors.New(words)
	}
	word, unknown := strings.CutPrefix(err.Error(), `unknown command "`)
	word, _, _ = strings.Cut(word, `"`)
	if c.SuggestionsMinimumDistance = 2; unknown && len(c.SuggestionsFor(word)) > 0 {
		return fmt.Errorf("%w; did you mean %s?", err, strings.Join(c.SuggestionsFor(word), " or "))
	}
	return err
}

// countOfWords rewrites cobra's errors about how many words a command takes, "" for
// another error.
func countOfWords(c *cobra.Command, text string) string {
	var want, got int
	switch {
	case scanned(text, "accepts at most %d arg(s), received %d", &want, &got):
		return fmt.Sprintf("expected %d word at most, got %d", want, got)
	case scanned(text, "accepts %d arg(s), received %d", &want, &got):
		return fmt.Sprintf("expected %d word, got %d", want, got)
	case scanned(text, "requires at least %d arg(s), only received %d", &want, &got):
		return fmt.Sprintf("expected %d word or more, got %d", want, got)
	case strings.HasPrefix(text, `unknown command "`) && c.HasParent() && !c.HasSubCommands():
		word, _, _ := strings.Cut(strings.TrimPrefix(text, `unknown command `), " for ")
		return fmt.Sprintf("expected no word, got %s", word)
	}
	return ""
}

// scanned is fmt.Sscanf, and reports whether all was found.
func scanned(text, format string, into ...any) bool {
	n, err := fmt.Sscanf(text, format, into...)
	return n == len(into) && err == nil
}

// takes describes the values of each type of flag.
var takes = map[string]string{
	"bool":      "true or false",
	"duration":  "a time such as 30s or 5m",
	"int":       "a whole number",
	"uint":      "a whole number, 0 or more",
	"uintSlice": "whole numbers, separated by commas",
}
