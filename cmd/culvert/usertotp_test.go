package main

import (
	"encoding/base32"
	"regexp"
	"strings"
	"testing"
	"time"

	"culvert/access/onetime"
)

// TestUserTOTP: enrolment without a terminal: the key, a code that confirms, and codes for
// when the app is lost.
func TestUserTOTP(t *testing.T) {
	dir := office(t)
	run := func(words ...string) string {
		return said(t, "", append(append([]string{"user"}, words...), "--dir", dir)...)
	}
	run("add", "alice")
	if text := run("totp", "alcie"); !strings.Contains(text, "did you mean alice?") {
		t.Error(text)
	}
	shown := run("totp", "alice")
	key := regexp.MustCompile(`type the key: ([A-Z2-7 ]+)\n`).FindStringSubmatch(shown)
	if key == nil || !strings.Contains(shown, "█▀▀") || !strings.Contains(shown, "--confirm CODE") {
		t.Fatal(shown)
	}
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(key[1], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if text := run("totp", "alice", "--confirm", "12345"); !strings.Contains(text, "that is not the code") {
		t.Error(text)
	}
	if text := run("show", "alice", "--json"); !strings.Contains(text, `"code":false`) {
		t.Error(text)
	}
	code := onetime.At(secret, time.Now())
	if text := run("totp", "alice", "--confirm", code); strings.Count(text, "-") < 30 || !strings.Contains(text, "alice signs in with codes from now on") {
		t.Error(text)
	}
	if text := run("show", "alice", "--json"); !strings.Contains(text, `"code":true`) || strings.Contains(text, key[1]) {
		t.Error(text)
	}
	for line, want := range map[string]string{
		"totp alice":                   "--again enrols another",
		"totp alice --again --remove":  "none of the others can be",
		"totp alice --recovery":        "Recovery codes of alice",
		"totp alice --confirm " + code: "confirmed already",
	} {
		if text := run(strings.Fields(line)...); !strings.Contains(text, want) {
			t.Errorf("%s: %s", line, text)
		}
	}
	if text := run("totp", "alice", "--remove"); !strings.Contains(text, "no app for codes any more") {
		t.Error(text)
	}
}
