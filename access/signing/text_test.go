package signing_test

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"strings"
	"testing"

	"culvert/access/signing"
)

// digest is that of the bytes 1 and 2.
var digest = func() []byte { d := sha256.Sum256([]byte{1, 2}); return d[:] }()

func TestRequestText(t *testing.T) {
	for _, r := range []signing.Request{
		{Want: signing.PublicKey},
		{Want: signing.List, Algorithm: "rsa-sha256", Digest: digest, TBS: []byte{1, 2}},
		{Want: signing.Certificate, Algorithm: "ed25519", TBS: []byte{1}, CSR: []byte{3}},
	} {
		got, err := signing.ParseRequest(r.Append(nil))
		if err != nil || !reflect.DeepEqual(*got, r) {
			t.Errorf("%+v, %v; expected %+v", got, err, r)
		}
	}
	for text, want := range map[string]string{
		"":                              "expected \"culvert-sign 1\"",
		"culvert-sign 2\n":              "expected \"culvert-sign 1\"",
		"culvert-sign 1\nwant tea\n\n":  "expected certificate, list or public-key",
		"culvert-sign 1\nwant list\n\n": "algorithm \"\": expected",
		"culvert-sign 1\ndigest zz\n\n": "expected hexadecimal",
		"culvert-sign 1\nwant list\nalgorithm rsa-sha256\ndigest 00\n\n":                                                                                               "nothing to be signed",
		"culvert-sign 1\nwant list\nalgorithm rsa-sha256\ndigest 00\n\n-----BEGIN TO BE SIGNED-----\nAQ==\n-----END TO BE SIGNED-----\n":                               "has 1 bytes",
		"culvert-sign 1\nwant list\nalgorithm rsa-sha256\ndigest " + strings.Repeat("07", 32) + "\n\n-----BEGIN TO BE SIGNED-----\nAQ==\n-----END TO BE SIGNED-----\n": "another thing than what is shown",
	} {
		if _, err := signing.ParseRequest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; expected %q", text, err, want)
		}
	}
}

func TestAnswerText(t *testing.T) {
	for want, a := range map[string]signing.Answer{
		signing.List:        {Signature: []byte{1, 2, 3}},
		signing.Certificate: {Whole: []byte{4}},
		signing.PublicKey:   {PublicKey: []byte{5}},
	} {
		got, err := signing.ParseAnswer(a.Append(nil), want)
		if err != nil || !reflect.DeepEqual(*got, a) {
			t.Errorf("%+v, %v; expected %+v", got, err, a)
		}
	}
	for _, c := range []struct{ text, want, fault string }{
		{"signature !\n", signing.List, "expected base64"},
		{"signature \n", signing.List, "expected base64"},
		{"signature AQ==\n", signing.PublicKey, "expected a block PUBLIC KEY"},
		{"-----BEGIN PRIVATE KEY-----\nAQ==\n-----END PRIVATE KEY-----\n", signing.Certificate, "a block PRIVATE KEY, expected CERTIFICATE"},
		{"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", signing.Certificate, "empty"},
	} {
		if _, err := signing.ParseAnswer([]byte(c.text), c.want); err == nil || !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%q: %v; expected %q", c.text, err, c.fault)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add((&signing.Request{Want: signing.Certificate, Algorithm: "rsa-sha256", Digest: digest, TBS: []byte{1}, CSR: []byte{3}}).Append(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := signing.ParseRequest(text)
		if err != nil || r.Want == signing.PublicKey {
			return
		}
		again, err := signing.ParseRequest(r.Append(nil))
		if err != nil || !bytes.Equal(again.TBS, r.TBS) || !bytes.Equal(again.Digest, r.Digest) || !bytes.Equal(again.CSR, r.CSR) {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("signature AQID\n"), signing.List)
	f.Add((&signing.Answer{Whole: []byte{4}}).Append(nil), signing.Certificate)
	f.Add((&signing.Answer{PublicKey: []byte{5}}).Append(nil), signing.PublicKey)
	f.Fuzz(func(t *testing.T, text []byte, want string) {
		switch want {
		case signing.Certificate, signing.List, signing.PublicKey:
		default:
			return
		}
		a, err := signing.ParseAnswer(text, want)
		if err == nil && (len(a.Signature) > 0) == (len(a.Whole)+len(a.PublicKey) > 0) {
			t.Errorf("%+v: expected one field", a)
		}
	})
}
