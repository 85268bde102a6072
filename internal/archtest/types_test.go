package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// mostMethods is how many methods a type may have without a reason.
const mostMethods = 25

// sized are the folders whose types are counted: those where all state meets.
var sized = []string{"config", "operate", "role", "session", "tunnel"}

// large are the types there with more methods than that, each with the reason.
var large = map[string]string{}

// TestTypesAreSmall fails for a type that holds all state. Ask of each method which
// fields it needs, and give those a type.
func TestTypesAreSmall(t *testing.T) {
	methods := methodsOf(tree(t))
	for name, its := range methods {
		if len(its) > mostMethods && large[name] == "" {
			t.Errorf("%s has %d methods, more than %d: make types of its parts, or give it a reason in internal/archtest", name, len(its), mostMethods)
		}
	}
	for name := range large {
		if len(methods[name]) <= mostMethods {
			t.Errorf("%s has a reason for more than %d methods and has %d: remove the reason", name, mostMethods, len(methods[name]))
		}
	}
}

// methodsOf returns the names of each type's methods, of T and *T, on any system.
func methodsOf(sources []source) map[string]map[string]bool {
	methods := map[string]map[string]bool{}
	for _, s := range sources {
		if s.test || !slices.Contains(sized, top(s.dir)) {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			name := s.dir + "." + strings.TrimSuffix(receiver(f), ".")
			if methods[name] == nil {
				methods[name] = map[string]bool{}
			}
			methods[name][f.Name.Name] = true
		}
	}
	return methods
}

// renamed are our packages that the files of a folder may import under another
// name, as "folder: path", each with the reason.
var renamed = map[string]string{}

// TestPackagesKeepTheirNames fails where a package of ours is imported under
// another name: if its name does not fit there, it has the wrong one.
func TestPackagesKeepTheirNames(t *testing.T) {
	used := map[string]bool{}
	for _, s := range tree(t) {
		for _, i := range s.ast.Imports {
			path, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module)
			if !ours || i.Name == nil || i.Name.Name == "_" {
				continue
			}
			key := s.dir + ": " + path
			used[key] = true
			if renamed[key] == "" {
				t.Errorf("%s imports %s as %s: give the package a better name, or a reason in internal/archtest", s.path, path, i.Name.Name)
			}
		}
	}
	for key := range renamed {
		if !used[key] {
			t.Errorf("%s has a reason for another name and keeps its own: remove the reason", key)
		}
	}
}
