//go:build pkcs11 && cgo

package main

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"
	"golang.org/x/term"

	"culvert/access/signing"
)

func main() {
	o, err := options(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = o.run(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// token says which key of which token to sign by.
type token struct{ module, label, key, pinFile string }

func options(args []string) (t token, err error) {
	f := flag.NewFlagSet("culvert-pkcs11", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "usage: culvert-pkcs11 --module FILE --token LABEL --key LABEL [--pin-file FILE]\nSigns for an authority of Culvert's; it is run by culvert, as the sign command of the authority.")
		f.PrintDefaults()
	}
	f.StringVar(&t.module, "module", "", "the token's library, such as /usr/lib/softhsm/libsofthsm2.so")
	f.StringVar(&t.label, "token", "", "the token's label (pkcs11-tool --list-token-slots)")
	f.StringVar(&t.key, "key", "", "the label of the key pair")
	f.StringVar(&t.pinFile, "pin-file", "", "the PIN, in the first line of this file (default: ask at the terminal)")
	if err := f.Parse(args); err != nil {
		return t, err
	}
	if t.module == "" || t.label == "" || t.key == "" || f.NArg() > 0 {
		return t, errors.New("expected --module FILE --token LABEL --key LABEL [--pin-file FILE]")
	}
	if _, err := os.Stat(t.module); err != nil {
		return t, fmt.Errorf("--module: %w; give the path of the library that comes with the token", err)
	}
	return t, nil
}

func (t token) run(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(io.LimitReader(in, signing.MaxText+1))
	if err != nil {
		return err
	}
	r, err := signing.ParseRequest(text)
	if err != nil {
		return fmt.Errorf("%w; this program is run by culvert, and is of no use by itself", err)
	}
	pin, err := t.pin()
	if err != nil {
		return err
	}
	answer, err := t.answer(r, pin)
	if err != nil {
		return err
	}
	_, err = out.Write(answer.Append(nil))
	return err
}

// pin is the token's PIN, from its file or from whoever sits at the terminal.
func (t token) pin() (string, error) {
	if t.pinFile != "" {
		text, err := os.ReadFile(t.pinFile)
		if err != nil {
			return "", fmt.Errorf("--pin-file: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimRight(line, "\r"), nil
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", errors.New("the token's PIN is needed, and there is no terminal to ask at; name a file that holds it: --pin-file FILE")
	}
	defer tty.Close()
	fmt.Fprintf(tty, "PIN of the token %s: ", t.label)
	defer fmt.Fprintln(tty)
	pin, err := term.ReadPassword(int(tty.Fd()))
	return string(pin), err
}

func (t token) answer(r *signing.Request, pin string) (*signing.Answer, error) {
	context, err := crypto11.Configure(&crypto11.Config{Path: t.module, TokenLabel: t.label, Pin: pin, MaxSessions: 2})
	if err != nil {
		return nil, t.explain(err)
	}
	defer context.Close()
	key, err := context.FindKeyPair(nil, []byte(t.key))
	if err != nil {
		return nil, t.explain(err)
	}
	if key == nil {
		return nil, fmt.Errorf("the token %s has no key pair with the label %s; to see its keys: pkcs11-tool --module %s --token-label %s --login --list-objects", t.label, t.key, t.module, t.label)
	}
	if r.Want == signing.PublicKey {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		return &signing.Answer{PublicKey: der}, err
	}
	hash := r.Hash()
	if hash == crypto.Hash(0) {
		return nil, fmt.Errorf("%s is not supported with a token; use a key of ECDSA or RSA", r.Algorithm)
	}
	signature, err := key.Sign(rand.Reader, r.Digest, hash)
	if err != nil {
		return nil, t.explain(err)
	}
	return &signing.Answer{Signature: signature}, nil
}

// explain says in words what a token's library says in codes.
func (t token) explain(err error) error {
	var code pkcs11.Error
	mend := ""
	if errors.As(err, &code) {
		switch uint(code) {
		case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_INVALID:
			mend = "the PIN is wrong; mind that a token locks itself after some wrong ones"
		case pkcs11.CKR_PIN_LOCKED:
			mend = "the token is locked after too many wrong PINs; unlock it with its security officer's PIN"
		case pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_RECOGNIZED:
			mend = "the token is not there; plug it in"
		case pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_GENERAL_ERROR:
			mend = "the token or its library does not work; see that its own tools reach it"
		}
	}
	if mend == "" && strings.Contains(err.Error(), "could not find PKCS#11 token") {
		mend = "no token has that label; to see which there are: pkcs11-tool --module " + t.module + " --list-token-slots"
	}
	if mend == "" {
		return fmt.Errorf("the token %s: %w", t.label, err)
	}
	return fmt.Errorf("the token %s: %s (%w)", t.label, mend, err)
}
