package logs

import (
	"io"
	"sync"
)

// Format is how lines are written.
type Format string

// The formats, beside text for people.
const (
	Logfmt Format = "logfmt"
	JSON   Format = "json"
)

// NewWriter returns a sink that writes each line in one call, with or without times.
func NewWriter(w io.Writer, f Format, times bool) Sink {
	var mu sync.Mutex
	var page []byte
	return func(l Line) {
		mu.Lock()
		defer mu.Unlock()
		if f == JSON {
			page = l.AppendJSON(page[:0], times)
		} else {
			page = l.AppendLogfmt(page[:0], times)
		}
		w.Write(page)
	}
}
