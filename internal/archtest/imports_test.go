package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// levels are those of the design: a package imports only packages of a lower
// one. A folder stands for all below it, unless they have a row of their own.
var levels = map[string]int{
	"internal/domain":   -1, // what a name is, for config and hostnet
	"config":            0,
	"session/wire":      0,
	"internal":          0,
	"session/wrap":      1,
	"session/reliable":  1,
	"session/seal":      1,
	"session/framing":   1,
	"session/negotiate": 1,
	"access/pki":        1,
	"session":           2,
	"link":              2,
	"nic":               2,
	"access/auth":       2, // password checks and tokens
	"host/hostnet":      2,
	"host/process":      2,
	"tunnel":            3,
	"host/bringup":      3, // an adapter brought up, for all roles
	"role/profile":      3, // configuration to session settings, for all roles
	"host/privsep":      4,
	"role/client":       4,
	"role/server":       4,
	"role/p2p":          4,
	"operate/manage":    4,
	"operate/setup":     4,
	"operate/hub":       5,
	"operate/service":   5,
	"operate/demo":      5,
	"operate/swarm":     5,
	"cmd":               6,
	"lab":               6,
}

// seesConfig are the folders that may import config.
var seesConfig = []string{"role", "operate", "cmd", "lab"}

// strangers know nothing of each other, nor of session and config.
var strangers = []string{"link", "nic", "host/hostnet"}

// row is the row of levels that a folder falls under, "" for none.
func row(dir string) string {
	for ; dir != "."; dir = parent(dir) {
		if _, ok := levels[dir]; ok {
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

// top is the first folder of a path.
func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// mayImport says why one folder may not import another, or "".
func mayImport(from, to string) string {
	fromRow, toRow := row(from), row(to)
	switch {
	case fromRow == "" || toRow == "":
		return "a folder without a level: give it a row in internal/archtest"
	case to == "config" && !slices.Contains(seesConfig, top(from)):
		return "only " + strings.Join(seesConfig, ", ") + " see config: hand in plain values"
	case slices.Contains(strangers, fromRow) && fromRow != toRow &&
		(slices.Contains(strangers, toRow) || top(to) == "session"):
		return "link, nic and hostnet know nothing of each other and of session: let tunnel or a role join them"
	case fromRow == toRow:
		return "" // parts of one whole; the compiler refuses cycles
	case levels[fromRow] <= levels[toRow]:
		return "imports go down levels only"
	}
	return ""
}

func TestImportLevels(t *testing.T) {
	for _, s := range tree(t) {
		if row(s.dir) == "" {
			t.Errorf("%s: its folder has no level: give it a row in internal/archtest", s.path)
		}
		if s.test {
			continue
		}
		for _, to := range s.imports() {
			to, ours := strings.CutPrefix(to, module)
			if !ours {
				continue
			}
			if why := mayImport(s.dir, to); why != "" {
				t.Errorf("%s (level %d) imports %s (level %d): %s", s.path, levels[row(s.dir)], to, levels[row(to)], why)
			}
		}
	}
}

// TestRules checks the rules themselves, on imports nobody may write.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"role/client", "config", true}, {"tunnel", "config", false}, {"nic", "config", false},
		{"session", "session/seal", true}, {"session/seal", "session", false}, {"session/seal", "session/wrap", false},
		{"session/seal", "session/wire", true}, {"access/pki", "internal/buf", true}, {"internal/simnet", "internal/buf", true},
		{"nic/tuntap", "nic", true}, {"nic/userstack", "link", false}, {"link", "host/hostnet", false}, {"host/hostnet", "session/wire", false},
		{"tunnel", "link", true}, {"tunnel", "role/client", false}, {"role/client", "role/server", false}, {"cmd/culvert", "operate/setup", true},
		{"operate/setup", "access/pki", true}, {"internal/buf", "config", false}, {"config", "internal/buf", false}, {"new", "access/pki", false},
	} {
		if why := mayImport(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s imports %s: %q", c.from, c.to, why)
		}
	}
}

// impure are what levels 0 and 1 do without: they are handed bytes and time.
var impure = map[string]bool{"net": true, "os": true}

// readsClock are the functions of package time that read the clock.
var readsClock = []string{"Now", "Since", "Until"}

func TestLowLevelsArePure(t *testing.T) {
	for _, s := range tree(t) {
		if level, ok := levels[row(s.dir)]; !ok || level > 1 || s.test {
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

// clockReads lists what a file uses of readsClock, by whatever name it
// imported package time.
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

// importName is the name by which a file knows an imported package.
func importName(file *ast.File, path string) string {
	for _, i := range file.Imports {
		if i.Path.Value == `"`+path+`"` && i.Name != nil {
			return i.Name.Name
		}
	}
	return path
}
