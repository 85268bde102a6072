// Package version reports which build of culvert this is, from what the Go command
// recorded in it. Peers are told something else (package profile).
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Build is one build of the program.
type Build struct {
	// Version is the module's version: a tag, or a pseudo-version of date and
	// commit, followed by "+dirty" if files had changed; or what the linker was told
	// in its place. It is "devel" if the build does not say, as outside of a git
	// repository.
	Version  string
	Commit   string    // in hex; "" if unknown
	Time     time.Time // of the commit, UTC; zero if unknown
	Modified bool      // files had changed since the commit
	Go       string    // the Go release, such as go1.26.8
	Platform string    // such as linux/amd64
}

// release is the version that whoever built this gave it (make VERSION=1.2.0), or "".
var release string

// Current is the build that is running.
func Current() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	b := read(info)
	if release != "" {
		b.Version = strings.TrimPrefix(release, "v")
	}
	return b
}

func read(info *debug.BuildInfo) Build {
	b := Build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = strings.TrimPrefix(v, "v")
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				b.Time = t.UTC()
			}
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// String returns the build in three lines, each with its line end. As with OpenVPN,
// the first line has the program's name, its version and its platform.
func (b Build) String() string {
	return fmt.Sprintf("culvert %s %s\ncommit %s\nbuilt with %s\n", b.Version, b.Platform, b.commit(), b.Go)
}

func (b Build) commit() string {
	if b.Commit == "" {
		return "unknown"
	}
	text := b.Commit
	if !b.Time.IsZero() {
		text += ", " + b.Time.Format("2006-01-02 15:04:05 MST")
	}
	if b.Modified {
		text += ", with local changes"
	}
	return text
}
