package signing

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// What a program is asked for.
const (
	Certificate = "certificate"
	List        = "list"       // a revocation list
	PublicKey   = "public-key" // the authority's, to make its own certificate
)

// Request is one question to a program, as text:
//
//	culvert-sign 1
//	want certificate
//	algorithm ecdsa-sha256
//	digest 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
//
//	-----BEGIN TO BE SIGNED-----
//	-----BEGIN CERTIFICATE REQUEST-----
//
// Lines that a program does not know, it skips.
type Request struct {
	Want string // Certificate, List or PublicKey; the other fields are empty with that
	// Algorithm is ecdsa-sha256, ecdsa-sha384, ecdsa-sha512, rsa-sha256 (PKCS #1 v1.5), or
	// ed25519, which has no digest.
	Algorithm string
	Digest    []byte // of TBS
	TBS       []byte // DER of a certificate or list without its signature
	CSR       []byte // DER of a request by the subject's own key; nil: there is none
}

const (
	firstLine = "culvert-sign 1"
	blockTBS  = "TO BE SIGNED"
	blockCSR  = "CERTIFICATE REQUEST"
	// MaxText is the limit of a request or an answer, in bytes: a list of 100,000
	// certificates takes 5 MB.
	MaxText = 16 << 20
)

// digests are the algorithms, and how long a digest is with each.
var digests = map[string]crypto.Hash{
	"ecdsa-sha256": crypto.SHA256, "ecdsa-sha384": crypto.SHA384, "ecdsa-sha512": crypto.SHA512,
	"rsa-sha256": crypto.SHA256, "ed25519": 0,
}

// Append appends r's text.
func (r *Request) Append(text []byte) []byte {
	text = fmt.Appendf(text, "%s\nwant %s\n", firstLine, r.Want)
	if r.Algorithm != "" {
		text = fmt.Appendf(text, "algorithm %s\n", r.Algorithm)
	}
	if len(r.Digest) > 0 {
		text = fmt.Appendf(text, "digest %x\n", r.Digest)
	}
	text = append(text, '\n')
	if r.TBS != nil {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: blockTBS, Bytes: r.TBS})...)
	}
	if r.CSR != nil {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: blockCSR, Bytes: r.CSR})...)
	}
	return text
}

// Hash is what Digest was made with; 0 with ed25519.
func (r *Request) Hash() crypto.Hash { return digests[r.Algorithm] }

// ParseRequest reads a request.
func ParseRequest(text []byte) (*Request, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("the request has more than %d bytes", MaxText)
	}
	head, blocks, _ := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if strings.TrimRight(lines[0], "\r") != firstLine {
		return nil, fmt.Errorf("the request begins with %.40q, expected %q", lines[0], firstLine)
	}
	r := new(Request)
	for _, line := range lines[1:] {
		if err := r.set(line); err != nil {
			return nil, err
		}
	}
	for {
		var b *pem.Block
		if b, blocks = pem.Decode(blocks); b == nil {
			return r, r.check()
		}
		switch b.Type {
		case blockTBS:
			r.TBS = b.Bytes
		case blockCSR:
			r.CSR = b.Bytes
		}
	}
}

func (r *Request) set(line string) (err error) {
	word, value, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	switch word {
	case "want":
		r.Want = value
	case "algorithm":
		r.Algorithm = value
	case "digest":
		if r.Digest, err = hex.DecodeString(value); err != nil {
			return fmt.Errorf("digest %.80q: expected hexadecimal: %w", value, err)
		}
	}
	return nil
}

func digestOf(hash crypto.Hash, text []byte) []byte {
	h := hash.New()
	h.Write(text)
	return h.Sum(nil)
}

func (r *Request) check() error {
	switch r.Want {
	case PublicKey:
		return nil
	case Certificate, List:
	default:
		return fmt.Errorf("want %.40q: expected %s, %s or %s", r.Want, Certificate, List, PublicKey)
	}
	hash, known := digests[r.Algorithm]
	switch {
	case !known:
		return fmt.Errorf("algorithm %.40q: expected ecdsa-sha256, ecdsa-sha384, ecdsa-sha512, rsa-sha256 or ed25519", r.Algorithm)
	case len(r.TBS) == 0:
		return errors.New("there is nothing to be signed: no block " + blockTBS)
	case hash == 0 && len(r.Digest) > 0 || hash != 0 && len(r.Digest) != hash.Size():
		return fmt.Errorf("the digest has %d bytes, which %s does not have", len(r.Digest), r.Algorithm)
	case hash != 0 && !bytes.Equal(r.Digest, digestOf(hash, r.TBS)):
		return errors.New("the digest is not that of the block " + blockTBS + ": what is signed would be another thing than what is shown")
	}
	return nil
}
