package pages

import (
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"culvert/nic/tuntap"
	"culvert/tunnel"
)

// limit is how large all files are at most, together and not compressed.
const limit = 300_000

// read returns all files by their names.
func read(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := fs.WalkDir(FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(FS(), name)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSize(t *testing.T) {
	size := 0
	for _, text := range read(t) {
		size += len(text)
	}
	if size == 0 || size > limit {
		t.Errorf("the pages are %d bytes, want at most %d", size, limit)
	}
}

// unsafe is what makes markup or code of a string, sets a style that the policy forbids, or
// leads away from this server.
var unsafe = regexp.MustCompile(`\b(?i:innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|setHTML\w*|parseFromString|DOMParser|srcdoc|eval|execScript|importScripts|cssText)\b|document\.write|new Function|javascript:|setAttribute\('(style|on\w+)'|\bh\([^)]*\bstyle:|<style|\son\w+=|@import|\burl\(|\b(https?|wss?):\/\/`)

// namespace is an address that nobody is asked for.
const namespace = "http://www.w3.org/2000/svg"

func TestNothingUnsafe(t *testing.T) {
	for name, text := range read(t) {
		for i, line := range strings.Split(strings.ReplaceAll(text, namespace, ""), "\n") {
			if found := unsafe.FindString(line); found != "" {
				t.Errorf("%s:%d has %q", name, i+1, found)
			}
		}
	}
	for _, bad := range []string{"x.innerHTML = y", "el.setAttribute('onclick', f)", "<p onclick=\"x\">", "fetch('https://example.org')", "h('p', { style: 'x' })"} {
		if !unsafe.MatchString(bad) {
			t.Errorf("%q is not found", bad)
		}
	}
}

// Nodes are made in one place, and requests sent in few.
func TestOnePlace(t *testing.T) {
	places := map[string][]string{
		"createElement":   {"js/dom.js"},
		"createTextNode":  {"js/dom.js"},
		"fetch(":          {"js/api.js", "js/text.js"},
		"new EventSource": {"js/events.js", "js/pages/logs.js"},
		"XMLHttpRequest":  {},
		"WebSocket":       {},
	}
	for name, text := range read(t) {
		for what, in := range places {
			if strings.Contains(text, what) && !strings.Contains(strings.Join(in, " ")+" ", name+" ") {
				t.Errorf("%s has %s", name, what)
			}
		}
	}
}

var imports = regexp.MustCompile(`from '([^']+)'`)

func TestImports(t *testing.T) {
	all := read(t)
	for name, text := range all {
		for _, found := range imports.FindAllStringSubmatch(text, -1) {
			if _, there := all[path.Join(path.Dir(name), found[1])]; !there {
				t.Errorf("%s imports %s, which is not there", name, found[1])
			}
		}
	}
}

// texts returns the texts of a language; those with forms for numbers have all of them joined.
func texts(t *testing.T, file string) map[string]string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(read(t)[file]), &all); err != nil {
		t.Fatal(err)
	}
	plain := make(map[string]string)
	for key, value := range all {
		switch v := value.(type) {
		case string:
			plain[key] = v
		case map[string]any:
			for _, form := range v {
				plain[key] += form.(string)
			}
		default:
			t.Errorf("%s: %s is neither a text nor forms of one", file, key)
		}
		if plain[key] == "" {
			t.Errorf("%s: %s is empty", file, key)
		}
	}
	return plain
}

var (
	// used are keys of texts in the code: those of calls that take one, and dotted words at the
	// beginning of a list.
	used = regexp.MustCompile(`\b(?:tn?|section|field|button|linked|act|closer|label|patch\([^']*)\((?:'[^']*', )?'([a-z][\w.-]*)'|\['([a-z]+\.[\w.-]+)',|, '([a-z]+\.[a-z]+)'\)|\? '([a-z]+\.[a-z.]+)' : '([a-z]+\.[a-z.]+)'`)
	// begun are keys that end in a word of the server's.
	begun = regexp.MustCompile(`'([a-z.]+\.)' \+`)
)

// Each text that the code names is there, and each that is there is named.
func TestTexts(t *testing.T) {
	english := texts(t, "texts/en.json")
	seen := make(map[string]bool)
	prefixes := make(map[string]bool)
	for name, text := range read(t) {
		if path.Ext(name) != ".js" {
			continue
		}
		for _, found := range begun.FindAllStringSubmatch(text, -1) {
			prefixes[found[1]] = true
		}
		for _, found := range used.FindAllStringSubmatch(text, -1) {
			for _, key := range found[1:] {
				if key == "" || strings.HasSuffix(key, ".") {
					continue
				}
				seen[key] = true
				if _, there := english[key]; !there {
					t.Errorf("%s names the text %q, which is not there", name, key)
				}
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d texts were found in the code", len(seen))
	}
	code := strings.Builder{}
	for name, text := range read(t) {
		if path.Ext(name) == ".js" {
			code.WriteString(text)
		}
	}
	for key := range english {
		prefix := key[:strings.Index(key, ".")+1]
		if !seen[key] && !prefixes[prefix] && !prefixes[key[:strings.LastIndex(key, ".")+1]] && !strings.Contains(code.String(), "'"+key+"'") {
			t.Errorf("no code names the text %q", key)
		}
	}
}

var (
	// placed is the table of js/way.js, and place a row of it.
	placed = regexp.MustCompile(`(?s)const places = \{(.*?)\};`)
	place  = regexp.MustCompile(`'((?:[^'\\]|\\')+)': '(\w+)'`)
)

// Each reason for which packets are dropped counts at a stop of its own choosing, and each stop
// has its words.
func TestWay(t *testing.T) {
	english := texts(t, "texts/en.json")
	table := placed.FindString(read(t)["js/way.js"])
	places := make(map[string]string)
	for _, found := range place.FindAllStringSubmatch(table, -1) {
		places[strings.ReplaceAll(found[1], `\'`, `'`)] = found[2]
		if english["stop."+found[2]] == "" || english["stop."+found[2]+".what"] == "" {
			t.Errorf("the stop %s has no words", found[2])
		}
	}
	reasons := []string{tuntap.QueueFull}
	for _, d := range tunnel.Drops() {
		reasons = append(reasons, d.String())
	}
	for _, reason := range reasons {
		if places[reason] == "" {
			t.Errorf("js/way.js has no stop for %q", reason)
		}
		delete(places, reason)
	}
	for reason := range places {
		t.Errorf("js/way.js has a stop for %q, for which nothing is dropped", reason)
	}
}
