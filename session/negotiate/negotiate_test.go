package negotiate

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/session/wire"
)

func TestPeerInfo(t *testing.T) {
	info := ParsePeerInfo("IV_VER=2.6.14\r\nIV_PROTO=990\nno equals sign\n=nameless\nUV_X=a=b\nEMPTY=\nLAST=1")
	want := PeerInfo{"IV_VER": "2.6.14", "IV_PROTO": "990", "UV_X": "a=b", "EMPTY": "", "LAST": "1"}
	if !maps.Equal(info, want) {
		t.Errorf("read %v", info)
	}
	if got := ParsePeerInfo(info.String()); !maps.Equal(got, want) {
		t.Errorf("read back %v", got)
	}
	if !info.Has(ProtoDataV2|ProtoRequestPush|ProtoTLSEKM|ProtoCCExit|ProtoAuthTemp) || info.Has(ProtoDNSOption) {
		t.Errorf("IV_PROTO %b", info.Proto())
	}
	for _, bad := range []string{"", "x", "-1", "4294967296", " 2"} {
		if p := (PeerInfo{"IV_PROTO": bad}).Proto(); p != 0 {
			t.Errorf("IV_PROTO=%q: %b", bad, p)
		}
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "N%d=1\n", i)
	}
	if n := len(ParsePeerInfo(many.String())); n != maxPeerInfo {
		t.Errorf("kept %d variables", n)
	}
}

func TestPeerInfoCiphers(t *testing.T) {
	for _, c := range []struct {
		info PeerInfo
		want []string
	}{
		{PeerInfo{}, nil},
		{PeerInfo{"IV_NCP": "1"}, nil},
		{PeerInfo{"IV_NCP": "2"}, []string{"AES-256-GCM", "AES-128-GCM"}},
		{PeerInfo{"IV_NCP": "2", "IV_CIPHERS": "aes-128-gcm:CHACHA20-POLY1305"}, []string{"AES-128-GCM", "CHACHA20-POLY1305"}},
	} {
		if got := c.info.Ciphers(); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.info, got, c.want)
		}
	}
}

func TestLocalPeerInfo(t *testing.T) {
	info := LocalPeerInfo("v", "linux", []string{"A", "B"}, 1600, map[string]string{"UV_ID": "7", "IV_PLAT": "mine"})
	for name, want := range map[string]string{"IV_VER": "v", "IV_PLAT": "mine", "IV_CIPHERS": "A:B", "IV_NCP": "2", "IV_MTU": "1600", "UV_ID": "7", "IV_PROTO": "7582"} {
		if info[name] != want {
			t.Errorf("%s=%s, want %s", name, info[name], want)
		}
	}
}

var ours = []string{"AES-256-GCM", "CHACHA20-POLY1305"}

func TestChooseCipher(t *testing.T) {
	for name, c := range map[string]struct {
		fallback, options string
		client            PeerInfo
		want              string
	}{
		"our order":                   {"", "", PeerInfo{"IV_CIPHERS": "CHACHA20-POLY1305:AES-256-GCM"}, "AES-256-GCM"},
		"what both have":              {"", "", PeerInfo{"IV_CIPHERS": "AES-128-GCM:CHACHA20-POLY1305"}, "CHACHA20-POLY1305"},
		"client 2.4":                  {"", "", PeerInfo{"IV_NCP": "2"}, "AES-256-GCM"},
		"nothing in common":           {"AES-128-CBC", "", PeerInfo{"IV_CIPHERS": "AES-128-GCM"}, ""},
		"old client with our cipher":  {"", "V4,cipher aes-256-gcm,key-method 2", PeerInfo{}, "AES-256-GCM"},
		"old client with another":     {"", "V4,cipher BF-CBC,key-method 2", PeerInfo{}, ""},
		"old client takes fallback":   {"AES-128-GCM", "V4,cipher BF-CBC", PeerInfo{}, "AES-128-GCM"},
		"old client that says naught": {"", "V4", PeerInfo{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ChooseCipher(ours, c.fallback, c.client, c.options)
			checkCipher(t, got, err, c.want)
		})
	}
}

