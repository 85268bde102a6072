package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/host/process"
	"culvert/operate/check"
)

// misreadExit is the exit status of check where it could not check: the command line
// is wrong, or a file cannot be read or written.
const misreadExit = 3

// statusError ends the program with an exit status of its own. Without an error in it,
// nothing is printed.
type statusError struct {
	error
	status int
}

func (e statusError) Error() string {
	if e.error == nil {
		return ""
	}
	return e.error.Error()
}

func (e statusError) Unwrap() error { return e.error }

// misread marks an error of check that is not about what a configuration says.
func misread(err error) error {
	if err == nil {
		return nil
	}
	return statusError{err, misreadExit}
}

// checking are check's flags.
type checking struct {
	json, fix, inPlace bool
	out                string
}

func checkCommand() *cobra.Command {
	var o checking
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Explain a profile or a server's configuration",
		Long: `Explain a profile or a server's configuration: what it would do, what each line
means, what is wrong, insecure, deprecated or without effect in it and what to write
instead, and what OpenVPN 2.4, 2.6 and 2.7 would make of it.

Nothing is run, and nobody is connected to or asked. Only files that FILE names are
read, and what they hold is not shown.

--fix writes a modern equivalent, which Culvert and OpenVPN 2.6 and 2.7 take, to the
standard output, to another file, or in place. It keeps comments, blocks and order, and
shows what it changed.

The exit status is 0 if there is nothing to mend, 1 for warnings, 2 for errors, and 3
if the command line is wrong, or a file cannot be read or written. With --fix it is 0
if the equivalent was written, and 2 if there are errors that only you can mend.`,
		Example: `  culvert check office.ovpn
  culvert check --fix -o modern.ovpn office.ovpn`,
		Args: func(c *cobra.Command, args []string) error {
			err := one("file")(c, args)
			switch {
			case err != nil:
			case !o.fix && (o.inPlace || o.out != ""):
				err = errors.New("-o and --in-place say where --fix writes to: give --fix too")
			case o.inPlace && o.out != "":
				err = errors.New("-o and --in-place are two places to write to: give one")
			case o.fix && o.json:
				err = errors.New("--fix and --json are two things to print: give one")
			}
			return misread(err)
		},
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misread(err) })
	c.Flags().BoolVar(&o.json, "json", false, "print JSON (docs/check.md)")
	c.Flags().BoolVar(&o.fix, "fix", false, "write a modern equivalent")
	c.Flags().StringVarP(&o.out, "output", "o", "", "with --fix: write to this new file")
	c.Flags().BoolVar(&o.inPlace, "in-place", false, "with --fix: change FILE itself")
	return c
}

func (o checking) run(c *cobra.Command, name string) error {
	text, err := process.ReadFile(name)
	switch {
	case err != nil:
		return misread(err)
	case o.fix:
		return o.write(c, name, text)
	}
	return shown(c.OutOrStdout(), check.Text(name, text, process.ReadFile, time.Now()), o.json)
}

// shown prints a report. Its error has the exit status.
func shown(w io.Writer, r *check.Report, asJSON bool) error {
	print := r.Print
	if asJSON {
		print = func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			e.SetIndent("", "  ")
			return e.Encode(r)
		}
	}
	if err := print(w); err != nil {
		return misread(err)
	}
	if r.Status == check.Clean {
		return nil
	}
	return statusError{nil, r.Status.Exit()}
}

// write writes the modern equivalent, and shows what changed: on the standard error
// where the standard output has the equivalent itself.
func (o checking) write(c *cobra.Command, name string, text []byte) error {
	fixed, err := check.Fix(name, text, process.ReadFile)
	if err != nil {
		return statusError{err, check.Errors.Exit()}
	}
	show := c.OutOrStdout()
	switch {
	case o.out != "":
		err = writeNew(o.out, fixed.Text)
	case o.inPlace && len(fixed.Changes) > 0:
		err = replace(name, fixed.Text)
	case !o.inPlace:
		show = c.ErrOrStderr()
		_, err = c.OutOrStdout().Write(fixed.Text)
	}
	if err != nil {
		return misread(err)
	}
	_, err = io.WriteString(show, changes(fixed))
	return misread(err)
}

// changes says what was changed.
func changes(f *check.Fixed) string {
	if len(f.Changes) == 0 {
		return "Nothing to change.\n"
	}
	var s strings.Builder
	for _, c := range f.Changes {
		fmt.Fprintf(&s, "line %d: %s", c.Line, c.Text)
		if len(c.Setting) > 0 {
			fmt.Fprintf(&s, " (changes %s)", strings.Join(c.Setting, ", "))
		}
		s.WriteByte('\n')
	}
	return s.String() + "\n" + f.Diff
}

// writeNew writes a file that does not exist yet. It may hold keys.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; give another name, or --in-place to change the file itself", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func replace(name string, text []byte) error {
	f, err := process.OpenFile(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Replace(text), f.Close())
}
