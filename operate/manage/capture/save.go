package capture

import (
	"fmt"
	"io"
	"os"
)

// Save copies packets to a new file, or for "-" to stdout. Only this user may read
// the file, since it has what others sent. If packets end early, the file stays, and
// the error says that it is incomplete.
func Save(file string, packets io.Reader, stdout io.Writer) error {
	if file == "-" {
		_, err := io.Copy(stdout, packets)
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = io.Copy(f, packets); err != nil {
		f.Close()
		return fmt.Errorf("%s is incomplete: the process has ended: %w", file, err)
	}
	return f.Close()
}
