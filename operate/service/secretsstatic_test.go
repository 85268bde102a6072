//go:build unix

package service

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/logs"
)

// aloud is a log of every level, in all forms that log-format knows.
func aloud(w io.Writer) *log {
	l := &log{levels: new(logs.Levels), latest: new(logs.Ring)}
	sinks := logs.Tee{slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug - 8}), logs.NewHandler(l.latest.Add)}
	for _, form := range []config.LogFormat{config.LogText, config.LogLogfmt, config.LogJSON} {
		sinks = append(sinks, text(&config.Config{Process: config.Process{LogFormat: form}}, w, false))
	}
	l.Logger = slog.New(sinks)
	return l
}

// keepsOut wants none of some secrets in a text, in whatever form.
func keepsOut(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for _, form := range written(secret) {
			at := strings.Index(text, form)
			if digits := regexp.MustCompile(`^\d{6}$`); digits.MatchString(form) { // which a longer number may have in it
				at = -1
				if m := regexp.MustCompile(`\b` + form + `\b`).FindStringIndex(text); m != nil {
					at = m[0]
				}
			}
			if at >= 0 {
				t.Errorf("%q is in the log: %s", secret, text[max(0, at-200):min(len(text), at+200)])
			}
		}
	}
}

// TestStaticKeyStaysOut: two hosts with a static key, and one that has another, log nothing of
// either, nor does their status.
func TestStaticKeyStaysOut(t *testing.T) {
	key, other := staticKey(t), staticKey(t)
	host := func(name, key string, own, far, number int) *working {
		return workAloud(t, name, fmt.Sprintf("dev tun\nverb 11\nlocal 127.0.0.1\nlport %d\nremote 127.0.0.1 %d\nifconfig 10.9.0.%d 10.9.0.%d\nping 1\nallow-deprecated-insecure-static-crypto\ncipher AES-256-CBC\n", own, far, number, 3-number)+block("secret", []byte(key)),
			Options{UserSpace: true, SOCKS: "127.0.0.1:0", HTTP: "127.0.0.1:0", StateDir: filepath.Join(t.TempDir(), name)})
	}
	one, two := freePort(t), freePort(t)
	a, b := host("a", key, one, two, 1), host("b", key, two, one, 2)
	for _, w := range []*working{a, b} {
		w.until("Initialization Sequence Completed")
	}
	a.events <- process.Status
	b.exit()
	c := host("c", other, two, one, 2)
	c.until("Initialization Sequence Completed")
	c.events <- process.Status
	a.events <- process.Status
	a.until("TCP/UDP read bytes")
	c.exit()
	a.exit()
	said := a.written.text() + b.written.text() + c.written.text()
	keepsOut(t, said, append(secretLines(key), secretLines(other)...)...)
}
