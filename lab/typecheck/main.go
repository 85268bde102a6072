// Command typecheck checks that packages and their tests compile for other systems and
// processors: typecheck windows/amd64,linux/mipsle ./...
//
// It reads the types from the sources of all that they import, and generates no code:
// a tenth of what a build takes.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: typecheck SYSTEM/PROCESSOR,... PACKAGE...")
		os.Exit(2)
	}
	for target := range strings.SplitSeq(os.Args[1], ",") {
		fmt.Println("types for", target)
		if err := check(target, os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "typecheck: %s: %v\n", target, err)
			os.Exit(1)
		}
	}
}

// check loads the packages that the patterns name as target compiles them.
func check(target string, patterns []string) error {
	system, processor, ok := strings.Cut(target, "/")
	if !ok {
		return errors.New("expected SYSTEM/PROCESSOR, such as windows/amd64")
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedModule,
		Env:   append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+processor),
		Tests: true,
		ParseFile: func(set *token.FileSet, name string, src []byte) (*ast.File, error) {
			return parse(set, name, src, here)
		},
	}, patterns...)
	if err != nil {
		return err
	}
	if len(loaded) == 0 {
		return fmt.Errorf("no packages in %s", strings.Join(patterns, " "))
	}
	wrong := 0
	packages.Visit(loaded, nil, func(p *packages.Package) {
		if p.Module == nil || !p.Module.Main {
			return
		}
		for _, e := range p.Errors {
			fmt.Fprintln(os.Stderr, e)
			wrong++
		}
	})
	if wrong > 0 {
		return fmt.Errorf("%d errors", wrong)
	}
	return nil
}

// parse leaves out what is in functions of other modules. The main of a test, which go
// makes, is in no file of Go's name, and keeps it.
func parse(set *token.FileSet, name string, src []byte, here string) (*ast.File, error) {
	file, err := parser.ParseFile(set, name, src, parser.SkipObjectResolution)
	if file != nil && filepath.Ext(name) == ".go" && !strings.HasPrefix(name, here+string(filepath.Separator)) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				f.Body = nil
			}
		}
	}
	return file, err
}
