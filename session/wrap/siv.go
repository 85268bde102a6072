package wrap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
)

// tagLen is the length of HMAC-SHA256.
const tagLen = sha256.Size

// siv is the nonce-misuse-resistant construction of tls-crypt, for packets and
// for wrapped keys (draft, "tlscrypt_control"):
//
//	T = HMAC-SHA256(Ka, ad | plain)
//	sealed = T | AES-256-CTR(Ke, first 16 bytes of T, plain)
type siv struct {
	block cipher.Block // of Ke
	ka    []byte
}

// newSIV takes Ke and Ka from the first 32 bytes of longer keys.
func newSIV(cipherKey, hmacKey []byte) siv {
	block, err := aes.NewCipher(cipherKey[:32])
	if err != nil {
		panic(err) // the length is right
	}
	return siv{block, hmacKey[:32]}
}

// seal appends the sealed form of plain to dst. ad may be a part of dst.
func (s siv) seal(dst, ad, plain []byte) []byte {
	tag := s.tag(ad, plain)
	dst = append(dst, tag...)
	text := len(dst)
	dst = append(dst, plain...)
	s.crypt(dst[text:], plain, tag)
	return dst
}

// open returns what was sealed, in fresh memory, and whether it is authentic.
func (s siv) open(ad, sealed []byte) (plain []byte, ok bool) {
	if len(sealed) < tagLen {
		return nil, false
	}
	tag, text := sealed[:tagLen], sealed[tagLen:]
	plain = make([]byte, len(text))
	s.crypt(plain, text, tag)
	if !hmac.Equal(tag, s.tag(ad, plain)) {
		return nil, false
	}
	return plain, true
}

func (s siv) tag(ad, plain []byte) []byte {
	h := hmac.New(sha256.New, s.ka)
	h.Write(ad)
	h.Write(plain)
	return h.Sum(nil)
}

func (s siv) crypt(dst, src, tag []byte) {
	cipher.NewCTR(s.block, tag[:aes.BlockSize]).XORKeyStream(dst, src)
}
