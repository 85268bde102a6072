package archtest

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// journeys are the sections whose names are checked, each with the least number
// of names that it has.
var journeys = map[string]int{
	"## The packet's journey": 10,
	"## The event's journey":  10,
}

// cited is a name in backticks: `pkg.Func`, `pkg.Type.Method` or `pkg.Type`,
// where a path may stand before pkg and () behind. What only looks like a name,
// such as `server.conf`, has a file's ending.
var (
	cited    = regexp.MustCompile("`(?:[a-z0-9/]+/)?([a-z][a-z0-9]*(?:\\.[A-Za-z_][A-Za-z0-9_]*){1,2})(?:\\(\\))?`")
	fileName = regexp.MustCompile(`\.(go|md|conf|ovpn|key|crt|json|txt)$`)
)

// TestJourneyNamesExist fails for a name in a journey that no package declares:
// whoever renames a function on the way mends the map, too.
func TestJourneyNamesExist(t *testing.T) {
	text, declared := architecture(t), declarations(tree(t))
	for journey, fewest := range journeys {
		names := citedNames(section(text, journey))
		if len(names) < fewest {
			t.Errorf("ARCHITECTURE.md names %d functions under %q, expected at least %d, each in backticks as pkg.Func or pkg.Type.Method",
				len(names), journey, fewest)
		}
		for _, name := range names {
			if !declared[name] {
				t.Errorf("ARCHITECTURE.md names `%s` under %q, which no package declares: mend the journey", name, journey)
			}
		}
	}
}

// architecture is the text of ARCHITECTURE.md.
func architecture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is the text below a heading, up to the next one of its rank.
func section(text, heading string) string {
	_, section, _ := strings.Cut("\n"+text, "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

func citedNames(section string) (names []string) {
	for _, m := range cited.FindAllStringSubmatch(section, -1) {
		if !fileName.MatchString(m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// declarations returns the names that packages declare: pkg.Name, and pkg.Type.Name
// for methods, those of interfaces, and fields.
func declarations(sources []source) map[string]bool {
	names := map[string]bool{}
	for _, s := range sources {
		if s.test {
			continue
		}
		pkg := packageName(s)
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names[pkg+"."+receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				declareTypes(names, pkg, d)
			}
		}
	}
	return names
}

// packageName returns what a citation calls a package: its name, or for a command
// the folder's.
func packageName(s source) string {
	if s.ast.Name.Name == "main" {
		return path.Base(s.dir)
	}
	return s.ast.Name.Name
}

// receiver returns the type of a method and a dot, or "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name + "."
		default:
			return ""
		}
	}
}

func declareTypes(names map[string]bool, pkg string, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		names[pkg+"."+t.Name.Name] = true
		for _, f := range members(t.Type) {
			for _, n := range f.Names {
				names[pkg+"."+t.Name.Name+"."+n.Name] = true
			}
		}
	}
}

// members returns an interface's methods or a struct's fields.
func members(typ ast.Expr) []*ast.Field {
	switch typ := typ.(type) {
	case *ast.InterfaceType:
		return typ.Methods.List
	case *ast.StructType:
		return typ.Fields.List
	}
	return nil
}

// TestJourneyReader checks the reading on a small document.
func TestJourneyReader(t *testing.T) {
	const heading = "## The packet's journey"
	const text = "# A\n\n`a.Before`\n\n" + heading + "\n\n1. `nic.NIC.ReadBatch` then `session/seal.Ring.Seal()`\n" +
		"and `server.conf`, `x`, `tunnel/outbound.go`, `pki.Verify`\n\n### Back\n`tunnel.run`\n\n## Next\n`a.After`\n"
	got := strings.Join(citedNames(section(text, heading)), " ")
	if want := "nic.NIC.ReadBatch seal.Ring.Seal pki.Verify tunnel.run"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	declared := declarations(tree(t))
	for name, want := range map[string]bool{"nic.NIC.ReadBatch": true, "pki.Verify": true, "pki.Authority.IssueServer": true, "pki.Gone": false, "pki.Authority.Gone": false} {
		if declared[name] != want {
			t.Errorf("%s declared: %v, want %v", name, declared[name], want)
		}
	}
}
