package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"testing"
)

const configPath = module + "config"

// readWithin are the settings that only config reads, each with the reason.
var readWithin = map[string]string{
	"Hooks.Up":               "Hooks.Commands has it",
	"Hooks.Down":             "Hooks.Commands has it",
	"Hooks.RouteUp":          "Hooks.Commands has it",
	"Hooks.RoutePreDown":     "Hooks.Commands has it",
	"Hooks.IPChange":         "Hooks.Commands has it",
	"Hooks.PersistTun":       "Hooks.OnReconnect says what follows",
	"Config.TLSClient":       "the end of TLS that TLSServer is not; config refuses both and neither",
	"Link.Locals":            "Config.Listens has it",
	"Server.PushConstraint":  "AddPerClient refuses addresses that it rules out",
	"Routing.PullFilters":    "Config.FilterPushed and UpdatePushed go by it",
	"DNSServer.Priority":     "config sorts by it",
	"PullFilter.Action":      "Config.FilterPushed and UpdatePushed go by it",
	"PullFilter.Text":        "Config.FilterPushed and UpdatePushed go by it",
	"Web.Key":                "Server.CertificateOf has it, and Listeners",
	"Data.AllowStaticCrypto": "the warning of `secret` is longer without it",
	"Routing.NoPull":         "ParsePushed leaves routes out by it",
	"Process.ScriptSecurity": "programs that it forbids are refused",
}

// explains only explains settings: what it reads is not carried out by that.
const explains = module + "operate/check"

// TestSettingsAreUsed fails for a setting that is filled and never read, which
// means that a directive is swallowed. A setting is read if code outside of config
// selects that very field other than to assign to it. Settings that only config
// reads have a row in readWithin.
func TestSettingsAreUsed(t *testing.T) {
	pkgs := typed(t)
	settings := settingsOf(t, pkgs[configPath].types)
	if len(settings) < 150 {
		t.Errorf("only %d fields were found", len(settings))
	}
	outside, within := map[types.Object]bool{}, map[types.Object]bool{}
	for path, p := range pkgs {
		reads := outside
		switch path {
		case configPath:
			reads = within
		case explains:
			continue
		}
		for _, file := range p.files {
			readFields(file, p.info, reads)
		}
	}
	for field, name := range settings {
		_, listed := readWithin[name]
		switch {
		case outside[field] && listed:
			t.Errorf("config.%s is read outside of config: remove its row from readWithin", name)
		case listed && !within[field]:
			t.Errorf("config.%s has a row in readWithin, but config does not read it: carry the directive out", name)
		case !outside[field] && !listed:
			t.Errorf("config.%s is filled and never read: carry the directive out, refuse it, or list it as harmless; where config itself carries it out, give it a row in readWithin", name)
		}
	}
	for name := range readWithin {
		if !named(settings, name) {
			t.Errorf("readWithin has a row for config.%s, which does not exist: remove it", name)
		}
	}
}

func named(settings map[types.Object]string, name string) bool {
	for _, n := range settings {
		if n == name {
			return true
		}
	}
	return false
}

// settingsOf returns the exported fields of Config and PerClient, and of config's
// structs below them, with their names as Type.Field.
func settingsOf(t *testing.T, config *types.Package) map[types.Object]string {
	t.Helper()
	settings, seen := map[types.Object]string{}, map[types.Type]bool{}
	var walk func(types.Type)
	walk = func(typ types.Type) {
		switch typ := typ.(type) {
		case *types.Pointer:
			walk(typ.Elem())
		case *types.Slice:
			walk(typ.Elem())
		case *types.Map:
			walk(typ.Elem())
		case *types.Named:
			s, ok := typ.Underlying().(*types.Struct)
			if !ok || seen[typ] || typ.Obj().Pkg() != config {
				return
			}
			seen[typ] = true
			for f := range s.Fields() {
				if f.Exported() {
					settings[f] = typ.Obj().Name() + "." + f.Name()
					walk(f.Type())
				}
			}
		}
	}
	for _, name := range []string{"Config", "PerClient"} {
		obj := config.Scope().Lookup(name)
		if obj == nil {
			t.Fatalf("config declares no %s", name)
		}
		walk(obj.Type())
	}
	return settings
}

// readFields collects the fields that a file reads: those that it selects and
// does not assign to.
func readFields(file *ast.File, info *types.Info, reads map[types.Object]bool) {
	written := map[ast.Expr]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				break
			}
			for _, left := range n.Lhs {
				assigned(left, written)
			}
		case *ast.IncDecStmt:
			assigned(n.X, written)
		case *ast.CallExpr:
			converted(n, info, reads)
		case *ast.SelectorExpr:
			if s := info.Selections[n]; s != nil && !written[n] {
				reads[s.Obj()] = true
			}
		}
		return true
	})
}

// converted marks the fields of a struct that is converted to another type, and read
// there.
func converted(call *ast.CallExpr, info *types.Info, reads map[types.Object]bool) {
	if !info.Types[call.Fun].IsType() || len(call.Args) != 1 {
		return
	}
	from := info.TypeOf(call.Args[0])
	if from == nil { // of another module
		return
	}
	if s, ok := from.Underlying().(*types.Struct); ok {
		for f := range s.Fields() {
			reads[f] = true
		}
	}
}

// assigned marks what is selected on the left side of an assignment: in
// c.Link.Proto = p, both Proto and Link.
func assigned(left ast.Expr, written map[ast.Expr]bool) {
	for {
		switch x := left.(type) {
		case *ast.SelectorExpr:
			written[x] = true
			left = x.X
		case *ast.IndexExpr:
			left = x.X
		case *ast.StarExpr:
			left = x.X
		case *ast.ParenExpr:
			left = x.X
		default:
			return
		}
	}
}

// TestReadingOfFields checks the reading on a small package.
func TestReadingOfFields(t *testing.T) {
	const text = `package p
type inner struct{ Set, Deep int }
type other struct{ Moved int }
type all struct{ Read, Written, Counted, Filled, Below int; In, Out inner; Sent other }
type copied other
func f(a *all) (int, *int, copied) {
	a.Written, a.Counted = 1, 2
	a.Counted++
	a.In.Set += 3
	a = &all{Filled: 1}
	if a.Below == a.Out.Deep { a.Written = a.Read }
	return 0, nil, copied(a.Sent)
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	if _, err := new(types.Config).Check("p", fset, []*ast.File{file}, info); err != nil {
		t.Fatal(err)
	}
	reads := map[types.Object]bool{}
	readFields(file, info, reads)
	var got []string
	for f := range reads {
		got = append(got, f.Name())
	}
	slices.Sort(got)
	if want := []string{"Below", "Deep", "Moved", "Out", "Read", "Sent"}; !slices.Equal(got, want) {
		t.Errorf("read are %v, want %v", got, want)
	}
}
