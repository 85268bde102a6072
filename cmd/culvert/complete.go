package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"culvert/config"
	"culvert/internal/subsystem"
	"culvert/operate/logs"
	"culvert/operate/manage"
	"culvert/operate/setup"
	"culvert/operate/top"
)

// completer returns what a word of a command line may go on as, and what a shell adds to
// that.
type completer func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective)

// completers says what the arguments of commands are, by the command's path.
var completers = map[string]completer{
	"culvert connect":        files("ovpn", "conf"),
	"culvert check":          files("ovpn", "conf"),
	"culvert serve":          files("conf", "ovpn"),
	"culvert swarm":          firstOnly(nil, cobra.ShellCompDirectiveDefault),
	"culvert client revoke":  clientNames,
	"culvert client renew":   clientNames,
	"culvert user show":      userNames,
	"culvert user set":       userNames,
	"culvert user disable":   userNames,
	"culvert user enable":    userNames,
	"culvert user remove":    userNames,
	"culvert user import":    files("csv"),
	"culvert device show":    deviceNames,
	"culvert device set":     deviceNames,
	"culvert device disable": deviceNames,
	"culvert device enable":  deviceNames,
	"culvert device renew":   deviceNames,
	"culvert device remove":  deviceNames,
	"culvert group show":     groupNames,
	"culvert group set":      groupNames,
	"culvert group remove":   groupNames,
	"culvert revoke":         revocableNames,
	"culvert status":         processNames,
	"culvert health":         processNames,
	"culvert top":            processNames,
	"culvert logs":           processNames,
	"culvert logs level":     levelWords,
	"culvert disconnect":     processNames,
	"culvert reconnect":      processNames,
	"culvert doctor":         files("ovpn", "conf"),
	"culvert servers":        files("ovpn", "conf"),
	"culvert help":           helpTopics,
	"culvert version":        firstOnly(nil, cobra.ShellCompDirectiveNoFileComp),
}

// flagCompleters says what the values of flags are, by the flag's name. Of others, those
// that name a file are files, and shells cannot guess the rest.
var flagCompleters = map[string]completer{
	"dir":       directories,
	"state-dir": directories,
	"name":      processNames,
	"at":        firstWords("nic", "link", "hub:"),
	"traffic":   firstWords("idle", "ping", "stream"),
	"uplink":    anyFile,
	"output":    anyFile,
	"sort":      firstWords(top.Sorts...),
	"level":     firstWords(logs.LevelNames()...),
	"subsystem": firstWords(subsystem.Names()...),

	"passphrase-file": anyFile,
	"authority-cert":  anyFile,
	"authority-key":   anyFile,
	"user":            anyUser,
	"group":           anyGroup,
	"add":             anyUser,
	"remove":          anyUser,
}

// addCompletion gives the commands below root what shells ask when a word is to be
// completed.
func addCompletion(root *cobra.Command) {
	for _, c := range root.Commands() {
		if f := completers[c.CommandPath()]; f != nil {
			c.ValidArgsFunction = fitting(f)
		} else if len(c.ValidArgs) == 0 && c.Name() != "help" {
			c.ValidArgsFunction = firstOnly(nil, cobra.ShellCompDirectiveNoFileComp)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) { completeFlag(c, f) })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { completeFlag(c, f) })
		addCompletion(c)
	}
}

func completeFlag(c *cobra.Command, f *pflag.Flag) {
	complete := flagCompleters[f.Name]
	if complete == nil {
		complete = firstWords()
	}
	// An error would say that the flag has a completer already.
	_ = c.RegisterFlagCompletionFunc(f.Name, fitting(complete))
}

// fitting leaves out what the word cannot go on as.
func fitting(f completer) completer {
	return func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		words, how := f(c, args, word)
		if how == cobra.ShellCompDirectiveFilterFileExt {
			return words, how // endings
		}
		return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, word) }), how
	}
}

// levelWords completes a subsystem and a level.
func levelWords(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return subsystem.Names(), cobra.ShellCompDirectiveNoFileComp
	case 1:
		return append(logs.LevelNames(), "default"), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// files completes one argument with the names of files that end in one of these.
func files(endings ...string) completer {
	return firstOnly(endings, cobra.ShellCompDirectiveFilterFileExt)
}

// firstOnly completes the first argument alone.
func firstOnly(words []string, how cobra.ShellCompDirective) completer {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, how
	}
}

