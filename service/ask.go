package service

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"culvert/endpoint"
	"culvert/internal/printable"
)

// AskTerminal asks the user at the terminal.
func AskTerminal(question string, echo bool) (string, error) {
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		return "", fmt.Errorf("%q: %w, since there is no terminal; put the answer in a file and name it: auth-user-pass FILE, askpass FILE", strings.TrimSpace(question), endpoint.ErrNobody)
	}
	fmt.Fprint(os.Stderr, printable.Lines(question))
	if echo {
		return readLine(os.Stdin)
	}
	secret, err := term.ReadPassword(stdin)
	fmt.Fprintln(os.Stderr)
	return string(secret), err
}

// readLine takes no more than one line from r.
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
