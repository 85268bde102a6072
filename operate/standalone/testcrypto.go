package standalone

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"culvert/host/process"
	"culvert/internal/buf"
	"culvert/internal/digest"
	"culvert/operate/conffile"
	"culvert/session/seal"
	"culvert/session/wrap"
)

var testCryptoForm = form{"culvert --test-crypto [--secret FILE] [--cipher NAME] [--auth NAME]",
	map[string]int{"--test-crypto": 0, "--secret": 2, "--cipher": 1, "--data-ciphers": 1, "--auth": 1, "--verb": 1}}

// longestTested is the longest packet that is sealed and opened: a full Ethernet frame
// with what a tunnel may add.
const longestTested = 1768

// testCrypto seals and opens packets of every length (man page, "test-crypto"): with
// the ciphers that are named, or all of them.
func testCrypto(out io.Writer, args []string) error {
	given, err := testCryptoForm.read(args)
	if err != nil {
		return err
	}
	one := func(directive string) string { return strings.Join(given[directive], " ") }
	names := seal.Names()
	if list := cmp.Or(one("--data-ciphers"), one("--cipher")); list != "" {
		names = strings.Split(list, ":")
	}
	d, err := digest.Lookup(cmp.Or(one("--auth"), "SHA1"))
	if err != nil {
		return fmt.Errorf("--auth: %w; see --show-digests", err)
	}
	material, err := testKey(given["--secret"])
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Entering OpenVPN crypto self-test mode.")
	for _, name := range names {
		if err := testCipher(name, d, material); err != nil {
			return fmt.Errorf("--test-crypto: %s: %w", name, err)
		}
		fmt.Fprintf(out, "TESTING ENCRYPT/DECRYPT of packet length=1 to %d, %s\n", longestTested, strings.ToUpper(name))
	}
	_, err = fmt.Fprintln(out, "OpenVPN crypto self-test mode SUCCEEDED.")
	return err
}

// testKey is the key of a file, or a random one.
func testKey(file []string) (m seal.KeyMaterial, err error) {
	if len(file) == 0 {
		_, err = rand.Read(m[:])
		return m, err
	}
	text, err := process.ReadFile(file[0])
	if err != nil {
		return m, conffile.Unread(err, file[0], "a static key, as made by --genkey secret FILE")
	}
	k, err := wrap.ParseStaticKey(text)
	if err != nil {
		return m, fmt.Errorf("%s: %w", file[0], err)
	}
	send, receive := k.DataKeys(wrap.Normal)
	copy(m[:], send[:])
	copy(m[len(send):], receive[:])
	return m, nil
}

// testCipher carries a packet of each length from one end to the other, and checks that
// a changed one is refused.
func testCipher(name string, d digest.Digest, material seal.KeyMaterial) error {
	c, err := seal.LookupCipher(name)
	if err != nil {
		return err
	}
	var ends [2]seal.Ring
	for i := range ends {
		g, err := seal.NewGeneration(seal.GenerationConfig{Cipher: c, Digest: d, Material: material, Server: i == 1, V2: true})
		if err != nil {
			return err
		}
		ends[i].Install(g)
		ends[i].SendWith(g.KeyID())
	}
	text := make([]byte, longestTested)
	if _, err := rand.Read(text); err != nil {
		return err
	}
	p := buf.New(2 * longestTested)
	for n := 1; n <= len(text); n++ {
		p.Set(text[:n])
		if err := ends[0].Seal(p); err != nil {
			return fmt.Errorf("packet of %d bytes: %w", n, err)
		}
		sealed := bytes.Clone(p.Bytes())
		sealed[len(sealed)-1] ^= 1
		if err := ends[1].Open(p, 0); err != nil || !bytes.Equal(p.Bytes(), text[:n]) {
			return fmt.Errorf("packet of %d bytes: it is another one after opening: %w", n, err)
		}
		p.Set(sealed)
		if err := ends[1].Open(p, 0); err == nil {
			return fmt.Errorf("packet of %d bytes: it was changed on the way, and accepted", n)
		}
	}
	return nil
}
