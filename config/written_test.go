package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLines(t *testing.T) {
	const text = "# head\n" + // 1
		"client\r\n" + // 2
		"verb 3 # how much\n" + // 3
		"<ca>\nA\nB\n</ca>\n" + // 4 to 7
		"<cert>C</cert> dev tun\n" + // 8
		"<connection>\nremote a 443 ;x\nproto tcp\n</connection>\n" + // 9 to 12
		"<key>\nK</key>\n" + // 13, 14
		"setenv A \"b c\"\n" + // 15
		"up 'it is \\ x'" // 16
	var got []string
	for _, l := range Lines("f", []byte(text)) {
		got = append(got, fmt.Sprintf("%d-%d %v|%s|%t", l.Pos.Line, l.Last, l, l.Comment, l.Glued))
	}
	want := []string{
		"2-2 client||false", "3-3 verb 3|# how much|false", "4-7 <ca>||false", "8-8 <cert>||false", "8-8 dev tun||true",
		"9-12 <connection>||false", "10-10 remote a 443|;x|false", "11-11 proto tcp||false", "13-14 <key>||false", `15-15 setenv A "b c"||false`, `16-16 up "it is \\ x"||false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzLines: what Line.String writes is read back as the same line.
func FuzzLines(f *testing.F) {
	f.Add("verb 3 # x")
	f.Add(`up "a \"b\\" 'c' ""`)
	f.Add("<ca>x</ca> verb 3")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range Lines("f", []byte(text)) {
			if l.Last < l.Pos.Line {
				t.Fatalf("line %d ends in %d", l.Pos.Line, l.Last)
			}
			isOther := strings.HasPrefix(l.Name, "--") || strings.ContainsFunc(l.String(), unicode.IsControl) || !utf8.ValidString(l.String()) || isConflictMarker(l.Name) || otherFormat([]byte(l.String())) != nil
			if l.Inline || isOther || strings.ContainsAny(l.String(), "<>") {
				continue
			}
			again := Lines("f", []byte(l.String()))
			if len(again) != 1 || again[0].Name != l.Name || !slices.Equal(again[0].Args, l.Args) {
				t.Fatalf("%q is written as %q, which is read as %+v", text, l.String(), again)
			}
		}
	})
}
