// Package audit keeps the record of who was let in, who was refused and why, and who
// changed what: lines of JSON in a file that is only added to, and that moves aside when
// it is large.
package audit

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// The kinds of entries.
const (
	LetIn   = "let-in"   // a client came in
	Refused = "refused"  // it may not come in, or may not stay
	ShutOut = "shut-out" // it was in, and is cut off
	Left    = "left"     // its session ended
	Fetched = "fetched"  // somebody took a profile by its link
	Changed = "changed"  // somebody changed accounts or policy
	// SignedIn and SignedOut are of the dashboard.
	SignedIn  = "signed-in"
	SignedOut = "signed-out"
)

// Entry is a line of the record.
type Entry struct {
	At       time.Time      `json:"at" doc:"when"`
	What     string         `json:"what" doc:"what happened: let-in, refused, shut-out, left, fetched, changed, signed-in or signed-out"`
	Login    bool           `json:"login,omitempty" doc:"what the client showed to log in was not good: it may be guessing"`
	User     string         `json:"user,omitempty" doc:"the client's user name; as it said, if refused"`
	Client   string         `json:"client,omitempty" doc:"the client's name: that of its certificate, most often"`
	Address  netip.AddrPort `json:"address,omitzero" doc:"the outer address and port where it comes from"`
	Inner    []netip.Addr   `json:"inner,omitempty" doc:"its addresses in the tunnel"`
	Serial   string         `json:"serial,omitempty" doc:"the serial number of its certificate, in hex"`
	Agent    string         `json:"agent,omitempty" doc:"its program and platform, as it said"`
	Reason   string         `json:"reason,omitempty" doc:"why it was refused, shut out or is gone"`
	Seconds  float64        `json:"seconds,omitempty" doc:"how long it was in, in seconds"`
	BytesIn  uint64         `json:"bytes_in,omitempty" doc:"bytes that came from it"`
	BytesOut uint64         `json:"bytes_out,omitempty" doc:"bytes that were sent to it"`
	By       string         `json:"by,omitempty" doc:"who changed something"`
	Command  string         `json:"command,omitempty" doc:"with which command or operation"`
	Changes  []Change       `json:"changes,omitempty" doc:"what changed of the records"`
}

// Change is what became of a record of the store.
type Change struct {
	Key    string         `json:"key" doc:"the record's name in the store"`
	How    string         `json:"how" doc:"added, removed or set"`
	Fields map[string]any `json:"fields,omitempty" doc:"the fields that changed, with what they hold now; of secrets nothing"`
}

// Line returns an entry as a line.
func (e Entry) Line() ([]byte, error) {
	line, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append(line, '\n'), nil
}

// The size at which the file moves aside, and how many that did are kept.
const (
	maxSize = 16 << 20
	keep    = 9
)

// File is a record in a file, with those that moved aside beside it as FILE.1 (the
// newest) to FILE.9, which gathers what the older ones had besides refusals. Several processes may add to one. It is safe for concurrent use.
type File struct {
	path string
	size int64 // at which it moves aside
	mu   sync.Mutex
}

// NewFile returns the record at a path. It opens nothing.
func NewFile(path string) *File { return &File{path: path, size: maxSize} }

// Append adds a line, which ends in a newline.
func (f *File) Append(line []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		done, err := f.append(line)
		if err != nil {
			return fmt.Errorf("the audit log: %w", err)
		}
		if done {
			return nil
		}
	}
}

// append adds a line to the file that has the name now. done is false where that has
// changed meanwhile, or it was so large that it moved aside.
func (f *File) append(line []byte) (done bool, err error) {
	h, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	defer h.Close()
	if err := lock(h); err != nil {
		return false, err
	}
	info, err := h.Stat()
	if err != nil {
		return false, err
	}
	if named, err := os.Lstat(f.path); err != nil || !os.SameFile(info, named) {
		return false, nil // another process moved it aside
	}
	if info.Size() < f.size {
		_, err = h.Write(line)
		return err == nil, err
	}
	if runtime.GOOS == "windows" { // where what is open cannot be renamed
		h.Close()
	}
	return false, f.moveAside()
}

// moveAside renames the file, and the older ones before it. The oldest takes what the one
// before it has besides refusals; where it cannot, that one takes its place.
func (f *File) moveAside() error {
	last := keep
	if gather(f.path+"."+strconv.Itoa(keep-1), f.path+"."+strconv.Itoa(keep), f.size) == nil {
		last--
	}
	for i := last; i > 0; i-- {
		from := f.path
		if i > 1 {
			from += "." + strconv.Itoa(i-1)
		}
		if err := os.Rename(from, f.path+"."+strconv.Itoa(i)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// Name is the name of a server's record in its directory.
const Name = "audit.log"

// In returns the record of a server's directory.
func In(dir string) *File { return NewFile(filepath.Join(dir, Name)) }
