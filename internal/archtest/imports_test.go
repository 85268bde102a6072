package archtest

import (
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// levels is the tree of ARCHITECTURE.md: each folder and its level. A package
// imports only packages of a lower one. A folder stands for all below it, unless
// they have a row of their own.
type levels map[string]int

const treeSection = "## The tree"

// treeRow is a row of the tree's table: a folder in backticks, and its level.
var treeRow = regexp.MustCompile("(?m)^\\| `([a-z0-9/-]+|\\.)` \\| ([0-9]+) \\|")

// readLevels reads the tree's table out of ARCHITECTURE.md. Rows without a
// number are folders without Go files.
func readLevels(t *testing.T) levels {
	t.Helper()
	l := parseLevels(architecture(t))
	if len(l) < fewestRows {
		t.Fatalf("ARCHITECTURE.md has %d folders under %q, expected at least %d, in rows such as: | `link` | 2 | what it is for |", len(l), treeSection, fewestRows)
	}
	return l
}

const fewestRows = 20

func parseLevels(text string) levels {
	l := levels{}
	for _, m := range treeRow.FindAllStringSubmatch(section(text, treeSection), -1) {
		l[m[1]], _ = strconv.Atoi(m[2])
	}
	return l
}

// seesConfig are the folders that may import config, with all below them where a
// slash ends the name.
var seesConfig = []string{".", "access", "access/devices", "role/", "operate/", "cmd/", "lab/"}

// sees reports whether a folder may import config.
func sees(dir string) bool {
	return slices.Contains(seesConfig, dir) || slices.Contains(seesConfig, top(dir)+"/")
}

// strangers import neither each other, nor session and config.
var strangers = []string{"link", "nic", "host/hostnet"}

// row returns the row that a folder falls under, "" for none. The root's is for its
// own files alone.
func (l levels) row(dir string) string {
	if _, ok := l[dir]; ok && dir == "." {
		return dir
	}
	for ; dir != "."; dir = parent(dir) {
		if _, ok := l[dir]; ok {
			return dir
		}
	}
	return ""
}

func parent(dir string) string {
	if i := strings.LastIndexByte(dir, '/'); i >= 0 {
		return dir[:i]
	}
	return "."
}

// top returns the first folder of a path.
func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// mayImport says why one folder may not import another, or "".
func (l levels) mayImport(from, to string) string {
	fromRow, toRow := l.row(from), l.row(to)
	switch {
	case fromRow == "" || toRow == "":
		return "a folder without a level: give it a row in ARCHITECTURE.md's tree"
	case to == "config" && !sees(from):
		return "only " + strings.Join(seesConfig, ", ") + " import config: hand in plain values"
	case slices.Contains(strangers, fromRow) && fromRow != toRow &&
		(slices.Contains(strangers, toRow) || top(to) == "session"):
		return "link, nic and hostnet import neither each other nor session: let tunnel or a role join them"
	case fromRow == toRow:
		return "" // parts of one whole; the compiler refuses cycles
	case l[fromRow] <= l[toRow]:
		return "imports go down levels only"
	}
	return ""
}

func TestImportLevels(t *testing.T) {
	l := readLevels(t)
	for _, s := range tree(t) {
		if l.row(s.dir) == "" {
			t.Errorf("%s: its folder has no level: give it a row in ARCHITECTURE.md's tree", s.path)
		}
		if s.test {
			continue
		}
		for _, to := range s.imports() {
			to, ours := strings.CutPrefix(to, module)
			switch {
			case to == strings.TrimSuffix(module, "/"):
				to = "."
			case !ours:
				continue
			}
			if why := l.mayImport(s.dir, to); why != "" {
				t.Errorf("%s (level %d) imports %s (level %d): %s", s.path, l[l.row(s.dir)], to, l[l.row(to)], why)
			}
		}
	}
}

// TestTreeIsThere fails for a row of the tree whose folder has no package.
func TestTreeIsThere(t *testing.T) {
	all := dirs(tree(t))
	for dir := range readLevels(t) {
		if !slices.ContainsFunc(all, func(d string) bool { return d == dir || strings.HasPrefix(d, dir+"/") }) {
			t.Errorf("ARCHITECTURE.md's tree has a row for %s, where there is no package: remove the row", dir)
		}
	}
}

// TestLevelReader checks the reading on a small document.
func TestLevelReader(t *testing.T) {
	const text = "# A\n\n| `before` | 1 | x |\n\n" + treeSection + "\n\n| folder | level | what |\n|---|---|---|\n| `link` | 2 | sockets; `x` | 3 |\n" +
		"| `access/pki` | 1 | keys |\n| `docs` | – | pages |\n\n## Next\n\n| `after` | 1 | x |\n"
	if got, want := parseLevels(text), (levels{"link": 2, "access/pki": 1}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestRules checks the rules themselves.
func TestRules(t *testing.T) {
	l := readLevels(t)
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"role/client", "config", true}, {"tunnel", "config", false}, {"nic", "config", false}, {"access", "config", true}, {"access/pki", "config", false},
		{"session", "session/seal", true}, {"session/seal", "session", false}, {"session/seal", "session/wrap", false},
		{"session/seal", "session/wire", true}, {"access/pki", "internal/buf", true}, {"internal/simnet", "internal/buf", true},
		{"nic/tuntap", "nic", true}, {"nic/userstack", "link", false}, {"link", "host/hostnet", false}, {"host/hostnet", "session/wire", false},
		{"tunnel", "link", true}, {"tunnel", "role/client", false}, {"role/client", "role/server", false}, {"cmd/culvert", "operate/setup", true},
		{"operate/setup", "access/pki", true}, {"internal/buf", "config", false}, {"config", "internal/buf", true}, {"config", "access/pki", false}, {"new", "access/pki", false},
		{".", "config", true}, {".", "role/client", true}, {"role/client", ".", false}, {"examples/client", ".", true},
	} {
		if why := l.mayImport(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s imports %s: %q", c.from, c.to, why)
		}
	}
}

// impure are the packages that levels 0 and 1 do without: their callers hand in
// bytes and the time.
var impure = map[string]bool{"net": true, "os": true}

// readsClock are the functions of package time that read the clock.
var readsClock = []string{"Now", "Since", "Until"}

func TestLowLevelsArePure(t *testing.T) {
	l := readLevels(t)
	for _, s := range tree(t) {
		if level, ok := l[l.row(s.dir)]; !ok || level > 1 || s.test {
			continue
		}
		for _, p := range s.imports() {
			if impure[top(p)] && p != "net/netip" {
				t.Errorf("%s imports %q: levels 0 and 1 have no I/O, let the caller hand in bytes", s.path, p)
			}
		}
		for _, name := range clockReads(s.ast) {
			t.Errorf("%s calls time.%s: levels 0 and 1 are handed the time as an argument", s.path, name)
		}
	}
}

// clockReads returns the functions of readsClock that a file uses, by whatever name
// it imports package time.
func clockReads(file *ast.File) (found []string) {
	name := importName(file, "time")
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(readsClock, sel.Sel.Name) {
				found = append(found, sel.Sel.Name)
			}
		}
		return true
	})
	return found
}

// importName returns the name under which a file imports a package.
func importName(file *ast.File, path string) string {
	for _, i := range file.Imports {
		if i.Path.Value == `"`+path+`"` && i.Name != nil {
			return i.Name.Name
		}
	}
	return path
}
