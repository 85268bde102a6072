package session

// CookieKeyLen is the length of a key for Greeter.UseKey, bytes.
const CookieKeyLen = 32

// UseKey makes session ids by a key that was in use before, so that who was
// answered then need not begin anew. Call it before the first packet.
func (g *Greeter) UseKey(key [CookieKeyLen]byte) { g.key = key }
