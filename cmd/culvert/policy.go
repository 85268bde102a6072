package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/policy"
	"culvert/access/users"
	"culvert/host/process"
	"culvert/operate/conffile"
	"culvert/operate/people"
	"culvert/operate/policing"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{Use: "policy", Example: `  culvert policy check policy "can alice reach 10.1.2.3:443?"`, Short: "Try a policy: who may reach what", Args: cobra.NoArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // the command before them is the mistake
		RunE:               func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(policyCheckCommand(), policyShowCommand())
	return c
}

func policyCheckCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "check [FILE] [QUESTION]...",
		Short: "Read a policy file, run its tests, and answer questions about it",
		Long: `Read a policy file, run its tests, and answer questions about it: whether somebody
can reach something, and which line of the file says so.

  culvert policy check --dir /etc/culvert "can alice reach 10.1.2.3:443?"
  culvert policy check FILE "can alice in staff reach phone.bob:22?"

A target is ADDRESS:PORT for TCP, ADDRESS:PORT/udp, an ADDRESS alone for a ping,
server:PORT, exit, or a user or a device (DEVICE.USER) in place of the address.

With --dir, the file is the one that the server's configuration names, unless FILE is
given, and the server's networks, users, devices and groups are known: who is in which
group, whose address it is, and that nobody is missing whom the file names. Without it,
say the groups: alice in staff; clients are taken to have addresses of 10.8.0.0/24.

The exit status is 0 if all answers are yes, 1 if one is no, 2 if the file has a fault or
fails a test, and 3 if it cannot be read or a question makes no sense.`,
		Example: `  culvert policy check policy
  culvert policy check --dir /etc/culvert "can alice reach 10.1.2.3:443?"`,
		Args: func(_ *cobra.Command, args []string) error {
			if dir == "" && len(args) == 0 {
				return misused("expected a policy file, or --dir D for the one of a server")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			file := ""
			if dir != "" && !isFile(args) {
				args = unquoted(args)
			}
			if len(args) > 0 && !(dir != "" && isQuestion(args[0])) {
				file, args = args[0], unquoted(args[1:])
			}
			return withPolicy(c, file, dir, func(o openedPolicy) error { return o.check(c.OutOrStdout(), args) })
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the server's directory, as made by culvert init")
	return c
}

// isFile reports whether the first of some arguments is the name of a file.
func isFile(args []string) bool {
	if len(args) == 0 {
		return false
	}
	_, err := os.Stat(args[0])
	return err == nil
}

// unquoted returns the question that words are which stand for themselves, as where quotes
// were left out, and other arguments as they are.
func unquoted(args []string) []string {
	if len(args) < 2 || slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, " ") }) {
		return args
	}
	return []string{strings.Join(args, " ")}
}

// isQuestion reports whether an argument is no file's name, but a question.
func isQuestion(arg string) bool {
	_, err := os.Stat(arg)
	return err != nil && strings.Contains(strings.TrimSpace(arg), " ")
}

// faulty is the exit status for a policy that cannot be taken.
const faulty = 2

// openedPolicy is a policy file, with what is known of its server.
type openedPolicy struct {
	file  *policy.File
	place policy.Place
	known policy.Directory // nil: nobody
}

// withPolicy calls f with a policy file, "" for the one that the server of dir has. Without
// dir, nothing is known of the server.
func withPolicy(c *cobra.Command, name, dir string, f func(o openedPolicy) error) error {
	var o openedPolicy
	if dir == "" {
		return o.use(name, nil, f)
	}
	s, err := people.Open(dir)
	if err != nil {
		return misread(err)
	}
	defer s.Close()
	people := users.NewBook(s, time.Now).Lookup(c.Context(), func(err error) { fmt.Fprintf(c.ErrOrStderr(), "a record is passed over: %v\n", err) })
	o.known = policy.Records(people)
	name, text, err := o.settle(name, dir)
	if err != nil {
		return misread(err)
	}
	err = o.use(name, text, f)
	if people.Err() != nil {
		return misread(people.Err()) // what f found is not to be relied on
	}
	return err
}

