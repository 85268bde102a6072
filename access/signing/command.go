package signing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"culvert/host/process"
	"culvert/internal/printable"
)

// DefaultLimit is how long a program may take, unless told otherwise, and MaxLimit the
// most that it can be told: somebody may have to touch a token, or type its PIN.
const (
	DefaultLimit = time.Minute
	MaxLimit     = time.Hour
)

// Command is a program that signs. It is run once for each request, without a shell, and
// only if nobody but its owner or root can change it.
type Command struct {
	Argv  []string      // the program's path, and its arguments
	Limit time.Duration // for one request; 0: DefaultLimit
}

// Check fails for a program that cannot be run.
func (c Command) Check() error {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return errors.New("sign command: expected a program's path, and its arguments")
	}
	path := c.Argv[0]
	if !filepath.IsAbs(path) {
		return fmt.Errorf("sign command %s: expected a path that begins at the root, since it is run from several directories", printable.Line(path))
	}
	if _, err := exec.LookPath(path); err != nil {
		return fmt.Errorf("sign command: %w; expected the path of a program that this user may run", err)
	}
	if c.Limit < 0 || c.Limit > MaxLimit {
		return fmt.Errorf("sign command: a time limit of %v: expected up to %v", c.Limit, MaxLimit)
	}
	return process.Trusted(path)
}

// lateOutput is how long output is read after the program ended: what it left running
// may hold its pipes.
const lateOutput = 500 * time.Millisecond

// Ask runs the program for one request.
func (c Command) Ask(ctx context.Context, r *Request) (*Answer, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	limit := c.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, said := &head{limit: MaxText + 1}, &tail{limit: 400}
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(r.Append(nil)), out, said
	cmd.WaitDelay = lateOutput
	apart(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and left something running
	}
	switch {
	case ctx.Err() != nil:
		return nil, c.failed("it did not answer within %v and was ended%s; %s", limit, said, "see what it waits for, or allow it more time (timeout_seconds in authority.json)")
	case err != nil:
		return nil, c.failed("%w%s", err, said)
	}
	a, err := ParseAnswer(out.Bytes(), r.Want)
	if err != nil {
		return nil, c.failed("its answer cannot be used: %w%s", err, said)
	}
	return a, nil
}

func (c Command) failed(format string, args ...any) error {
	return fmt.Errorf("sign command %s: "+format, append([]any{printable.Line(c.Argv[0])}, args...)...)
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), h.limit-h.Len())])
	return len(p), nil
}

// tail keeps the end of what is written to it, and begins with ", and said: " as text.
type tail struct {
	text  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - t.limit; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	text := strings.Join(strings.Fields(string(t.text)), " ")
	if text == "" {
		return ""
	}
	return ", and said: " + printable.Line(text)
}

// interactive reports whether somebody sits at a terminal, whom the program may ask for a
// PIN by /dev/tty.
func interactive() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

var _ io.Writer = (*head)(nil)
