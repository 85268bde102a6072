package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// noting, if set, gets the names of files that are read.
var noting atomic.Pointer[func(name string)]

// NoteReads calls f, and returns the names that ReadFile was asked for meanwhile, by
// whichever goroutine.
func NoteReads(f func()) map[string]bool {
	var mu sync.Mutex
	names := map[string]bool{}
	note := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		names[name] = true
	}
	noting.Store(&note)
	defer noting.Store(nil)
	f()
	mu.Lock()
	defer mu.Unlock()
	return maps.Clone(names)
}

// MaxFile bounds what ReadFile reads, in bytes: more than the largest revocation
// list in use.
const MaxFile = 64 << 20

// ReadFile reads a file that a configuration or a user names: a regular one of at
// most MaxFile bytes. It refuses what may never begin or never end, with an
// *fs.PathError that says what it is: devices (except the null device), named
// pipes, sockets, directories. It reads a pipe that this process was given open,
// as by `--config <(command)`: /dev/stdin and /dev/fd/N.
//
// Where the right is missing, Lend.Read is asked, if there is one.
func ReadFile(name string) ([]byte, error) {
	if note := noting.Load(); note != nil {
		(*note)(name)
	}
	text, err := readFile(name)
	if errors.Is(err, fs.ErrPermission) && Lend.Read != nil {
		return Lend.Read(name)
	}
	return text, err
}

func readFile(name string) ([]byte, error) {
	flags := os.O_RDONLY
	if !given(name) {
		info, err := os.Stat(name) // before it is opened, which alone makes some devices act
		if err == nil {
			err = isFile(name, info)
		}
		if err != nil {
			return nil, err
		}
		flags |= NonBlocking
	}
	f, err := os.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !given(name) {
		info, err := f.Stat()
		if err == nil {
			err = isFile(name, info)
		}
		if err != nil {
			return nil, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(text) > MaxFile {
		return nil, tooLarge(name)
	}
	return text, err
}

// given reports whether a name stands for what this process was given open.
func given(name string) bool {
	return name == "/dev/stdin" || strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/self/fd/")
}

func isFile(name string, info fs.FileInfo) error {
	what := ""
	switch mode := info.Mode(); {
	case mode.IsRegular() && info.Size() > MaxFile:
		return tooLarge(name)
	case mode.IsRegular() || name == os.DevNull:
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe (FIFO)"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	default:
		what = "a device"
	}
	return &fs.PathError{Op: "read", Path: name, Err: errors.New("this is " + what + ", not a file")}
}

func tooLarge(name string) error {
	return &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("the file is larger than %d MiB", MaxFile>>20)}
}
