package hooks

import (
	"slices"
	"strings"
	"testing"
)

// The newest comes first, and a variable that is set again is the newest.
func TestEnvOrder(t *testing.T) {
	var e Env
	e.Set("a", "1")
	e.Set("b", "2")
	e.Set("a", "3")
	if got := e.List(); !slices.Equal(got, []string{"a=3", "b=2"}) {
		t.Error(got)
	}
	child := e.Inherit()
	child.Set("c", "4")
	if got := child.List(); !slices.Equal(got, []string{"c=4", "b=2", "a=3"}) {
		t.Errorf("inherited: %v", got)
	}
	child.Unset("b", "nobody")
	if got := child.List(); !slices.Equal(got, []string{"c=4", "a=3"}) || len(e.List()) != 2 {
		t.Errorf("after Unset: %v, the first has %v", got, e.List())
	}
	e.Add(child)
	if got := e.List(); !slices.Equal(got, []string{"c=4", "a=3", "b=2"}) || e.Get("c") != "4" || e.Get("none") != "" {
		t.Errorf("added: %v", got)
	}
	if none := (*Env)(nil); none.Clone() == nil || none.List() == nil && len(none.Inherit().List()) != 0 {
		t.Error("a nil one is not empty")
	}
}

// What a peer says never ends a line, nor sets another variable than its own.
func TestEnvFromPeers(t *testing.T) {
	var e Env
	e.Set("x\n=y", "1\n2\x00\u2028\xff")
	e.Set("", "nothing")
	e.SetPeer("PATH", "/evil")
	e.SetPeer("UV_A B", "x")
	e.SetPeer("UV_GOOD", "$(hi) `there`\n\u00e9'\"")
	if got := e.List(); !slices.Equal(got, []string{"UV_GOOD=__hi)__there____'\"", "xy=12__"}) {
		t.Errorf("%q", got)
	}
}

func FuzzEnv(f *testing.F) {
	f.Add("IV_VER", "2.6\n")
	f.Fuzz(func(t *testing.T, name, value string) {
		var e Env
		e.Set(name, value)
		e.SetPeer(name, value)
		for _, v := range e.All() {
			if v.Name == "" || strings.ContainsAny(v.String(), "\n\r\x00") || strings.Contains(v.Name, "=") {
				t.Errorf("%q", v.String())
			}
		}
	})
}
