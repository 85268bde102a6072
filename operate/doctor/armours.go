package doctor

import (
	"fmt"
	"slices"

	"culvert/config"
	"culvert/internal/digest"
	"culvert/role/profile"
	"culvert/session/wrap"
)

// otherArmour is an armour that the profile does not have, and the line that has it.
type otherArmour struct {
	line    string
	wrapper wrap.Wrapper
}

// otherArmours are the likely ones that a profile's keys can make: with tls-auth, another
// digest or another direction, not both at once.
func otherArmours(c *config.Config) (list []otherArmour) {
	own := armourOf(c)
	var key *wrap.StaticKey
	for _, f := range []*config.File{c.Trust.TLSAuth, c.Trust.TLSCrypt} {
		if f != nil {
			key, _ = wrap.ParseStaticKey(f.Text)
		}
	}
	if own != "nothing" {
		list = append(list, otherArmour{"none: remove the line " + own, wrap.None{}})
	}
	if key == nil {
		return list
	}
	if own != "tls-crypt" {
		list = append(list, otherArmour{"tls-crypt with the same key: write tls-crypt FILE in the place of tls-auth", wrap.NewTLSCrypt(key, false)})
	}
	present, way := "SHA1", wrap.Inverse // what OpenVPN has by itself, and most profiles
	if a, err := profile.Armour(c); err == nil && a.TLSAuth != nil {
		present, way = a.TLSAuth.Digest.Name, a.TLSAuth.Direction
	}
	names := []string{"SHA1", "SHA256", "SHA512"}
	if !slices.Contains(names, present) {
		names = append(names, present)
	}
	for _, name := range names {
		for _, dir := range directions {
			d, err := digest.Lookup(name)
			if err != nil || (name == present) == (dir.d == way) && !(own == "tls-crypt" && name == present) {
				continue
			}
			list = append(list, otherArmour{fmt.Sprintf("tls-auth with the same key, %s and auth %s", dir.line, name), wrap.NewTLSAuth(key, dir.d, d)})
		}
	}
	return list
}

// directions are those of tls-auth, and the lines that have them.
var directions = []struct {
	d    wrap.Direction
	line string
}{{wrap.Inverse, "key-direction 1"}, {wrap.Normal, "key-direction 0"}, {wrap.Bidirectional, "no key-direction"}}
