package main

import (
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"culvert/config"
	"culvert/internal/roff"
	"culvert/internal/version"
)

// The names of the manual pages, without their sections.
const (
	programPage  = "culvert"
	languagePage = "culvert.conf"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man [culvert | culvert.conf]",
		Short: "Print the manual page of the program, or of the configuration language",
		Long: `Print the manual page of the program, or of its configuration language, for man or
another program to show. Packages install both as culvert(1) and culvert.conf(5).`,
		Example:   "  culvert man | man -l -",
		ValidArgs: []string{programPage, languagePage},
		Args:      cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			page := manOfProgram(c.Root())
			switch {
			case len(args) == 1 && args[0] == languagePage:
				page = manOfLanguage()
			case len(args) == 1 && args[0] != programPage:
				return misused("%s: expected culvert or culvert.conf", args[0])
			}
			_, err := io.WriteString(c.OutOrStdout(), page.String())
			return err
		},
	}
}

func newPage(name string, section int, manual string) *roff.Page {
	build, date := version.Current(), ""
	if !build.Time.IsZero() {
		date = build.Time.Format(time.DateOnly)
	}
	return roff.New(name, section, date, "Culvert "+build.Version, manual)
}

// manOfProgram is the page of all commands.
func manOfProgram(root *cobra.Command) *roff.Page {
	p := newPage(programPage, 1, "User Commands")
	p.Section("Name")
	p.Text("culvert - a VPN, compatible with OpenVPN")
	p.Section("Synopsis")
	p.Text("  culvert COMMAND [flags]\n  culvert --config FILE [--directive ...]\n  culvert FILE.conf | FILE.ovpn")
	p.Section("Description")
	p.Text(root.Long)
	p.Section("Commands")
	for _, c := range root.Commands() {
		manOfCommand(p, c)
	}
	p.Section("OpenVPN's command line")
	p.Text(manCalledOpenVPN)
	p.Section("Exit status")
	p.Text(manExitStatus)
	p.Section("Files")
	for _, f := range manFiles {
		p.Item(f[0], f[1])
	}
	p.Section("Signals")
	for _, s := range manSignals {
		p.Item(s[0], s[1])
	}
	p.Section("See also")
	p.Text("culvert.conf(5), openvpn(8), systemd.service(5), ip-netns(8)")
	return p
}

// manOfCommand writes a command, with its flags and examples, and then those below it.
func manOfCommand(p *roff.Page, c *cobra.Command) {
	if !c.IsAvailableCommand() && c.Name() != "help" {
		return
	}
	p.Subsection(strings.TrimSuffix(c.UseLine(), " [flags]"))
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	p.Text(about)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !f.Hidden {
			p.Item(manOfFlag(f))
		}
	})
	if c.Example != "" {
		p.Text("Example:\n\n" + c.Example)
	}
	for _, sub := range c.Commands() {
		manOfCommand(p, sub)
	}
}

// manOfFlag is how a flag is written, and what it means.
func manOfFlag(f *pflag.Flag) (form, text string) {
	form = "--" + f.Name
	if f.Shorthand != "" {
		form = "-" + f.Shorthand + ", " + form
	}
	if f.NoOptDefVal == "" {
		form += " " + valueOf(f)
	}
	text = capital(f.Usage)
	if def := f.DefValue; !strings.Contains(text, "(default") && def != "" && def != "false" && def != "0" && def != "0s" && def != "[]" {
		text += " (default " + def + ")"
	}
	return form, text + "."
}

// valueOf is a word for the value of a flag.
func valueOf(f *pflag.Flag) string {
	switch f.Name {
	case "dir", "state-dir":
		return "DIR"
	case "output":
		return "FILE"
	case "name", "to":
		return "NAME"
	}
	switch f.Value.Type() {
	case "int", "int64", "uint", "uintSlice":
		return "N"
	case "duration":
		return "TIME"
	}
	return "VALUE"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

const manCalledOpenVPN = `Called by the name openvpn, as by a link, the program takes OpenVPN's command line and
none of the commands above:

  openvpn FILE
  openvpn --config FILE [--directive ...]
  openvpn --genkey secret FILE

The same command lines work after the name culvert. culvert.conf(5) has the directives.`

const manExitStatus = `0 after success, and after the end that a signal asked for; 1 after an error; 130 after
a command that a signal interrupted. culvert check has its own, which are said there.`

// manFiles are the places that the program reads and writes by itself.
var manFiles = [][2]string{
	{"/etc/culvert", "The server of culvert.service, as culvert init --dir /etc/culvert makes it. Whoever has ca.key can let anyone in."},
	{"/etc/openvpn/server, /etc/openvpn/client", "Configurations NAME.conf of culvert-server@NAME.service and culvert-client@NAME.service."},
	{"/run/culvert", "Notes of changes to this host, for culvert cleanup, and the sockets of culvert status, trace and capture."},
	{"/var/lib/culvert", "What a server keeps between starts: the key of its login tokens."},
}

var manSignals = [][2]string{
	{"SIGTERM, SIGINT", "End in good order. A second SIGINT ends the process at once, and culvert cleanup undoes what is left."},
	{"SIGHUP", "Read the configuration again. Sessions go on if every change can be taken while they do."},
	{"SIGUSR1", "Connect anew, without reading the configuration."},
	{"SIGUSR2", "Write the status to the log."},
}

// manOfLanguage is the page of all directives.
func manOfLanguage() *roff.Page {
	p := newPage(languagePage, 5, "File Formats")
	p.Section("Name")
	p.Text("culvert.conf - configuration files of culvert and OpenVPN")
	p.Section("Description")
	p.Text(manLanguage)
	for part := range config.PartCommands + 1 {
		p.Section(part.String())
		for _, d := range config.Directives() {
			if d.Part == part {
				p.Item(d.Line(), manOfDirective(&d))
			}
		}
	}
	p.Section("See also")
	p.Text("culvert(1), openvpn(8)")
	return p
}

const manLanguage = `A configuration is a text file of directives, one in a line: a name and its arguments,
separated by blanks. What a line holds after # or ; is a comment. An argument with
blanks stands in quotes; a backslash takes the meaning from the next character. On the
command line, a directive has two dashes before its name.

A block holds a file's text in place of its name:

  <ca>
  -----BEGIN CERTIFICATE-----
  ...
  </ca>

<connection> blocks have directives of one server among several.

In the list below, [x] may be left out, a|b is a choice, and ... stands for more of the
same. A directive is honoured unless its text says that it is ignored or refused; one that
is refused is an error with the file, the line and what to do instead. None is skipped in
silence.

culvert help DIRECTIVE shows one of them, and culvert check FILE explains a file.`

// manOfDirective is what a directive does, and what else is known about it: that it is
// honoured is said only of those that are not.
func manOfDirective(d *config.Directive) string {
	text := d.Help + "\n\n"
	for _, f := range d.Facts() {
		switch {
		case f.What != "Here":
			text += f.What + " " + f.Text + ".\n"
		case d.Status != config.Supported:
			text += capital(f.Text) + ".\n"
		}
	}
	return text
}