// use calls f with the policy of a file, whose text may be known.
func (o openedPolicy) use(name string, text []byte, f func(o openedPolicy) error) (err error) {
	if text == nil {
		if text, err = process.ReadFile(name); err != nil {
			return misread(err)
		}
	}
	if o.file, err = policy.Parse(name, text); err != nil {
		return statusError{err, faulty}
	}
	return f(o)
}

// settle notes what a server's configuration says. Where name is "", it returns the policy
// of the configuration.
func (o *openedPolicy) settle(name, dir string) (string, []byte, error) {
	conf, err := serverFile(dir, nil)
	if err != nil {
		return "", nil, err
	}
	c, err := conffile.Load(conf, "a server's configuration")
	if err != nil {
		return "", nil, err
	}
	o.place = policing.Place(c)
	switch {
	case name != "":
		return name, nil, nil
	case c.Server.Policy == nil:
		return "", nil, fmt.Errorf("%s has no policy: add the line `policy FILE`, or name a file: culvert policy check FILE --dir %s", conf, dir)
	}
	return policing.Name(c), c.Server.Policy.Text, nil
}

// check says what is wrong with a file, and answers questions.
func (o openedPolicy) check(out io.Writer, questions []string) error {
	f, known := o.file, o.known
	p, faults := policy.Check(f, o.place, known)
	if len(faults) > 0 {
		return statusError{errors.Join(faults...), faulty}
	}
	if len(questions) == 0 {
		fmt.Fprintf(out, "%s: %d rules, and %d tests that pass\n", f.Name, f.Rules(), f.Tests())
		return nil
	}
	status := 0
	for _, text := range questions {
		answer, err := p.AskText(text, known)
		if err != nil {
			return misread(fmt.Errorf("%q: %w", text, err))
		}
		word := "yes"
		if !answer.Yes {
			word, status = "no", 1
		}
		fmt.Fprintf(out, "%s: %s\n", word, answer.Why)
	}
	if status != 0 {
		return statusError{status: status}
	}
	return nil
}

func policyShowCommand() *cobra.Command {
	var dir string
	var groups []string
	c := &cobra.Command{
		Use:   "show [FILE] USER",
		Short: "Show which lines of a policy file are about a user, and what the user is pushed",
		Long: `Show which lines of a policy file are about a user or a device (DEVICE.USER), in the
order in which they decide, and what the user's devices are pushed. With --dir, FILE is
the one that the server's configuration names, unless it is given.`,
		Example: `  culvert policy show alice --dir /etc/culvert
  culvert policy show policy alice --group staff`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 || dir != "" && len(args) == 1 {
				return nil
			}
			return misused("expected a policy file and the name of a user, or with --dir D the name alone")
		},
		RunE: func(c *cobra.Command, args []string) error {
			file := ""
			if len(args) == 2 {
				file, args = args[0], args[1:]
			}
			return withPolicy(c, file, dir, func(o openedPolicy) error {
				who, err := policy.Named(args[0], groups, o.known)
				if err == nil {
					showPolicy(c.OutOrStdout(), policy.Compile(o.file, o.place), who)
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the server's directory, which says which groups the user is in")
	c.Flags().StringSliceVar(&groups, "group", nil, "a group that the user is in, in place of those of --dir; may be repeated")
	return c
}

// showPolicy writes what a policy says about a client.
func showPolicy(out io.Writer, p *policy.Policy, who policy.Who) {
	words := map[bool]string{true: "allow", false: "deny"}
	way := map[bool]string{true: "to", false: "from"}
	if len(p.About(who)) > 0 {
		fmt.Fprintln(out, "LINE  RULE   WAY   OTHER SIDE")
	}
	seen := make(map[string]bool) // a line with the client on both sides is about it twice
	for _, l := range p.About(who) {
		text := fmt.Sprintf("%4d  %-5s  %-4s  %s%s\n", l.Number, words[l.Allow], way[l.Opens], l.Text, l.Ports)
		if !seen[text] {
			fmt.Fprint(out, text)
		}
		seen[text] = true
	}
	fmt.Fprintf(out, "what no line is about: %s\n", words[p.Allows()])
	s := p.Settings(who)
	for _, o := range s.Push {
		fmt.Fprintf(out, "pushed: %s\n", o)
	}
	for _, o := range s.Without {
		fmt.Fprintf(out, "not pushed: %s\n", o)
	}
}
