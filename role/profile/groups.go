package profile

import (
	"crypto/tls"
	"fmt"
	"strings"
)

var groupIDs = map[string]tls.CurveID{
	"x25519mlkem768": tls.X25519MLKEM768, "secp256r1mlkem768": tls.SecP256r1MLKEM768, "secp384r1mlkem1024": tls.SecP384r1MLKEM1024,
	"x25519": tls.X25519, "curve25519": tls.X25519,
	"prime256v1": tls.CurveP256, "secp256r1": tls.CurveP256, "p-256": tls.CurveP256, "p256": tls.CurveP256,
	"secp384r1": tls.CurveP384, "p-384": tls.CurveP384, "p384": tls.CurveP384,
	"secp521r1": tls.CurveP521, "p-521": tls.CurveP521, "p521": tls.CurveP521,
}

const groupNames = "X25519MLKEM768, X25519, secp256r1, secp384r1 and secp521r1"

// groups returns the key exchanges of `tls-groups` in order. It leaves out those that
// are not known here, with a warning, as long as there are others.
func groups(names []string, warn func(string)) ([]tls.CurveID, error) {
	var ids []tls.CurveID
	var missing []string
	for _, name := range names {
		// OpenSSL 3.5 marks groups with ? and *.
		if id, ok := groupIDs[strings.ToLower(strings.TrimLeft(name, "?*"))]; ok {
			ids = append(ids, id)
		} else {
			missing = append(missing, name)
		}
	}
	if len(names) > 0 && len(ids) == 0 {
		return nil, fmt.Errorf("tls-groups %s: none is available; use some of %s", strings.Join(names, ":"), groupNames)
	}
	if len(missing) > 0 {
		warn(fmt.Sprintf("tls-groups: %s not available here, and left out; there are %s", strings.Join(missing, ":"), groupNames))
	}
	return ids, nil
}

// curve returns the key exchange of `ecdh-curve`. An unknown one leaves the defaults,
// as with OpenVPN.
func curve(name string, warn func(string)) []tls.CurveID {
	if name == "" {
		return nil
	}
	if id, ok := groupIDs[strings.ToLower(name)]; ok {
		return []tls.CurveID{id}
	}
	warn(fmt.Sprintf("ecdh-curve %s: not available here, and left out; there are %s", name, groupNames))
	return nil
}