func TestAcceptCipher(t *testing.T) {
	for name, c := range map[string]struct{ fallback, pushed, options, want string }{
		"pushed":                    {"", "aes-256-gcm", "", "AES-256-GCM"},
		"pushed the fallback":       {"AES-128-GCM", "AES-128-GCM", "", "AES-128-GCM"},
		"pushed another":            {"", "AES-128-GCM", "", ""},
		"old server, ours":          {"", "", "V4,cipher AES-256-GCM", "AES-256-GCM"},
		"old server, another":       {"", "", "V4,cipher BF-CBC", ""},
		"old server, fallback":      {"AES-128-GCM", "", "V4,cipher BF-CBC", "AES-128-GCM"},
		"old server that says none": {"", "", "V4", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := AcceptCipher(ours, c.fallback, c.pushed, c.options)
			checkCipher(t, got, err, c.want)
		})
	}
}

func checkCipher(t *testing.T, got string, err error, want string) {
	t.Helper()
	var refused *CipherError
	if got != want || (want == "") != errors.As(err, &refused) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// TestCipherErrorMends has both lists and the line to add, and nothing of the
// peer's that would upset a log.
func TestCipherErrorMends(t *testing.T) {
	for _, c := range []struct {
		err  CipherError
		want []string
	}{
		{CipherError{Ours: ours, Theirs: []string{"AES-128-GCM", "X"}},
			[]string{"AES-256-GCM:CHACHA20-POLY1305", "AES-128-GCM:X", "`data-ciphers AES-256-GCM:CHACHA20-POLY1305:AES-128-GCM`"}},
		{CipherError{Ours: ours, Fallback: "BF-CBC"}, []string{"BF-CBC", "`data-ciphers-fallback BF-CBC`"}},
		{CipherError{Ours: ours}, []string{"data-ciphers-fallback"}},
		{CipherError{Ours: ours, Theirs: []string{"\x1b[31m" + strings.Repeat("x", 9999)}}, []string{`\x1b[31m`}},
	} {
		text := c.err.Error()
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%q does not contain %q", text, want)
			}
		}
		if strings.ContainsRune(text, 0x1b) || len(text) > 1000 {
			t.Errorf("not fit for a log: %d bytes, %.60q", len(text), text)
		}
	}
}

