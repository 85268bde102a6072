package standalone

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"culvert/session/wrap"
)

// invoke runs a stand-alone command line.
func invoke(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command, found := Find(args)
	if !found {
		t.Fatalf("%q: no stand-alone command", args)
	}
	var out bytes.Buffer
	err := command(&out, args)
	return out.String(), err
}

func TestGenkeyStatic(t *testing.T) {
	for _, args := range [][]string{{"--genkey"}, {"--genkey", "secret"}, {"--genkey", "tls-auth"}, {"--genkey", "--secret"}} {
		out, err := invoke(t, args...)
		if err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		if _, err := wrap.ParseStaticKey([]byte(out)); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
	file := filepath.Join(t.TempDir(), "ta.key")
	if _, err := invoke(t, "--genkey", "--secret", file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	before, _ := os.ReadFile(file)
	_, err := invoke(t, "--genkey", "secret", file)
	if after, _ := os.ReadFile(file); err == nil || !bytes.Equal(before, after) {
		t.Error("a key was overwritten")
	} else if !strings.Contains(err.Error(), "rm "+file) {
		t.Errorf("it does not say how to go on: %v", err)
	}
	if _, err := invoke(t, "--genkey", "secret", os.DevNull); err != nil {
		t.Errorf("a device is not written to: %v", err)
	}
}

func TestGenkeyV2(t *testing.T) {
	dir := t.TempDir()
	serverFile, clientFile := filepath.Join(dir, "server.key"), filepath.Join(dir, "client.key")
	if _, err := invoke(t, "--genkey", "tls-crypt-v2-server", serverFile); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(serverFile)
	server, err := wrap.ParseServerKeyV2(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := invoke(t, "--tls-crypt-v2", serverFile, "--genkey", "tls-crypt-v2-client", clientFile, "aGVsbG8="); err != nil {
		t.Fatal(err)
	}
	text, _ = os.ReadFile(clientFile)
	client, err := wrap.ParseClientKeyV2(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, metadata, err := server.UnwrapClientKey(client.WKc); err != nil || string(metadata) != "\x00hello" {
		t.Errorf("%q, %v", metadata, err)
	}
}

func TestStandaloneFaults(t *testing.T) {
	for want, args := range map[string][]string{
		"expected secret":               {"--genkey", "nonsense"},
		"add --tls-crypt-v2":            {"--genkey", "tls-crypt-v2-client"},
		"--port: does not go with this": {"--genkey", "--port", "3"},
		"--genkey d: too many values":   {"--genkey", "a", "b", "c", "d"},
		"add --dev NAME":                {"--mktun"},
		"user no-such-user: ":           {"--mktun", "--dev", "tun0", "--user", "no-such-user"},
		"--rmtun tun0: too many values": {"--rmtun", "tun0"},
		"expected an IPv4 or IPv6":      {"--show-gateway", "here"},
		"has no C":                      {"--show-pkcs11-ids"},
		"unsupported data channel":      {"--test-crypto", "--cipher", "ROT13"},
		"--auth: ":                      {"--test-crypto", "--auth", "ROT13"},
		"no such file":                  {"--test-crypto", "--secret", "/nowhere/key"},
		"expected base64":               {"--genkey", "tls-crypt-v2-client", "", "%", "--tls-crypt-v2", serverKeyFile(t)},
	} {
		if _, err := invoke(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func serverKeyFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "v2.key")
	if _, err := invoke(t, "--genkey", "tls-crypt-v2-server", name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestShow(t *testing.T) {
	for command, want := range map[string]string{
		"--show-ciphers": "\nAES-256-GCM  (256 bit key, 128 bit block, TLS client/server mode only)\n", "--show-digests": "\nSHA256 256 bit digest size\n",
		"--show-ciphers --verb 1": "\nAES-128-CBC  (128 bit key, 128 bit block)\n", "--verb 1 --show-ciphers": "\nCHACHA20-POLY1305  (256 bit key, stream cipher, TLS client/server mode only)\n",
		"--show-tls": "\nTLS_AES_256_GCM_SHA384\n", "--show-tls --mute 3": "\nTLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384\n",
		"--show-groups": "X25519MLKEM768", "--show-curves": "secp384r1",
		"--show-engines": "There is no OpenSSL", "--show-adapters": "lo: MTU ", "--show-net": "ROUTE_GATEWAY", "--show-valid-subnets": "[253,254]",
	} {
		if out, err := invoke(t, strings.Fields(command)...); err != nil || !strings.Contains("\n"+out, want) {
			t.Errorf("%s: %q, %v", command, out, err)
		}
	}
}

// TestGeneral: --cd says where files are, and the others change nothing.
func TestGeneral(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	if _, err := invoke(t, "--cd", dir, "--errors-to-stderr", "--genkey", "secret", "ta.key", "--verb", "0"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "ta.key")); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"--genkey", "--cd"}, {"--cd", filepath.Join(dir, "nowhere"), "--genkey"}, {"--genkey", "--dev", "tun0"}} {
		if _, err := invoke(t, args...); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// TestRmtunAgain: a device that is not there is no fault.
func TestRmtunAgain(t *testing.T) {
	out, err := invoke(t, "--rmtun", "--dev", "tun-nowhere", "--verb", "3")
	if runtime.GOOS == "linux" && (err != nil || !strings.Contains(out, "there is no device tun-nowhere")) {
		t.Errorf("%q, %v", out, err)
	}
}

// TestTestCrypto: with all ciphers, or those that are named and the key of a file.
func TestTestCrypto(t *testing.T) {
	key := filepath.Join(t.TempDir(), "static.key")
	if _, err := invoke(t, "--genkey", "secret", key); err != nil {
		t.Fatal(err)
	}
	for line, ciphers := range map[string]int{
		"--test-crypto": 7,
		"--test-crypto --secret " + key + " --cipher aes-256-cbc --auth SHA256": 1,
		"--data-ciphers AES-128-GCM:AES-128-CBC --test-crypto":                  2,
	} {
		out, err := invoke(t, strings.Fields(line)...)
		if err != nil || strings.Count(out, "length=1 to 1768, ") != ciphers || !strings.HasSuffix(out, "self-test mode SUCCEEDED.\n") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

// TestShowGateway: in OpenVPN's words, which programs read.
func TestShowGateway(t *testing.T) {
	out, err := invoke(t, "--show-gateway")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != 2 {
		t.Fatalf("%q, %v", out, err)
	}
	for i, name := range []string{"ROUTE_GATEWAY", "ROUTE6_GATEWAY"} {
		if words := strings.Fields(lines[i]); len(words) < 4 || words[2] != name {
			t.Errorf("%q; want %s as the third word, and what it is", lines[i], name)
		}
	}
	if out, err := invoke(t, "--show-gateway", "127.0.0.1"); err != nil || !strings.Contains(out, "ROUTE_GATEWAY ON_LINK IFACE=lo") {
		t.Errorf("%q, %v", out, err)
	}
}
