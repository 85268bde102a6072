package version

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestString(t *testing.T) {
	here := runtime.GOOS + "/" + runtime.GOARCH
	built := "built with " + runtime.Version() + "\n"
	git := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "403c363cd468c753eb2157b455753d285a54af3d"},
		{Key: "vcs.time", Value: "2026-11-26T19:22:38+01:00"}, {Key: "vcs.modified", Value: "false"}}
	changed := append(git[:3:3], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	for _, c := range []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"", nil, "culvert devel " + here + "\ncommit unknown\n" + built},
		{"(devel)", nil, "culvert devel " + here + "\ncommit unknown\n" + built},
		{"v1.2.3", git, "culvert 1.2.3 " + here + "\ncommit 403c363cd468c753eb2157b455753d285a54af3d, 2026-11-26 18:22:38 UTC\n" + built},
		{"v0.0.0-20261126182238-403c363cd468+dirty", changed,
			"culvert 0.0.0-20261126182238-403c363cd468+dirty " + here + "\ncommit 403c363cd468c753eb2157b455753d285a54af3d, 2026-11-26 18:22:38 UTC, with local changes\n" + built},
		{"v1.2.3", []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "noon"}}, "culvert 1.2.3 " + here + "\ncommit abc\n" + built},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.version}, Settings: c.settings}
		if got := read(info).String(); got != c.want {
			t.Errorf("version %q with %v:\n%s\nwant\n%s", c.version, c.settings, got, c.want)
		}
	}
}

// TestCurrent: a build without any record of it says so, and does not fail.
func TestCurrent(t *testing.T) {
	if b := Current(); b.Version == "" || b.Go != runtime.Version() || b.Platform == "" {
		t.Errorf("%+v", b)
	}
}

// TestOpenVPN: programs take the version from the second word, and features from the
// brackets of the first line.
func TestOpenVPN(t *testing.T) {
	b := Build{Version: "1.2.3", Go: "go1.26.8 X:nothing", Platform: "linux/amd64"}
	first, rest, _ := strings.Cut(b.OpenVPN(), "\n")
	if words := strings.Fields(first); words[0] != "OpenVPN" || words[1] != Compatible || words[2] != "x86_64-pc-linux" || !strings.Contains(first, " [SSL (Go)] ") || !strings.HasSuffix(first, "[AEAD]") {
		t.Errorf("%q", first)
	}
	if !strings.HasPrefix(rest, "library versions: Go crypto/tls 1.26.8, LZO 2.10\n") || !strings.Contains(rest, "Culvert 1.2.3") {
		t.Errorf("%q", rest)
	}
}
