package setup

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/config"
)

func pairOptions(t *testing.T, listen string, inUse ...string) PairOptions {
	o := PairOptions{Out: filepath.Join(t.TempDir(), "link.conf"), Listen: listen, Now: time.Now(), Rand: rand.Reader}
	for _, p := range inUse {
		o.InUse = append(o.InUse, netip.MustParsePrefix(p))
	}
	return o
}

func mustPair(t *testing.T, o PairOptions, line string) *Pairing {
	t.Helper()
	p, err := Pair(o, line)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pairConfig(t *testing.T, o PairOptions) *config.Config {
	t.Helper()
	text, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseFile(o.Out, text, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Notes) > 0 {
		t.Errorf("the parser remarks on our own file: %v", c.Notes)
	}
	if info, _ := os.Stat(o.Out); info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", o.Out, info.Mode())
	}
	return c
}

func TestPair(t *testing.T) {
	a, b := pairOptions(t, "203.0.113.1:5000", "10.0.0.0/8"), pairOptions(t, "", "172.16.0.0/12", "0.0.0.0/0")
	invited := mustPair(t, a, "")
	if again := mustPair(t, a, ""); again.Line != invited.Line {
		t.Error("a second call made another invitation")
	}
	answered := mustPair(t, b, invited.Line)
	done := mustPair(t, a, answered.Line)
	if done.Line != "" || done.Check != answered.Check || done.Our4 != answered.Their4 || done.Our6 != answered.Their6 || done.Our4 == done.Their4 {
		t.Errorf("A came to %+v, B to %+v", done, answered)
	}
	if !netip.MustParsePrefix("192.168.0.0/16").Contains(done.Our4) {
		t.Errorf("%v is in a network in use", done.Our4)
	}
	ca, cb := pairConfig(t, a), pairConfig(t, b)
	if !ca.TLSServer || ca.Link.LocalPort != 5000 || len(ca.Link.Remotes) != 0 {
		t.Errorf("A: %+v", ca)
	}
	if !cb.TLSClient || len(cb.Link.Remotes) != 1 || cb.Link.Remotes[0].Host != "203.0.113.1" || cb.Link.Remotes[0].Port != "5000" || !cb.Link.NoBind {
		t.Errorf("B: %+v", cb)
	}
	if ca.Adapter.Ifconfig.Local != cb.Adapter.Ifconfig.Remote || ca.Adapter.Ifconfig.Remote != cb.Adapter.Ifconfig.Local {
		t.Errorf("inner addresses %+v and %+v", ca.Adapter.Ifconfig, cb.Adapter.Ifconfig)
	}
	for _, side := range [][2]*config.Config{{ca, cb}, {cb, ca}} {
		sum, err := fingerprintPEM(side[0].Trust.Cert.Text)
		if err != nil || fmt.Sprintf("%x", sum) != side[1].Trust.PeerFingerprints[0] {
			t.Errorf("fingerprint %x is not %v: %v", sum, side[1].Trust.PeerFingerprints, err)
		}
	}
	if _, err := os.Stat(a.pendingFile()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the pending key was left behind")
	}
	for _, line := range []string{invited.Line, answered.Line} {
		if strings.Contains(line, string(ca.Trust.Key.Text)) || len(line) > 200 {
			t.Errorf("line of %d characters", len(line))
		}
	}
}

func TestPairOverwritesNothing(t *testing.T) {
	a, b := pairOptions(t, "a.example.org"), pairOptions(t, "")
	invited := mustPair(t, a, "")
	answered := mustPair(t, b, invited.Line)
	before, _ := os.ReadFile(b.Out)
	if _, err := Pair(b, invited.Line); !errors.Is(err, fs.ErrExist) {
		t.Errorf("answering twice into one file: %v", err)
	}
	if after, _ := os.ReadFile(b.Out); string(after) != string(before) {
		t.Error("the file changed")
	}
	if err := os.WriteFile(a.Out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Pair(a, answered.Line); !errors.Is(err, fs.ErrExist) {
		t.Errorf("completing into a file that exists: %v", err)
	}
	if _, err := os.Stat(a.pendingFile()); err != nil {
		t.Error("the pending key is gone though nothing was made")
	}
}

func TestPairRefuses(t *testing.T) {
	a, b := pairOptions(t, "a.example.org"), pairOptions(t, "")
	invited := mustPair(t, a, "")
	answered := mustPair(t, b, invited.Line)
	other := pairOptions(t, "a.example.org")
	mustPair(t, other, "")
	for name, test := range map[string]struct {
		o    PairOptions
		line string
		want string
	}{
		"no listener":       {pairOptions(t, ""), "", "--listen"},
		"nothing like it":   {pairOptions(t, ""), "hello", "does not begin with cvp1"},
		"cut":               {pairOptions(t, ""), invited.Line[:40], "copy the whole line"},
		"changed":           {pairOptions(t, ""), changed(invited.Line), "missing or changed"},
		"own line":          {a, invited.Line, "comes from this host"},
		"other invitation":  {other, answered.Line, "answers another invitation"},
		"no invitation":     {pairOptions(t, ""), answered.Line, ".pending"},
		"everything in use": {pairOptions(t, "", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"), invited.Line, "this host uses every private IPv4 network"},
	} {
		if _, err := Pair(test.o, test.line); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// changed is a line with one letter replaced.
func changed(line string) string {
	b := []byte(line)
	b[30] = map[bool]byte{true: 'b', false: 'a'}[b[30] == 'a']
	return string(b)
}

func TestPairLineSurvivesMail(t *testing.T) {
	l := &pairLine{kind: answer, fingerprint: sha256.Sum256([]byte("x")), host: "2001:db8::1", port: 1194, tag: pairTag{1, 2}, choice: 3}
	text := l.String()
	wrapped := "  " + strings.ToUpper(text[:30]) + "\r\n  " + text[30:60] + "-" + text[60:] + "\n"
	got, err := parsePairLine(wrapped)
	if err != nil || *got != *l {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParsePairLine(f *testing.F) {
	l := &pairLine{kind: invitation, host: "a.example.org", port: 1194, free: 7}
	f.Add(l.String())
	l = &pairLine{kind: answer}
	f.Add(l.String())
	f.Add("cvp1")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parsePairLine(text)
		if err != nil {
			return
		}
		if again, err := parsePairLine(l.String()); err != nil || *again != *l {
			t.Fatalf("%+v became %+v: %v", l, again, err)
		}
	})
}
