package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/term"

	"culvert/config"
	"culvert/internal/printable"
	"culvert/role/profile"
)

// ask is who asks the user at the terminal: nobody where only the management client is
// to be asked (management-query-passwords).
func ask(c *config.Config) profile.Ask {
	if c.Management.QueryPasswords {
		return nil
	}
	return AskTerminal
}

// terminal is where a question is seen: the terminal itself, where the log leads elsewhere.
func terminal() (w io.Writer, done func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		if f, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
			return f, func() { f.Close() }
		}
	}
	return os.Stderr, func() {}
}

// AskTerminal asks the user at the terminal.
func AskTerminal(question string, echo bool) (string, error) {
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		return "", fmt.Errorf("%q: %w, since there is no terminal; put the answer in a file and name it: auth-user-pass FILE, askpass FILE", strings.TrimSpace(question), profile.ErrNobody)
	}
	seen, done := terminal()
	defer done()
	fmt.Fprint(seen, printable.Lines(question))
	if echo {
		return readLine(os.Stdin)
	}
	secret, err := readSecret(stdin)
	fmt.Fprintln(seen)
	return string(secret), err
}

// ErrInterrupted is the error of AskUntil for a question that was interrupted.
var ErrInterrupted = errors.New("interrupted")

// AskUntil returns AskTerminal until ctx ends, as by Ctrl-C: the terminal is as it was then,
// and the error ErrInterrupted. The process should end, since the terminal is read still.
func AskUntil(ctx context.Context) profile.Ask {
	return func(question string, echo bool) (string, error) {
		var text string
		answered := make(chan error, 1)
		go func() {
			var err error
			text, err = AskTerminal(question, echo)
			answered <- err
		}()
		select {
		case err := <-answered:
			return text, err
		case <-ctx.Done():
			showTyping()
			seen, done := terminal()
			defer done()
			fmt.Fprintln(seen)
			return "", ErrInterrupted
		}
	}
}

// hidden is the terminal's state from before a password was asked for; nil while none
// is.
var hidden atomic.Pointer[term.State]

// readSecret is term.ReadPassword; showTyping can restore the terminal meanwhile.
func readSecret(stdin int) ([]byte, error) {
	state, err := term.GetState(stdin)
	if err != nil {
		return nil, err
	}
	hidden.Store(state)
	defer hidden.Store(nil)
	return term.ReadPassword(stdin)
}

// showTyping restores the terminal, for a process that ends while a password is asked
// for.
func showTyping() {
	if state := hidden.Swap(nil); state != nil {
		_ = term.Restore(int(os.Stdin.Fd()), state)
	}
}

// readLine reads one line from r, and nothing after it.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		if n == 1 && b[0] == '\n' || err == io.EOF && len(line) > 0 {
			return strings.TrimRight(string(line), "\r"), nil
		}
		if err != nil {
			return "", err
		}
		line = append(line, b[:n]...)
	}
}
