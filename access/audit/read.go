package audit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// Query says which entries of a record are wanted.
type Query struct {
	// After is Next of the page before; "": from the newest entry on.
	After string
	Limit int
	Match func(*Entry) bool // nil: all
	Since time.Time         // none that are much older are looked at; zero: all are
}

// Entries is a page of a record.
type Entries struct {
	Entries []Entry // the newest first
	Next    string  // where the next page begins; "": there is none
}

// ErrCursor is returned for an After that is none, or whose file is gone.
var ErrCursor = errors.New("the record does not have that place any more; begin with its newest entry")

// How much is looked through for one page, and returned, in bytes.
const (
	maxLooked   = 16 << 20
	maxReturned = 400 << 10
	maxLine     = 4 << 20
	chunk       = 64 << 10
)

// disorder is how far entries may be from the order of their times: several processes write.
const disorder = time.Hour

// Read returns entries, the newest first, as far as it has looked for now. Lines that cannot
// be read are passed over.
func (f *File) Read(ctx context.Context, q Query) (page Entries, err error) {
	page.Entries = []Entry{}
	id, end, err := parseCursor(q.After)
	if err != nil {
		return page, err
	}
	looked, seen := 0, map[string]bool{}
	found := q.After == ""
	for i := 0; i <= keep; i++ {
		path := f.path
		if i > 0 {
			path += "." + strconv.Itoa(i)
		}
		part, err := openPart(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return page, fmt.Errorf("the audit log: %w", err)
		}
		from := part.size
		if !found && part.id == id && end <= part.size {
			found, from = true, end
		}
		if !found || seen[part.id] { // it may have moved aside meanwhile
			part.Close()
			continue
		}
		seen[part.id] = true
		more, err := part.read(ctx, q, from, &page, &looked)
		part.Close()
		if err != nil || !more {
			return page, err
		}
	}
	if !found {
		return page, ErrCursor
	}
	return page, nil
}

// part is one of a record's files.
type part struct {
	*os.File
	id   string // of its first line
	size int64
}

func openPart(path string) (*part, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := h.Stat()
	if err != nil {
		h.Close()
		return nil, err
	}
	first, err := bufio.NewReader(io.NewSectionReader(h, 0, maxLine)).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		h.Close()
		return nil, err
	}
	sum := sha256.Sum256(first)
	return &part{h, hex.EncodeToString(sum[:8]), info.Size()}, nil
}

// cursor is a place in a part: that before which a page goes on.
func (p *part) cursor(at int64) string { return p.id + "-" + strconv.FormatInt(at, 10) }

func parseCursor(text string) (id string, at int64, err error) {
	if text == "" {
		return "", 0, nil
	}
	id, number, ok := strings.Cut(text, "-")
	at, err = strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || at < 0 || len(id) != 16 {
		return "", 0, ErrCursor
	}
	return id, at, nil
}

// read adds the entries of a part that end before a place, the last first. more is false
// when the page is full, or nothing older is wanted.
func (p *part) read(ctx context.Context, q Query, end int64, page *Entries, looked *int) (more bool, err error) {
	more, returned := true, 0
	err = backward(p, end, func(start int64, line []byte) bool {
		switch {
		case len(page.Entries) == q.Limit || returned > maxReturned || *looked > maxLooked || ctx.Err() != nil:
			page.Next, more = p.cursor(start+int64(len(line))+1), false
			return false
		}
		*looked += len(line)
		var e Entry
		if json.Unmarshal(line, &e) != nil {
			return true
		}
		if !q.Since.IsZero() && e.At.Before(q.Since.Add(-disorder)) {
			more = false
			return false
		}
		if q.Match == nil || q.Match(&e) {
			page.Entries = append(page.Entries, e)
			returned += len(line)
		}
		return true
	})
	return more, err
}

// backward yields the lines of a file that end before a place, the last first, without their
// ends. What no line end is behind is passed over: it is being written.
func backward(r io.ReaderAt, end int64, yield func(start int64, line []byte) bool) error {
	var rest []byte // what begins at end, up to the line end that was yielded last
	whole := false  // a line end is behind rest
	for end > 0 {
		n := min(end, chunk)
		text := make([]byte, n, int(n)+len(rest))
		if _, err := r.ReadAt(text, end-n); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		end -= n
		text = append(text, rest...)
		for {
			at := bytes.LastIndexByte(text, '\n')
			if at < 0 {
				break
			}
			if whole && !yield(end+int64(at)+1, text[at+1:]) {
				return nil
			}
			text, whole = text[:at], true
		}
		if rest = text; len(rest) > maxLine {
			rest = nil // no entry
		}
	}
	if whole {
		yield(0, rest)
	}
	return nil
}
