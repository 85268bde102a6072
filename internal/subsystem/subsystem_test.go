package subsystem

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestOwnersAreThere: each entry of the table names a folder with Go files, or one and what
// is declared in it. One that was renamed would give its messages to another subsystem.
func TestOwnersAreThere(t *testing.T) {
	for _, wide := range []string{"operate", "host", "internal"} {
		if _, there := owners[wide]; there {
			t.Errorf("%s: it would own what is added below it, whatever that is", wide)
		}
	}
	for entry, owner := range owners {
		if _, ok := Find(string(owner)); !ok {
			t.Errorf("%s: %q is no subsystem", entry, owner)
		}
		dir, symbol := divide(entry)
		declared := declaredIn(t, filepath.Join(root, dir))
		switch {
		case symbol == "" && !hasGo(t, filepath.Join(root, dir)):
			t.Errorf("%s: there is no such folder", entry)
		case symbol != "" && !declared[symbol]:
			t.Errorf("%s: %s does not declare %s", entry, dir, symbol)
		}
	}
}

// divide returns the folder of an entry, and the function or type that it names.
func divide(entry string) (dir, symbol string) {
	switch entry {
	case "culvert":
		return ".", ""
	case "main":
		return "cmd/culvert", ""
	}
	if name, ok := strings.CutPrefix(entry, "main."); ok {
		return "cmd/culvert", name
	}
	slash := strings.LastIndex(entry, "/") + 1
	folder, symbol, _ := strings.Cut(entry[slash:], ".")
	return entry[:slash] + folder, symbol
}

// declaredIn are the functions, methods and types of a folder as a symbol names them.
func declaredIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, f := range parsed(t, dir) {
		for _, d := range f.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if f.Recv == nil {
				all[f.Name.Name] = true
				continue
			}
			receiver := ""
			switch r := f.Recv.List[0].Type.(type) {
			case *ast.Ident:
				receiver = r.Name
			case *ast.StarExpr:
				if id, ok := r.X.(*ast.Ident); ok {
					receiver = "(*" + id.Name + ")"
				}
			}
			all[receiver], all[receiver+"."+f.Name.Name] = true, true
		}
	}
	return all
}

func parsed(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// hasGo reports whether there is Go in a folder or below.
func hasGo(t *testing.T, dir string) (found bool) {
	t.Helper()
	filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".go") {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// TestAllThatLogsIsOwned: each folder of the program that uses log/slog has a subsystem of
// its own choice, not that of what is not known, nor of all that operates a process.
func TestAllThatLogsIsOwned(t *testing.T) {
	apart := []string{"internal", "lab", "examples", "packaging"} // do not log for a process
	filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := filepath.Rel(root, name)
		switch {
		case !d.IsDir():
			return nil
		case strings.HasPrefix(d.Name(), ".") && dir != ".", d.Name() == "testdata":
			return fs.SkipDir
		}
		for _, top := range apart {
			if dir == top {
				return fs.SkipDir
			}
		}
		logs := false
		for _, f := range parsed(t, name) {
			for _, i := range f.Imports {
				logs = logs || i.Path.Value == `"log/slog"`
			}
		}
		function := filepath.ToSlash(dir) + ".f"
		switch {
		case dir == ".":
			function = "culvert.f"
		case strings.HasPrefix(dir, "cmd"):
			function = "main.f"
		}
		if _, ok := lookUp(function); logs && !ok {
			t.Errorf("%s logs, and no entry of owners says for which subsystem", dir)
		}
		return nil
	})
}

// place keeps where a message was logged.
type place struct{ pc *uintptr }

func (place) Enabled(context.Context, slog.Level) bool { return true }
func (p place) WithAttrs([]slog.Attr) slog.Handler     { return p }
func (p place) WithGroup(string) slog.Handler          { return p }
func (p place) Handle(_ context.Context, r slog.Record) error {
	*p.pc = r.PC
	return nil
}

// TestOf: a message is its function's, by the longest entry, and of a place that is not
// known the process's.
func TestOf(t *testing.T) {
	for function, want := range map[string]Name{
		"culvert/role/server.LoginRefused.log":         Access,
		"culvert/role/server.(*roster).enter":          Session,
		"culvert/role/server/lease.(*Book).find.func1": Access,
		"culvert/operate/management.(*reader).run":     Management,
		"culvert/operate/manage/trace.Handler":         API,
		"culvert/operate/service.(*local).open":        API,
		"culvert/operate/history.(*Keeper).failed":     History,
		"culvert/operate/history/accounting.(*Log).x":  History,
		"culvert/operate/dashboard.(*Board).serve":     Web,
		"culvert/operate/service.(*localized).open":    Process,
		"culvert/host/hostnet.keep[...]":               Host,
		"culvert.Dial":                                 Process,
		"main.serving.func1":                           Process,
		"github.com/somebody/else.f":                   Process,
	} {
		if got, _ := lookUp(function); got != want {
			t.Errorf("%s: %s, want %s", function, got, want)
		}
	}
	var pc uintptr
	slog.New(place{&pc}).Info("here")
	owners["internal/subsystem"] = Store
	defer delete(owners, "internal/subsystem")
	for range 2 {
		if got := Of(pc); got != Store {
			t.Errorf("logged here: %s", got)
		}
	}
	if got := Of(0); got != Process {
		t.Errorf("logged nowhere: %s", got)
	}
}

// TestAttr: an attribute of Attr is known by its type, not by its key alone.
func TestAttr(t *testing.T) {
	if n, ok := Named(Web.Attr()); !ok || n != Web {
		t.Error(n, ok)
	}
	if n, ok := Named(slog.String(Key, "web")); ok {
		t.Error("a stranger's attribute: ", n)
	}
}

// TestPageHasAll: the page for people has each subsystem, in the words of the table.
func TestPageHasAll(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range All() {
		if row := "| `" + string(s.Name) + "` | " + s.What + " |\n"; !strings.Contains(string(page), row) {
			t.Errorf("docs/logs.md has no row %s", row)
		}
	}
}
