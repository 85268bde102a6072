package archtest

import (
	"bytes"
	"go/format"
	"strings"
	"testing"
)

func TestPackagesAreDocumented(t *testing.T) {
	sources := tree(t)
	for _, dir := range dirs(sources) {
		documented, name := false, ""
		for _, s := range sources {
			if s.dir != dir {
				continue
			}
			name = s.ast.Name.Name
			want := "Package " + strings.TrimSuffix(name, "_test") + " "
			if name == "main" {
				want = "Command "
			}
			documented = documented || strings.HasPrefix(s.ast.Doc.Text(), want)
		}
		if !documented {
			t.Errorf("%s: package %s has no comment that begins with \"Package %s\" (\"Command …\" for a main package)", dir, name, name)
		}
	}
}

func TestFormatted(t *testing.T) {
	for _, s := range tree(t) {
		want, err := format.Source(s.text)
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
		} else if !bytes.Equal(want, s.text) && !s.generated() {
			t.Errorf("%s is not formatted: run gofmt -w %s", s.path, s.path)
		}
	}
}
