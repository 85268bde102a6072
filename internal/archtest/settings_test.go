package archtest

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

// TestSettingsAreUsed fails for a field of a configuration that the setters of
// directives fill and nobody reads: a directive that was swallowed.
func TestSettingsAreUsed(t *testing.T) {
	used, sources := make(map[string]bool), tree(t)
	for _, s := range sources {
		if s.test || fills(s) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				used[selector.Sel.Name] = true
			}
			return true
		})
	}
	n := 0
	for _, s := range sources {
		if s.dir != "config" || s.test || !groups[strings.TrimSuffix(path.Base(s.path), ".go")] {
			continue
		}
		for name, fields := range structs(s.ast) {
			for _, field := range fields {
				if n++; !used[field] {
					t.Errorf("config.%s.%s is filled and never used: carry the directive out, refuse it, or list it as harmless", name, field)
				}
			}
		}
	}
	if n < 150 {
		t.Errorf("only %d fields were found", n)
	}
}

// groups are the files of config that declare settings.
var groups = map[string]bool{"config": true, "link": true, "adapter": true, "routing": true, "server": true, "trust": true,
	"data": true, "login": true, "timers": true, "process": true, "perclient": true}

// fills says whether a file is one of those that only fill a configuration.
func fills(s source) bool {
	name := path.Base(s.path)
	return s.dir == "config" && (strings.HasPrefix(name, "set_") || strings.HasPrefix(name, "rows_") || groups[strings.TrimSuffix(name, ".go")])
}

// structs are the fields of each struct type that a file declares.
func structs(file *ast.File) map[string][]string {
	fields := make(map[string][]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				for _, name := range f.Names {
					fields[spec.Name.Name] = append(fields[spec.Name.Name], name.Name)
				}
			}
		}
		return true
	})
	return fields
}
