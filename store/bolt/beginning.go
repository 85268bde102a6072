package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// beginning is how much of a file has both headers with any size of pages that bbolt makes.
const beginning = 128 << 10

// verifyBeginning fails for a file whose header is no header, or whose end is lost. It reads no
// more than the beginning.
func verifyBeginning(f *os.File) error {
	b := make([]byte, beginning)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	h, ok := newestHeader(b[:n])
	if !ok {
		return headless(b[:n])
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if size := uint64(info.Size()); h.high > size/h.pageSize {
		return fmt.Errorf("it has %d bytes, and should have at least %d: its end is lost", size, h.high*h.pageSize)
	}
	return nil
}

// A mark stands behind the headers, in room that bbolt leaves empty: something in the file was
// damaged. It is gone after two transactions.
const markAt = pageHeader + metaSize

var markText = []byte("damaged?")

// marked reports whether a file is marked.
func marked(f *os.File) bool {
	b := make([]byte, len(markText))
	_, err := f.ReadAt(b, markAt)
	return err == nil && bytes.Equal(b, markText)
}

// mark marks a file. Where that fails, the next process finds the damage where it reads it.
func mark(f *os.File) {
	if _, err := f.WriteAt(markText, markAt); err == nil {
		_ = f.Sync()
	}
}
