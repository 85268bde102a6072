package profile

import (
	"fmt"
)

// insecure is the certificate profile that accepts signatures over SHA-1 and keys of
// any length.
const insecure = "insecure"

// certProfile returns `tls-cert-profile`, changed by the security level of `tls-cipher`:
// OpenSSL's level n, -1 if none was given. In OpenVPN, level 0 is insecure, 1 legacy
// and 2 preferred. Only legacy, the default, is changed.
func certProfile(profile string, level int, warn func(string)) string {
	switch {
	case profile == "legacy" && level == 0:
		profile = insecure
	case profile == "legacy" && level >= 2:
		profile = "preferred"
		if level > 2 {
			warn(fmt.Sprintf("tls-cipher: @SECLEVEL=%d counts as 2 here: the most that is asked of keys is RSA of 2048 bits", level))
		}
	}
	if profile == insecure {
		warn("WARNING: CERTIFICATES SIGNED OVER SHA-1, AND SHORT KEYS, ARE TAKEN (tls-cert-profile insecure, or @SECLEVEL=0 in tls-cipher): such signatures can be forged, so that somebody else may pose as the peer; have certificates issued with SHA-256 and drop the line. A peer whose certificate is signed over MD5, or by RSA-PSS over SHA-1, does not come in all the same: TLS here does not offer these")
	}
	return profile
}
