package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// typedPackage is a package of the module with its types, as it is built on this
// system, without tests.
type typedPackage struct {
	types *types.Package
	info  *types.Info
	files []*ast.File
}

// typed returns every package of the module except the laboratory, by path. The
// packages of other modules are empty there, so that none has to be compiled: a
// type that comes out of one is unknown, and what is selected from it is not seen.
func typed(t *testing.T) map[string]*typedPackage {
	t.Helper()
	pkgs, err := loadTyped()
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

var loadTyped = sync.OnceValues(func() (map[string]*typedPackage, error) {
	sources, err := readTree()
	if err != nil {
		return nil, err
	}
	l := &loader{pkgs: map[string]*typedPackage{}, files: map[string][]*ast.File{}, others: map[string]*types.Package{}}
	var standard []string
	for _, s := range sources {
		if s.test || top(s.dir) == "lab" {
			continue
		}
		if ok, err := build.Default.MatchFile(filepath.Join(root, s.dir), path.Base(s.path)); err != nil || !ok {
			continue
		}
		l.files[s.dir] = append(l.files[s.dir], s.ast)
		for _, p := range s.imports() {
			if isStandard(p) {
				standard = append(standard, p)
			}
		}
	}
	slices.Sort(standard)
	if l.standard, err = importStandard(slices.Compact(standard)); err != nil {
		return nil, err
	}
	for dir := range l.files {
		if _, err := l.Import(module + dir); err != nil {
			return nil, err
		}
	}
	return l.pkgs, nil
})

// isStandard reports whether a path belongs to the standard library: the first
// folder of any other path has a dot, except in this module.
func isStandard(importPath string) bool {
	return !strings.HasPrefix(importPath, module) && !strings.Contains(top(importPath), ".")
}

// loader checks the types of the module's packages, each after those it imports.
type loader struct {
	files    map[string][]*ast.File // by folder
	pkgs     map[string]*typedPackage
	standard types.Importer
	others   map[string]*types.Package
}

// Import implements types.Importer.
func (l *loader) Import(importPath string) (*types.Package, error) {
	dir, ours := strings.CutPrefix(importPath, module)
	switch {
	case importPath == "unsafe":
		return types.Unsafe, nil
	case isStandard(importPath):
		return l.standard.Import(importPath)
	case !ours && l.others[importPath] == nil:
		l.others[importPath] = types.NewPackage(importPath, path.Base(importPath))
		l.others[importPath].MarkComplete()
	}
	if !ours {
		return l.others[importPath], nil
	}
	if p := l.pkgs[importPath]; p != nil {
		return p.types, nil
	}
	p := &typedPackage{files: l.files[dir], info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}}
	conf := types.Config{Importer: l, Error: func(error) {}} // errors come of the empty packages
	p.types, _ = conf.Check(importPath, fileSet, p.files, p.info)
	if p.types == nil {
		return nil, fmt.Errorf("%s: no types", importPath)
	}
	l.pkgs[importPath] = p
	return p.types, nil
}

// importStandard returns an importer of the standard library's packages, from the
// go command's cache.
func importStandard(paths []string) (types.Importer, error) {
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, paths...)...)
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", list, err, stderr.Bytes())
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		importPath, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[importPath] = file
	}
	return importer.ForCompiler(fileSet, "gc", func(importPath string) (io.ReadCloser, error) { return os.Open(exports[importPath]) }), nil
}
