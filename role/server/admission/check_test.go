package admission

import (
	"bytes"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
)

// TestFilesAreReadAtTheStart: what keeps a client out is told before
// it comes, with file and line; the others' files stay good.
func TestFilesAreReadAtTheStart(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good":    "ifconfig-push 10.8.0.5 255.255.255.0\n",
		"pair":    "# of an older server\nifconfig-push 10.8.0.6 10.8.0.5\n",
		"wrong":   "ifconfig-push 10.8.0.9\niroute 10.9.0.0 255.0.255.0\n",
		"twice":   "ifconfig-push 10.8.0.7 255.255.255.0\nifconfig-push 10.8.0.8 255.255.255.0\n",
		"DEFAULT": "nonsense\n",
		"old~":    "nonsense\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	c := &config.Config{Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), ClientConfigDir: dir, MaxRoutesPerClient: 256}}
	(&Admission{own: newOwnAddresses(c)}).CheckFiles("", slog.New(slog.NewTextHandler(&said, nil)))
	for _, want := range []string{
		"wrong:1: ifconfig-push: a value is missing", "wrong:2: iroute", "client wrong is refused",
		"DEFAULT:1: nonsense: unknown directive", "every client without a file of its own is refused",
		"pair:2: ifconfig-push: 10.8.0.5 is the other end of a pair", "write ifconfig-push 10.8.0.6 255.255.255.0",
		"twice:2: ifconfig-push: given before",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not said in:\n%s", want, said.String())
		}
	}
	for _, not := range []string{"good", "old~"} {
		if strings.Contains(said.String(), filepath.Join(dir, not)) {
			t.Errorf("%s is spoken of in:\n%s", not, said.String())
		}
	}
	own, err := config.ParsePerClient(c, "pair", []byte("ifconfig-push 10.8.0.6 10.8.0.5\n"))
	if err != nil || own.Ifconfig.Bits != 24 {
		t.Errorf("a pair in topology subnet: %+v, %v", own, err)
	}
}
