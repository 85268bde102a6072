package people

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"culvert/store"
)

// A store as text has this line first, and then a line for each record, by key: the key, a
// space, and the value. That is JSON on one line, or "base64:" and anything. Spaces before
// the key count for nothing; a key that begins with # has one. Empty lines and others that
// begin with # are passed over.
const title = "# culvert store, format "

// textFormat is the newest format of text.
const textFormat = 1

// inBase64 begins values that are no JSON on one line.
const inBase64 = "base64:"

// maxLine bounds a line in bytes: a value of the longest, in base64.
const maxLine = 2 * store.MaxValue

// Export writes what a store holds as text, at one revision.
func Export(ctx context.Context, s store.Store, w io.Writer) (records int, err error) {
	snap, err := s.List(ctx, "")
	if err != nil {
		return 0, err
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s%d: %d records, with secrets\n", title, textFormat, len(snap.Entries))
	for _, e := range snap.Entries {
		if e.Key[0] == '#' {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "%s %s\n", e.Key, valueText(e.Value))
	}
	return len(snap.Entries), b.Flush()
}

func valueText(value []byte) string {
	var compact bytes.Buffer
	if json.Compact(&compact, value) == nil && bytes.Equal(compact.Bytes(), value) {
		return string(value)
	}
	return inBase64 + base64.StdEncoding.EncodeToString(value)
}

func parseValue(text string) ([]byte, error) {
	if coded, ok := strings.CutPrefix(text, inBase64); ok {
		value, err := base64.StdEncoding.Strict().DecodeString(coded)
		if err != nil {
			return nil, errors.New("what follows base64: is not base64")
		}
		return value, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(text)); err != nil {
		return nil, errors.New("expected a value as JSON, or base64: and the value in base64")
	}
	return compact.Bytes(), nil
}

// record is a line of text.
type record struct {
	store.Put
	line int
}

// maxFaults is how many lines are named that are wrong.
const maxFaults = 10

// parseText reads a store as text. The error names the lines that are wrong, with the
// name of their file, and no value of theirs.
func parseText(name string, r io.Reader) (all []record, err error) {
	var faults []error
	wrong := func(line int, format string, args ...any) {
		if len(faults) < maxFaults {
			faults = append(faults, fmt.Errorf("%s:%d: %w", name, line, fmt.Errorf(format, args...)))
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	seen := make(map[string]int)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimRight(lines.Text(), " \r")
		if n == 1 {
			if err := checkTitle(text); err != nil {
				return nil, fmt.Errorf("%s:1: %w", name, err)
			}
		}
		if text == "" || text[0] == '#' {
			continue
		}
		key, rest, _ := strings.Cut(strings.TrimLeft(text, " "), " ")
		value, err := parseValue(strings.TrimLeft(rest, " "))
		p := store.Put{Key: key, Value: value}
		if err == nil {
			err = (&store.Txn{Put: []store.Put{p}}).Check()
		}
		if err != nil {
			wrong(n, "record %.80q: %w", key, err)
			continue
		}
		if before := seen[key]; before > 0 {
			wrong(n, "record %s is there already, on line %d", key, before)
			continue
		}
		seen[key] = n
		all = append(all, record{p, n})
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		wrong(n+1, "a line of more than %d bytes", maxLine)
	case err != nil:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("%s is empty: expected what culvert export writes", name)
	}
	return all, errors.Join(faults...)
}

func checkTitle(line string) error {
	rest, ok := strings.CutPrefix(line, title)
	var format int
	if _, err := fmt.Sscanf(rest, "%d", &format); !ok || err != nil || format < 1 {
		return fmt.Errorf("expected %q: what culvert export writes", fmt.Sprint(title, textFormat))
	}
	if format > textFormat {
		return fmt.Errorf("format %d, and this program knows up to %d: %w", format, textFormat, store.ErrNewer)
	}
	return nil
}
