package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"culvert/session/wire"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vector is NIST's, for the key derivation of TLS 1.0.
func TestPRFVector(t *testing.T) {
	secret := unhex(t, "bded7fa5c1699c010be23dd06ada3a48349f21e5f86263d512c0c5cc379f0e780ec55d9844b2f1db02a96453513568d0")
	client := unhex(t, "e5acaf549cd25c22d964c0d930fa4b5261d2507fad84c33715b7b9a864020693")
	server := unhex(t, "135e4d557fdf3aa6406d82975d5c606a9734c9334b42136e96990fbd5358cdb2")
	want := unhex(t, "2f6962dfbc744c4b2138bb6b3d33054c5ecc14f24851d9896395a44ab3964efc2090c5bf51a0891209f46c1e1e998f62")

	got := make([]byte, 48)
	prf(got, secret, "master secret", client, server)
	if !bytes.Equal(got, want) {
		t.Errorf("prf = %x, want %x", got, want)
	}
}

func TestPRFOddSecretSharesMiddleByte(t *testing.T) {
	odd, even := make([]byte, 40), make([]byte, 40)
	prf(odd, []byte("abc"), "label")
	prf(even, []byte("abbc"), "label")
	if !bytes.Equal(odd, even) {
		t.Errorf("secret abc gives %x, halves ab and bc give %x", odd, even)
	}
}

// ramp fills b with ascending bytes.
func ramp(b []byte, from byte) {
	for i := range b {
		b[i] = from + byte(i)
	}
}

// The vector was computed with `openssl kdf ... TLS1-PRF`, once for each step.
func TestDeriveLegacyVector(t *testing.T) {
	var client, server wire.KeySource
	var clientID, serverID wire.SessionID
	ramp(client.PreMaster[:], 0)
	ramp(client.Random1[:], 0x30)
	ramp(client.Random2[:], 0x50)
	ramp(server.PreMaster[:], 0x11)
	ramp(server.Random1[:], 0x80)
	ramp(server.Random2[:], 0xa0)
	ramp(clientID[:], 0xc0)
	ramp(serverID[:], 0xd0)
	want := unhex(t, "0828953b7ca9d47be2be9695863154f8fa0547016d8a2f2d4c25bf030908a13ed977875575993f4da0272f40c7b98c07f2b862e1f7e71a02cd8011a45e984da5"+
		"2ceb36b068697cae182b95ddedae5bad9214e9382ac50dd18e946943b6ce3f0f6bfeb6eb5f2466a3b0f7b64a0563ff1e315afa0844f0bc561f2a7354596510e2"+
		"c08bec2adce1dbeb3b00589021c06377e9cb737b9296b2bf46950f281c627c9f83813e01473f1d51b6db2809fde299e301d03d89133948870c7165b6bbd6a745"+
		"7ee9107030fe7398b8cde07575133561dcea93ac6a8885a414415b44b717d86ac58b0728837413e36f596e241dc417d2eefe834c70a502305e8cacbe564e3b07")

	got := DeriveLegacy(&client, &server, clientID, serverID)
	if !bytes.Equal(got[:], want) {
		t.Errorf("DeriveLegacy = %x, want %x", got[:], want)
	}
}

func TestKeyMaterialIsNeverPrinted(t *testing.T) {
	var m KeyMaterial
	ramp(m[:], 0)
	c := GenerationConfig{Material: m}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c"} {
		if got := fmt.Sprintf(verb, m); got != "redacted" {
			t.Errorf("%s prints %q", verb, got)
		}
		if got := fmt.Sprintf(verb, &m); got != "redacted" {
			t.Errorf("%s of a pointer prints %q", verb, got)
		}
		if got := fmt.Sprintf(verb, c); !strings.Contains(got, "redacted") {
			t.Errorf("%s of a configuration prints %q", verb, got)
		}
	}
	if b, err := json.Marshal(m); err != nil || string(b) != `"redacted"` {
		t.Errorf("JSON is %s, %v", b, err)
	}
	if m.String() != "redacted" {
		t.Errorf("String is %q", m.String())
	}
}

func TestLookupCipher(t *testing.T) {
	for _, name := range Names() {
		for _, spelt := range []string{name, strings.ToLower(name)} {
			c, err := LookupCipher(spelt)
			if err != nil || c.Name() != name {
				t.Errorf("LookupCipher(%q) = %q, %v", spelt, c.Name(), err)
			}
		}
	}
	if got := strings.Join(Names(), ":"); got != "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305:AES-192-GCM:AES-256-CBC:AES-192-CBC:AES-128-CBC" {
		t.Errorf("Names = %s", got)
	}
	c, err := LookupCipher("BF-CBC")
	if c.Name() != "" || err == nil || !strings.Contains(err.Error(), `"BF-CBC"; use one of AES-256-GCM`) {
		t.Errorf("LookupCipher(BF-CBC) = %q, %v", c.Name(), err)
	}
}
