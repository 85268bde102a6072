package history

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"strings"

	"culvert/operate/history/track"
)

// Hide says what is hidden in sessions that are older than Days.
type Hide struct {
	Days      int
	Addresses bool // outer addresses are cut to /24, or /48 for IPv6
	Names     bool // people, devices and serial numbers are replaced by keyed hashes
}

// Yes reports whether anything is hidden.
func (h Hide) Yes() bool { return h.Addresses || h.Names }

// The words of history-anonymise.
const (
	addressesWord = "addresses"
	namesWord     = "names"
)

// word is what is hidden; "": nothing.
func (h Hide) word() string {
	switch {
	case h.Addresses && h.Names:
		return addressesWord + " " + namesWord
	case h.Addresses:
		return addressesWord
	case h.Names:
		return namesWord
	}
	return ""
}

// session hides who a session was of, and moments of its life.
func (h Hide) session(s *track.Session, life []track.Moment, key []byte) {
	if h.Addresses {
		s.Remote, s.Why = cut(s.Remote), cutAll(s.Why)
		for i := range life {
			m := &life[i]
			m.Remote, m.From, m.Text = cut(m.Remote), cut(m.From), cutAll(m.Text)
		}
	}
	if h.Names {
		if s.User != "" {
			s.User = hashed(key, ByUser, s.User)
		}
		s.Device, s.Serial, s.Why = hashed(key, ByDevice, s.Device), "", string(s.Cause)
		for i := range life {
			life[i].Text = "" // it may name somebody
		}
	}
}

// hashed is what stands in the place of a name: the same for the same name, and nobody can find
// the name without the key.
func hashed(key []byte, kind Kind, name string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(kind))
	mac.Write([]byte{0})
	mac.Write([]byte(name))
	return "anon-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:10]))
}

// cut is the network of an outer address.
func cut(remote string) string {
	addr, ok := addressOf(remote)
	if !ok {
		return "" // whatever it was, it is not an address that could be cut
	}
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return network.String()
}

// addressOf is the address of an outer address with a port, an address or a network.
func addressOf(s string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr().Unmap(), true
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
}

// cutAll cuts the addresses in a text.
func cutAll(text string) string {
	const around = ".,:;()<>\"'"
	words := strings.Split(text, " ")
	for i, w := range words {
		bare := strings.Trim(w, around)
		if strings.HasPrefix(w, "[") || strings.Contains(w, "::") {
			bare = strings.Trim(w, ".,;()<>\"'")
		}
		if _, ok := addressOf(bare); ok && bare != "" {
			words[i] = strings.Replace(w, bare, cut(bare), 1)
		}
	}
	return strings.Join(words, " ")
}
