package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.." // of the module, from this package
	module = "culvert/"
)

// source is one Go file of the module, of every platform and build tag.
type source struct {
	path string // from the root, with slashes
	dir  string
	test bool
	text []byte
	ast  *ast.File
}

// fileSet has the places of all files.
var fileSet = token.NewFileSet()

// tree returns every Go file of the module.
func tree(t *testing.T) []source {
	t.Helper()
	sources, err := readTree()
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

var readTree = sync.OnceValues(func() (sources []source, err error) {
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipHidden(d.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		s, err := readSource(name)
		sources = append(sources, s)
		return err
	})
	return sources, err
})

// skipHidden skips the folders that the go command skips.
func skipHidden(dir string) error {
	if dir != ".." && strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_") || dir == "testdata" {
		return fs.SkipDir
	}
	return nil
}

func readSource(name string) (source, error) {
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return source{}, err
	}
	rel = filepath.ToSlash(rel)
	text, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	file, err := parser.ParseFile(fileSet, rel, text, parser.ParseComments)
	return source{path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), text: text, ast: file}, err
}

// imports returns the paths that a file imports.
func (s source) imports() []string {
	var paths []string
	for _, i := range s.ast.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// generated reports whether a program wrote the file.
func (s source) generated() bool {
	return bytes.HasPrefix(s.text, []byte("// Code generated ")) || ast.IsGenerated(s.ast)
}

// dirs returns the folders with Go files, sorted.
func dirs(sources []source) []string {
	var all []string
	for _, s := range sources {
		all = append(all, s.dir)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
