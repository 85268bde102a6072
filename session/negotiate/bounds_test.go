package negotiate

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"culvert/session/wire"
)

// TestMostPushed: what a client gathers, to the byte, and a byte more.
func TestMostPushed(t *testing.T) {
	most := slices.Repeat([]string{strings.Repeat("x", 511)}, maxPushed/512)
	more := append(slices.Clone(most), "y")
	more[0] = more[0][:510]
	for name, c := range map[string]struct {
		options []string
		ok      bool
	}{"the most": {most, true}, "a byte more": {more, false}} {
		var r PushReader
		var err error
		for _, option := range c.options {
			if _, added := r.Add("," + option + "," + moreFollows); added != nil {
				err = added
			}
		}
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrPush) {
			t.Errorf("%s: read with %v", name, err)
		}
		if _, err := PushUpdate(c.options); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrPush) {
			t.Errorf("%s: sent with %v", name, err)
		}
	}
}

func TestIsCompression(t *testing.T) {
	for option, want := range map[string]bool{"": false, " ": false, "compress": true, "comp-lzo no": true, "compress-more": false, "route compress": false} {
		if got := IsCompression(option); got != want {
			t.Errorf("%q: %v", option, got)
		}
	}
}

func TestDescribe(t *testing.T) {
	for want, p := range map[string]Params{
		"cipher X":             {Cipher: "X"},
		"cipher X, fragment":   {Cipher: "X", Fragments: true},
		"cipher X, epoch keys": {Cipher: "X", Epoch: true},
		"cipher X, " + wire.CompressionLZO.String(): {Cipher: "X", Compression: wire.CompressionLZO},
	} {
		if got := p.Describe(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestWebURLs: what a user's browser is given has printable characters alone.
func TestWebURLs(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://a/?b=~!": true, "http://a": true, "https://a b": false, "https://a\tb": false, "https://a\x7f": false, "https://ä": false,
		"ftp://a": false, "file:///a": false, " https://a": false, "https:/a": false, "": false,
	} {
		if got := webURL(text); (got == text && got != "") != ok || !ok && got != "" {
			t.Errorf("%q gives %q", text, got)
		}
	}
}

func TestParseToken(t *testing.T) {
	for _, c := range []struct {
		options     []string
		token, user string
	}{
		{nil, "", ""},
		{[]string{"auth-token SESS_ID", "auth-token-user YWRh"}, "SESS_ID", "ada"},
		{[]string{"auth-token-user YWRh", "route 10.0.0.0", "auth-token SESS_ID"}, "SESS_ID", "ada"},
		{[]string{"auth-token", "auth-token a b", "auth-token-user"}, "", ""},
		{[]string{"auth-token x", "auth-token-user *"}, "x", ""},
	} {
		if token, user := ParseToken(c.options); token != c.token || user != c.user {
			t.Errorf("%q: %q, %q", c.options, token, user)
		}
	}
}

// TestP2PCiphers: the server's list goes first, at whichever end; a peer that
// tells none is taken at its options.
func TestP2PCiphers(t *testing.T) {
	ours := []string{"AES-256-GCM", "AES-128-GCM"}
	theirs := PeerInfo{"IV_CIPHERS": "CHACHA20-POLY1305:AES-128-GCM:AES-256-GCM"}.ForP2P()
	for _, c := range []struct {
		server bool
		theirs PeerInfo
		want   string
	}{
		{true, theirs, "AES-256-GCM"}, {false, theirs, "AES-128-GCM"},
		{false, PeerInfo{"IV_CIPHERS": "CHACHA20-POLY1305"}.ForP2P(), ""}, {true, PeerInfo{"IV_CIPHERS": "CHACHA20-POLY1305"}.ForP2P(), ""},
	} {
		p, err := P2PParams(c.server, ours, "", PeerInfo{}.ForP2P(), c.theirs, plainOptions)
		if (err == nil) != (c.want != "") || err != nil && !errors.As(err, new(*CipherError)) || err == nil && p.Cipher != c.want {
			t.Errorf("server %v, %v: %q, %v", c.server, c.theirs, p.Cipher, err)
		}
	}
	for _, server := range []bool{true, false} {
		if p, err := P2PParams(server, ours, "AES-128-GCM", PeerInfo{}.ForP2P(), PeerInfo{}.ForP2P(), plainOptions); err != nil || p.Cipher != "AES-128-GCM" {
			t.Errorf("server %v, a peer without ciphers: %q, %v", server, p.Cipher, err)
		}
	}
}
