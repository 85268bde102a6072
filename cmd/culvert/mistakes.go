package main

import (
	"errors"
	"fmt"
	"slices"
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
	if _, set, together := strings.Cut(err.Error(), "none of the others can be; ["); together {
		set, _, _ = strings.Cut(set, "]")
		return errors.New("expected no more than one of --" + strings.Join(strings.Fields(set), ", --"))
	}
	if flag := new(pflag.NotExistError); errors.As(err, &flag) {
		return meant(err, "--", flagsLike(c, flag.GetSpecifiedName()))
	}
	word, unknown := strings.CutPrefix(err.Error(), `unknown command "`)
	word, _, _ = strings.Cut(word, `"`)
	if unknown {
		return meant(err, "", commandsLike(c, word))
	}
	return err
}

// meant adds to an error what was meant, if that is known.
func meant(err error, before string, words []string) error {
	if len(words) == 0 {
		return err
	}
	return fmt.Errorf("%w; did you mean %s?", err, before+strings.Join(words, " or "+before))
}

// commandsLike are the commands that may be meant by a word: those that say so of themselves,
// and otherwise those whose name is nearly the same.
func commandsLike(c *cobra.Command, word string) (list []string) {
	for _, sub := range c.Commands() {
		if slices.ContainsFunc(sub.SuggestFor, func(w string) bool { return strings.EqualFold(w, word) }) {
			list = append(list, sub.Name())
		}
	}
	if len(list) > 0 {
		return list
	}
	c.SuggestionsMinimumDistance = 2
	return c.SuggestionsFor(word)
}

// flagsMeant are what other programs, or other commands of this one, call a flag.
var flagsMeant = map[string]string{"watch": "follow", "follow": "watch", "output": "json", "state": "state-dir", "uninstall": "remove", "delete": "remove"}

// flagsLike are the flags of a command that may be meant by a word.
func flagsLike(c *cobra.Command, word string) []string {
	if f := c.Flags().Lookup(flagsMeant[word]); f != nil {
		return []string{f.Name}
	}
	if len(word) < 3 {
		return nil
	}
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	return names.SuggestionsFor(word)
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
