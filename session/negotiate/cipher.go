package negotiate

import (
	"fmt"
	"slices"
	"strings"

	"culvert/internal/printable"
)

// CipherError says that two peers have no data cipher in common, with both
// lists and the line that would mend it.
type CipherError struct {
	Ours, Theirs []string
	// Fallback is the cipher the peer would use without negotiation, "" if
	// it did not say.
	Fallback string
}

func (e *CipherError) Error() string {
	theirs := "the peer cannot negotiate ciphers and named none"
	mend := "give `data-ciphers-fallback` the cipher the peer is configured with"
	switch {
	case len(e.Theirs) > 0:
		theirs = "the peer takes " + printable.Name(strings.Join(e.Theirs, ":"))
		mend = fmt.Sprintf("add `data-ciphers %s` on this side, or one of ours on the other",
			strings.Join(append(slices.Clone(e.Ours), printable.Name(e.Theirs[0])), ":"))
	case e.Fallback != "":
		cipher := printable.Name(e.Fallback)
		theirs = "the peer uses " + cipher + " and cannot negotiate"
		mend = fmt.Sprintf("add `data-ciphers-fallback %s` on this side, or update the peer", cipher)
	}
	return fmt.Sprintf("failed to negotiate cipher: we take %s, %s; %s", strings.Join(e.Ours, ":"), theirs, mend)
}

// ChooseCipher picks the data cipher for a client, as a server does: the first
// of ours that the client takes. A client that cannot negotiate gets the
// cipher of its options string if we take it, else fallback, if there is one.
// It fails with *CipherError.
func ChooseCipher(ours []string, fallback string, client PeerInfo, options string) (string, error) {
	theirs := client.Ciphers()
	for _, c := range ours {
		if slices.Contains(theirs, c) {
			return c, nil
		}
	}
	configured := OptionValue(options, "cipher")
	if theirs == nil {
		if c, ok := withoutNegotiation(ours, fallback, configured); ok {
			return c, nil
		}
	}
	return "", &CipherError{Ours: ours, Theirs: theirs, Fallback: configured}
}

// AcceptCipher checks the data cipher that a server pushed, as a client does.
// A server that pushed none is one that cannot negotiate. It fails with
// *CipherError.
func AcceptCipher(ours []string, fallback, pushed, options string) (string, error) {
	if pushed != "" {
		pushed = strings.ToUpper(pushed)
		if slices.Contains(ours, pushed) || pushed == fallback {
			return pushed, nil
		}
		return "", &CipherError{Ours: ours, Theirs: []string{pushed}}
	}
	configured := OptionValue(options, "cipher")
	if c, ok := withoutNegotiation(ours, fallback, configured); ok {
		return c, nil
	}
	return "", &CipherError{Ours: ours, Fallback: configured}
}

func withoutNegotiation(ours []string, fallback, configured string) (string, bool) {
	if slices.Contains(ours, configured) {
		return configured, true
	}
	return fallback, fallback != ""
}
