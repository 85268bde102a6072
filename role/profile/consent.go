package profile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"culvert/config"
	"culvert/host/process"
	"culvert/internal/printable"
)

// Consent asks the user whether a stranger's configuration may do on this machine
// what it does beyond a tunnel. It returns nil if that is allowed, or there is nothing
// to ask about. file is where the configuration was read from.
func Consent(ctx context.Context, c *config.Config, file string, ask Ask) error {
	lines := Doubtful(c, file)
	if len(lines) == 0 {
		return nil
	}
	list := fmt.Sprintf("%s does more on this machine than a tunnel needs:\n  %s\n", printable.Name(file), strings.Join(lines, "\n  "))
	answer, err := askUntil(ctx, ask, list+"Allow that? [y/N] ")
	switch {
	case errors.Is(err, ErrNobody):
		return fmt.Errorf("%snobody can be asked here; look at these lines, then remove them, or allow them with --allow-scripts", list)
	case err != nil:
		return err
	case !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))):
		return fmt.Errorf("%s was not allowed what it asks for, so nothing was done; remove the lines from it to connect without them", printable.Name(file))
	}
	return nil
}

// askUntil asks a question and returns the answer. It returns early when ctx ends.
func askUntil(ctx context.Context, ask Ask, question string) (string, error) {
	if ask == nil {
		return "", ErrNobody
	}
	type result struct {
		text string
		err  error
	}
	answered := make(chan result, 1)
	go func() {
		text, err := ask(question, true)
		answered <- result{text, err}
	}()
	select {
	case r := <-answered:
		return r.text, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Doubtful returns the lines of a configuration that the user should be asked about,
// in words. A file beside the configuration, such as one with user name and password,
// is not among them: it was put there to be sent.
func Doubtful(c *config.Config, file string) (lines []string) {
	for _, t := range c.Touches() {
		if t.Kind != config.TouchSends || !beside(file, c.Path(t.File)) {
			lines = append(lines, inWords(t))
		}
	}
	return append(lines, rootLines(c)...)
}

func inWords(t config.Touch) string {
	return fmt.Sprintf("%s: %s (%v)", t.Pos, printable.Name(t.Line), t.Kind)
}

// SendsUnasked refuses a configuration that sends what a file holds which is not beside it,
// for commands that ask nobody: to a proxy, and with login, to the server (auth-user-pass).
func SendsUnasked(c *config.Config, file string, login bool) error {
	for _, t := range c.Touches() {
		directive, _, _ := strings.Cut(t.Line, " ")
		if t.Kind == config.TouchSends && (login || directive != "auth-user-pass") && !beside(file, c.Path(t.File)) {
			return fmt.Errorf("%s, and nobody is asked here: put the file beside %s (not into a folder that is hidden) and name it there, if it was made to be sent", inWords(t), printable.Name(file))
		}
	}
	return nil
}

// RunsUnasked refuses a configuration that runs programs, for commands that ask nobody.
func RunsUnasked(c *config.Config) error {
	for _, t := range c.Touches() {
		if t.Kind == config.TouchRuns {
			return fmt.Errorf("%s, and nobody is asked here: remove the line from a copy of the configuration", inWords(t))
		}
	}
	return nil
}

// rootLines returns the lines of a configuration that let packets of strangers be
// read with root's rights.
func rootLines(c *config.Config) (lines []string) {
	say := func(directive, value, what string) {
		lines = append(lines, fmt.Sprintf("%v: %s %s (%s)", c.At(directive), directive, printable.Name(value), what))
	}
	if id, err := process.Lookup(c.Process.User, ""); err == nil && id.UID == 0 {
		say("user", c.Process.User, "keeps root's rights")
	}
	if id, err := process.Lookup("", c.Process.Group); err == nil && id.GID == 0 {
		say("group", c.Process.Group, "keeps the rights of root's group")
	}
	if c.Process.Chroot != "" {
		say("chroot", c.Process.Chroot, "keeps root's rights until the tunnel is up")
	}
	return lines
}

// beside reports whether a file is in the folder of a configuration, or below it,
// after all links are followed. Hidden files do not count: in a home directory, they
// are where other programs keep their secrets.
func beside(configuration, file string) bool {
	real := func(name string) (string, error) {
		name, err := filepath.Abs(name)
		if err == nil {
			name, err = filepath.EvalSymlinks(name)
		}
		return name, err
	}
	at, err := real(configuration)
	if err != nil {
		return false
	}
	if file, err = real(file); err != nil {
		return false
	}
	below, err := filepath.Rel(filepath.Dir(at), file)
	hidden := strings.Contains(string(filepath.Separator)+below, string(filepath.Separator)+".")
	return err == nil && filepath.IsLocal(below) && !hidden
}
