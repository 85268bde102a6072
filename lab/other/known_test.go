//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestKnownText(t *testing.T) {
	entries, err := parseKnown(knownText)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if len(strings.Fields(e.why)) < 4 {
			t.Errorf("%s: %q is no reason", e.id, e.why)
		}
	}
}

func TestParseKnown(t *testing.T) {
	for _, text := range []string{"arm64 link TestClass\n", "# fine\nvax link TestClass as it is\n"} {
		if e, err := parseKnown(text); err == nil || !strings.Contains(err.Error(), "known.txt:") {
			t.Errorf("%q: %v, %v", text, e, err)
		}
	}
}

const listed = `
arm64,s390x link TestGone not there any more
s390x link TestClass/IPv4 no ancillary data
s390x nic TestMade works by now
arm64 nic TestOther is for another processor
`

// TestJudge: what is listed must fail, and nothing else may.
func TestJudge(t *testing.T) {
	all, err := parseKnown(listed)
	if err != nil {
		t.Fatal(err)
	}
	s390x, _ := named("s390x")
	known := of(all, s390x)
	for _, c := range []struct {
		name     string
		events   string
		failures []string
		wrong    int
	}{
		{"as listed", `{"Action":"fail","Package":"culvert/link","Test":"TestClass/IPv4"}
			{"Action":"fail","Package":"culvert/link","Test":"TestClass"}
			{"Action":"output","Package":"culvert/link","Output":"FAIL\n"}
			{"Action":"fail","Package":"culvert/link"}`, nil, 1},
		{"a test died", `{"Action":"fail","Package":"culvert/link","Test":"TestClass/IPv4"}
			{"Action":"output","Package":"culvert/link","Output":"FAIL\tculvert/link\n"}
			{"Action":"fail","Package":"culvert/link"}`, []string{"link"}, 1},
		{"another fails", `{"Action":"fail","Package":"culvert/nic","Test":"TestMade"}
			{"Action":"fail","Package":"culvert/nic","Test":"TestOther"}
			{"Action":"output","Package":"culvert/nic","Output":"FAIL\n"}
			{"Action":"fail","Package":"culvert/nic"}`, []string{"nic TestOther"}, 0},
		{"one passes", `{"Action":"pass","Package":"culvert/nic","Test":"TestMade"}
			{"Action":"pass","Package":"culvert/nic"}`, nil, 1},
		{"does not build", `{"ImportPath":"culvert/tunnel [culvert/tunnel.test]","Action":"build-output","Output":"no\n"}
			{"Action":"fail","Package":"culvert/tunnel"}`, []string{"tunnel"}, 0},
	} {
		o, err := readOutcome(strings.NewReader(c.events))
		if err != nil {
			t.Fatal(err)
		}
		failures, wrong := judge(o, known)
		var got []string
		for _, f := range failures {
			got = append(got, f.String())
		}
		if !slices.Equal(got, c.failures) || len(wrong) != c.wrong {
			t.Errorf("%s: failures %q, want %q; wrong %q, want %d", c.name, got, c.failures, wrong, c.wrong)
		}
	}
}

// TestFit: only an amd64 has Wine, and runs programs of the 386.
func TestFit(t *testing.T) {
	for arch, want := range map[string]string{"amd64": "386,arm64,s390x,windows; ", "arm64": "arm64,s390x; 386,windows"} {
		here, elsewhere := fit(usual, arch)
		if got := strings.Join(here, ",") + "; " + strings.Join(elsewhere, ","); got != want {
			t.Errorf("%s: %s, want %s", arch, got, want)
		}
	}
}

func TestSkip(t *testing.T) {
	if got, want := skip([]entry{{id: id{"link", "TestClass/IPv4"}}, {id: id{"nic", "TestX"}}}), "^TestClass$/^IPv4$|^TestX$"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestRule compares with what Debian registers for these programs.
func TestRule(t *testing.T) {
	for name, want := range map[string]string{
		"arm64": `:qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:` +
			`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64:PF`,
		"s390x": `:qemu-s390x:M::\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:` +
			`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/usr/bin/qemu-s390x:PF`,
	} {
		p, _ := named(name)
		if got := p.rule("/usr/bin/" + p.qemu); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
	}
}
