package audit

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
)

// refusal is what the line of a refused client has, and no other: in values, quotes are
// escaped. Strangers can cause as many as they like.
var refusal = []byte(`"what":"` + Refused + `"`)

// gather adds what a file has besides refusals to the oldest one, which holds no others, so
// that refusals push out nothing but refusals. Of the oldest file, the first lines go where
// it would become larger than limit bytes.
func gather(file, oldest string, limit int64) (err error) {
	more, err := amount(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	has, err := amount(oldest)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	made := oldest + ".new"
	to, err := os.OpenFile(made, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w, surplus := bufio.NewWriter(to), has+more-limit
	put := func(line []byte) error {
		if surplus > 0 {
			surplus -= int64(len(line))
			return nil
		}
		_, err := w.Write(line)
		return err
	}
	if err = others(oldest, put); errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, others(file, put), w.Flush(), to.Sync(), to.Close()); err != nil {
		os.Remove(made)
		return err
	}
	return os.Rename(made, oldest)
}

// amount is how many bytes a file has besides refusals.
func amount(file string) (n int64, err error) {
	return n, others(file, func(line []byte) error {
		n += int64(len(line))
		return nil
	})
}

// others calls f for each line of a file that is no refusal.
func others(file string, f func(line []byte) error) error {
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is behind the last line was never whole
		}
		if err == nil && !bytes.Contains(line, refusal) {
			err = f(line)
		}
		if err != nil {
			return err
		}
	}
}