func TestOptions(t *testing.T) {
	text := OptionsString(true, "tun", 1500, "UDPv4", "AES-256-GCM")
	if want := "V4,dev-type tun,tun-mtu 1500,proto UDPv4,cipher AES-256-GCM,key-method 2,tls-server"; text != want {
		t.Errorf("%s, want %s", text, want)
	}
	if text := OptionsString(false, "tun", 1400, "UDPv4", ""); text != "V4,dev-type tun,tun-mtu 1400,proto UDPv4,key-method 2,tls-client" {
		t.Error(text)
	}
	if got := OptionValue("V4,ciphers X,cipher aes-256-gcm", "cipher"); got != "AES-256-GCM" {
		t.Errorf("cipher %q", got)
	}
	if got := OptionValue("V4,cipher", "cipher"); got != "" {
		t.Errorf("cipher %q", got)
	}
	for text, want := range map[string]bool{
		"V4,comp-lzo": true, "V4,comp-lzo yes,x": true, "compress lz4": true, "V4,compress": false, "V4": false, "V4,no-comp-lzo": false,
	} {
		if HasCompression(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

func TestRestart(t *testing.T) {
	for text, want := range map[string]Restart{
		"":                  {SameServer: true, Temporary: true},
		"moving":            {Reason: "moving", SameServer: true, Temporary: true},
		"[N]":               {Temporary: true},
		"[N]try the next":   {Reason: "try the next", Temporary: true},
		"[P]keep the ports": {Reason: "keep the ports", SameServer: true, Temporary: true},
		"[unclosed":         {Reason: "[unclosed", SameServer: true, Temporary: true},
	} {
		if got := ParseRestart(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestAuthFailed(t *testing.T) {
	for text, want := range map[string]Restart{
		"":                                       {SameServer: true},
		"no such user":                           {Reason: "no such user", SameServer: true},
		"SESSION:expired":                        {Reason: "expired", SameServer: true, SessionOver: true},
		"TEMP":                                   {Temporary: true},
		"TEMP:later":                             {Reason: "later", Temporary: true},
		"TEMP[backoff 42,advance no]:busy":       {Reason: "busy", Temporary: true, SameServer: true, Backoff: 42 * time.Second},
		"TEMP[advance addr]":                     {Temporary: true, NextAddress: true},
		"TEMP[advance remote]:x":                 {Reason: "x", Temporary: true, NextRemote: true},
		"TEMP[backoff -1,backoff x,backoff]":     {Temporary: true},
		"TEMP[backoff 99999999,advance sideways": {Reason: "[backoff 99999999,advance sideways", Temporary: true},
	} {
		if got := ParseAuthFailed(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// gather gives a reader the messages of a push, and expects the last to
// complete it.
func gather(t *testing.T, parts []string) []string {
	t.Helper()
	var r PushReader
	for i, part := range parts {
		if len(part) > maxMessage {
			t.Fatalf("message of %d bytes", len(part))
		}
		rest, ok := strings.CutPrefix(part, pushReply)
		if !ok {
			t.Fatalf("message %q", part)
		}
		complete, err := r.Add(rest)
		if err != nil || complete != (i == len(parts)-1) {
			t.Fatalf("message %d of %d: complete %v, error %v", i+1, len(parts), complete, err)
		}
	}
	return r.Options()
}

func TestPushRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		options := make([]string, random.IntN(60))
		for i := range options {
			length := 1 + random.IntN(100)
			if random.IntN(10) == 0 {
				length = 900 + random.IntN(70)
			}
			options[i] = strings.Repeat(string(rune('a'+random.IntN(26))), length)
		}
		parts, err := PushReply(options)
		if err != nil {
			t.Fatal(err)
		}
		if got := gather(t, parts); !slices.Equal(got, options) {
			t.Fatalf("%d options became %d", len(options), len(got))
		}
	}
}

func TestPushBounds(t *testing.T) {
	const longest = 969
	parts, err := PushReply([]string{strings.Repeat("x", longest), "y", strings.Repeat("z", longest)})
	if err != nil || len(parts) != 3 {
		t.Errorf("%d parts, %v", len(parts), err)
	}
	gather(t, parts)
	for _, bad := range []string{strings.Repeat("x", longest+1), "a,b"} {
		if _, err := PushReply([]string{bad}); !errors.Is(err, ErrPush) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if parts, err := PushReply(nil); err != nil || !slices.Equal(parts, []string{"PUSH_REPLY"}) {
		t.Errorf("nothing to push: %q, %v", parts, err)
	}
	var r PushReader
	for range maxPushed / 900 {
		if _, err := r.Add("," + strings.Repeat("x", 899) + "," + moreFollows); err != nil {
			t.Fatalf("refused at %d bytes: %v", r.size, err)
		}
	}
	if _, err := r.Add(strings.Repeat("y,", 1000)); !errors.Is(err, ErrPush) {
		t.Errorf("%d bytes taken: %v", r.size, err)
	}
}

func TestParams(t *testing.T) {
	modern := PeerInfo{"IV_CIPHERS": "AES-256-GCM", "IV_PROTO": "990"}
	for name, c := range map[string]struct {
		client PeerInfo
		push   []string
	}{
		"modern":   {modern, []string{"peer-id 7", "cipher AES-256-GCM", "protocol-flags cc-exit tls-ekm"}},
		"2.5":      {PeerInfo{"IV_CIPHERS": "X", "IV_PROTO": "14"}, []string{"peer-id 7", "cipher AES-256-GCM", "key-derivation tls-ekm"}},
		"2.4":      {PeerInfo{"IV_NCP": "2", "IV_PROTO": "2"}, []string{"peer-id 7", "cipher AES-256-GCM"}},
		"cc-exit":  {PeerInfo{"IV_PROTO": "128"}, []string{"protocol-flags cc-exit"}},
		"very old": {PeerInfo{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			params := ServerParams("AES-256-GCM", 7, c.client)
			push := params.PushOptions(c.client)
			if !slices.Equal(push, c.push) {
				t.Errorf("pushed %q, want %q", push, c.push)
			}
			got, ignored := ParseParams(push)
			if !params.DataV2 {
				params.PeerID = wire.PeerIDUnset
			}
			if c.client.Ciphers() == nil {
				params.Cipher = ""
			}
			if ignored != nil || got != params {
				t.Errorf("read back %+v (%v), want %+v", got, ignored, params)
			}
		})
	}
}

func TestParseParams(t *testing.T) {
	got, ignored := ParseParams([]string{"route 10.0.0.0", "ping x", "cipher", "", "peer-id 16777215", "cipher aes-128-gcm"})
	want := Params{Cipher: "AES-128-GCM", PeerID: wire.PeerIDUnset, DataV2: true}
	if ignored != nil || got != want {
		t.Errorf("%+v, %v", got, ignored)
	}
}

// TestSenselessParams: as with stock, what makes no sense changes nothing, and
// is told.
func TestSenselessParams(t *testing.T) {
	good := []string{"peer-id 7", "cipher AES-128-GCM", "protocol-flags cc-exit tls-ekm"}
	want, _ := ParseParams(good)
	for _, bad := range []string{
		"peer-id -1", "peer-id 16777216", "peer-id x", "comp-lzo maybe", "compress snappy",
		"protocol-flags cc-exit tls-ekm dyn-tls-crypt", "key-derivation magic",
	} {
		got, ignored := ParseParams(append(good[:3:3], bad))
		if got != want || len(ignored) != 1 || !strings.Contains(ignored[0], bad) {
			t.Errorf("%s: %+v, ignored %q", bad, got, ignored)
		}
	}
}

func FuzzPeerInfo(f *testing.F) {
	f.Add("IV_VER=2.6\nIV_PROTO=990\nIV_CIPHERS=A:B\n")
	f.Add("=\n==\r\nIV_NCP=2")
	f.Add("IV_CIPHERS=" + strings.Repeat("\x00", 300))
	f.Fuzz(func(t *testing.T, text string) {
		info := ParsePeerInfo(text)
		if len(info) > maxPeerInfo {
			t.Errorf("%d variables", len(info))
		}
		if again := ParsePeerInfo(info.String()); len(again) != len(info) {
			t.Errorf("%q became %q", info, again)
		}
		if _, err := ChooseCipher(ours, "", info, text); err != nil && len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}

func FuzzParams(f *testing.F) {
	f.Add("peer-id 7,cipher AES-256-GCM,protocol-flags cc-exit tls-ekm,key-derivation tls-ekm")
	f.Fuzz(func(t *testing.T, text string) {
		p, _ := ParseParams(strings.Split(text, ","))
		if p.PeerID > wire.PeerIDUnset {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzPushReader(f *testing.F) {
	f.Add(",route 1.2.3.4,push-continuation 2", ",topology subnet,push-continuation 1")
	f.Fuzz(func(t *testing.T, first, second string) {
		var r PushReader
		for _, text := range []string{first, second} {
			if _, err := r.Add(text); err != nil {
				return
			}
		}
		parts, err := PushReply(r.Options())
		if err != nil {
			return
		}
		if got := gather(t, parts); !slices.Equal(got, r.Options()) {
			t.Errorf("%q became %q", r.Options(), got)
		}
	})
}

func FuzzMessages(f *testing.F) {
	f.Add("TEMP[backoff 42,advance no]:busy")
	f.Add("[N]moving")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []Restart{ParseRestart(text), ParseAuthFailed(text)} {
			if r.Backoff < 0 || r.Backoff > 1<<16*time.Second || len(r.Reason) > len(text) {
				t.Errorf("%+v", r)
			}
		}
	})
}
