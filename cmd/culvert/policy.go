package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"culvert/access/policy"
	"culvert/access/users"
	"culvert/host/process"
	"culvert/operate/people"
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
		Use:   "check FILE [QUESTION]...",
		Short: "Read a policy file, run its tests, and answer questions about it",
		Long: `Read a policy file, run its tests, and answer questions about it: whether somebody
can reach something, and which line of the file says so.

  culvert policy check FILE "can alice reach 10.1.2.3:443?"
  culvert policy check FILE "can alice in staff reach phone.bob:22?"

A target is ADDRESS:PORT for TCP, ADDRESS:PORT/udp, an ADDRESS alone for a ping, or a
user or a device (DEVICE.USER) in place of the address. Clients are taken to have
addresses of 10.8.0.0/24.

With --dir, the server's users, devices and groups are known: who is in which group, and
that nobody is missing whom the file names. Without it, say the groups: alice in staff.

The exit status is 0 if all answers are yes, 1 if one is no, 2 if the file has a fault or
fails a test, and 3 if it cannot be read or a question makes no sense.`,
		Example: `  culvert policy check policy
  culvert policy check --dir /etc/culvert /etc/culvert/policy "can alice reach 10.1.2.3:443?"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			known, err := knownPeople(c.Context(), dir, c.ErrOrStderr())
			if err != nil {
				return misread(err)
			}
			return checkPolicy(c.OutOrStdout(), f, known, args[1:])
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the server's directory, whose users and groups the file names")
	return c
}

// faulty is the exit status for a policy that cannot be taken.
const faulty = 2

// readPolicy reads a policy file.
func readPolicy(name string) (*policy.File, error) {
	text, err := process.ReadFile(name)
	if err != nil {
		return nil, misread(err)
	}
	f, err := policy.Parse(name, text)
	if err != nil {
		return nil, statusError{err, faulty}
	}
	return f, nil
}

// knownPeople are the users, devices and groups of a server's directory; nil for "".
func knownPeople(ctx context.Context, dir string, warn io.Writer) (policy.Directory, error) {
	if dir == "" {
		return nil, nil
	}
	s, err := people.Open(dir)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	d, err := users.Open(ctx, s, func(err error) { fmt.Fprintf(warn, "a record is passed over: %v\n", err) })
	if err != nil {
		return nil, err
	}
	return policy.People(d.View()), nil
}

// checkPolicy says what is wrong with a file, and answers questions.
func checkPolicy(out io.Writer, f *policy.File, known policy.Directory, questions []string) error {
	p := policy.Compile(f, policy.Place{})
	var faults []error
	for _, fault := range f.Unknown(known) {
		faults = append(faults, fault)
	}
	failed, unasked := p.Test(known)
	for _, fault := range append(failed, unasked...) {
		faults = append(faults, fault)
	}
	if len(faults) > 0 {
		return statusError{errors.Join(faults...), faulty}
	}
	if len(questions) == 0 {
		fmt.Fprintf(out, "%s: %d rules, and %d tests that pass\n", f.Name, f.Rules(), f.Tests())
		return nil
	}
	status := 0
	for _, text := range questions {
		q, err := policy.ParseQuestion(text)
		if err != nil {
			return misread(fmt.Errorf("%q: %w", text, err))
		}
		answer, err := p.Ask(q, known)
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
		Use:   "show FILE USER",
		Short: "Show which lines of a policy file are about a user, and what the user is pushed",
		Long: `Show which lines of a policy file are about a user or a device (DEVICE.USER), in the
order in which they decide, and what the user's devices are pushed.`,
		Example: `  culvert policy show /etc/culvert/policy alice --dir /etc/culvert
  culvert policy show policy alice --group staff`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			known, err := knownPeople(c.Context(), dir, c.ErrOrStderr())
			if err != nil {
				return err
			}
			who, err := policy.Named(args[1], groups, known)
			if err != nil {
				return err
			}
			showPolicy(c.OutOrStdout(), policy.Compile(f, policy.Place{}), who)
			return nil
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
	for _, l := range p.About(who) {
		fmt.Fprintf(out, "%4d  %-5s  %-4s  %s%s\n", l.Number, words[l.Allow], way[l.Opens], l.Text, l.Ports)
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
