package policy

import (
	"os"
	"strings"
	"testing"
)

// TestPage reads the files in docs/policy.md, which have to pass their own tests.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```policy\n")[1:]
	for _, b := range blocks {
		text, _, _ := strings.Cut(b, "```")
		f, err := Parse("docs/policy.md", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if failed, unasked := Compile(f, Place{}).Test(nil); len(failed)+len(unasked) > 0 || f.Tests() == 0 {
			t.Errorf("%v %v", failed, unasked)
		}
	}
	if len(blocks) == 0 {
		t.Error("the page has no example")
	}
}
