package check

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"culvert/config"
)

// TestEmptyWords: words that are empty, which config drops from the end of a directive
// and config.Lines keeps, are no cause to panic.
func TestEmptyWords(t *testing.T) {
	read := func(string) ([]byte, error) { return nil, os.ErrNotExist }
	client := "client\nremote 192.0.2.1 1194\npeer-fingerprint " + strings.Repeat("00", 32) + "\n"
	server := "server 10.8.0.0 255.255.255.0\ntopology subnet\n"
	var lines []string
	for _, d := range config.Directives() {
		for _, before := range []string{"", " x"} {
			for n := 1; n <= 3; n++ {
				lines = append(lines, d.Name+before+strings.Repeat(` ""`, n))
			}
		}
	}
	lines = append(lines, "setenv opt \"\"", "setenv opt tls-auth \"\" \"\"", "tls-auth ta.key \"\"\nkey-direction 0", "tls-auth ta.key \"\"\nkey-direction 1", "tls-auth \"\" \"\"\nkey-direction \"\"", "tls-auth ta.key 0\nkey-direction \"\"")
	for _, own := range []string{client, server} {
		for _, line := range lines {
			tryEmpty(t, own+line+"\n", read)
		}
	}
}

// tryEmpty checks and fixes a text, and names it where that panics.
func tryEmpty(t *testing.T, text string, read config.ReadFile) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s\npanic: %v", text, p)
		}
	}()
	r := Text("x.conf", []byte(text), read, checkedAt)
	if err := r.Print(io.Discard); err != nil {
		t.Error(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	_, _ = Fix("x.conf", []byte(text), read)
}