// firstWords completes with one of these words, whatever stands before.
func firstWords(words ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func anyFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// clientNames are the clients in the directory that the command line names.
func clientNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	dir, err := c.Flags().GetString("dir")
	if err != nil || dir == "" || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	known, _, _ := setup.Clients(dir, time.Now())
	for _, k := range known {
		names = append(names, cobra.CompletionWithDesc(k.Name, k.State))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// processNames are the processes that can be asked.
func processNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	dir := manage.DefaultDir()
	if given, err := c.Flags().GetString("state-dir"); err == nil && given != "" {
		dir = given
	}
	names, _ := manage.Names(dir)
	if len(args) > 0 {
		names = nil
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// helpTopics are the commands and directives.
func helpTopics(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	at, _, err := c.Root().Find(args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var topics []string
	for _, sub := range at.Commands() {
		if sub.IsAvailableCommand() {
			topics = append(topics, cobra.CompletionWithDesc(sub.Name(), sub.Short))
		}
	}
	if at == c.Root() {
		for _, d := range config.Directives() {
			topics = append(topics, cobra.CompletionWithDesc(d.Name, d.Help))
		}
	}
	return topics, cobra.ShellCompDirectiveNoFileComp
}

// isCompletion reports whether a shell asks for the completion of OpenVPN's command line,
// and returns its words: the last is to be completed.
func isCompletion(args []string) (words []string, described, asked bool) {
	if len(args) < 2 || args[0] != cobra.ShellCompRequestCmd && args[0] != cobra.ShellCompNoDescRequestCmd {
		return nil, false, false
	}
	return args[1:], args[0] == cobra.ShellCompRequestCmd, isDirectives(args[1:])
}

// completeDirectives answers a shell in the form that cobra's scripts read: a word that
// fits in each line, with what it means after a tab, and at the end what the shell is to
// add, as a number.
func completeDirectives(out io.Writer, words []string, described bool) error {
	last := words[len(words)-1]
	fit, how := directiveWords(words)
	for _, w := range fit {
		if !described {
			w, _, _ = strings.Cut(w, "\t")
		}
		if strings.HasPrefix(w, last) {
			if _, err := fmt.Fprintln(out, w); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(out, ":%d\n", how)
	return err
}

// directiveWords are the words that may stand at the end of a command line of OpenVPN's:
// after a directive its values or files, and directives.
func directiveWords(words []string) ([]string, cobra.ShellCompDirective) {
	last, before := words[len(words)-1], words[:len(words)-1]
	if len(before) > 0 && !strings.HasPrefix(last, "-") {
		begin := len(before) - 1
		for begin > 0 && !strings.HasPrefix(before[begin], "--") {
			begin--
		}
		if d, found := config.Lookup(before[begin]); found {
			usage := strings.Fields(d.Usage)
			if at := len(before) - 1 - begin; at < len(usage) {
				return valuesOf(usage[at])
			}
		}
	}
	var all []string
	for _, d := range config.Directives() {
		if d.Where&config.InCommandLine != 0 {
			all = append(all, cobra.CompletionWithDesc("--"+d.Name, d.Help))
		}
	}
	for _, own := range []string{"--help\tExplain a directive, or the program.", "--version\tPrint the version."} {
		if name, _, _ := strings.Cut(own, "\t"); !slices.ContainsFunc(all, func(w string) bool { return strings.HasPrefix(w, name+"\t") }) {
			all = append(all, own)
		}
	}
	slices.Sort(all)
	return all, cobra.ShellCompDirectiveNoFileComp
}

// placeholders stand for a value in a directive's choices; other words are the value.
var placeholders = []string{"n", "port", "seconds", "address", "file"}

// valuesOf are the values of an argument, as a directive's usage names it.
func valuesOf(argument string) ([]string, cobra.ShellCompDirective) {
	choice := strings.Split(strings.Trim(argument, "[]"), "|")
	how := cobra.ShellCompDirectiveNoFileComp
	switch {
	case choice[0] == "dir":
		return nil, cobra.ShellCompDirectiveFilterDirs
	case slices.Contains(choice, "file") || choice[0] == "command":
		how = cobra.ShellCompDirectiveDefault
	}
	if len(choice) == 1 {
		return nil, how
	}
	return slices.DeleteFunc(choice, func(w string) bool { return slices.Contains(placeholders, w) }), how
}
