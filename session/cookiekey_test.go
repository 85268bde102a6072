package session

import (
	"net/netip"
	"testing"
	"time"

	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestCookieOutlivesAGreeter: the session id that one process gave is good for the
// next that has its key, and for no other.
func TestCookieOutlivesAGreeter(t *testing.T) {
	now, from, client := time.Unix(1_800_000_000, 0), netip.MustParseAddrPort("192.0.2.1:1194"), wire.SessionID{1}
	key := [CookieKeyLen]byte{7}
	before, after, other := NewGreeter(wrap.Armour{}, Rate{}), NewGreeter(wrap.Armour{}, Rate{}), NewGreeter(wrap.Armour{}, Rate{})
	before.UseKey(key)
	after.UseKey(key)
	id := before.cookie(slot(now), from, client)
	if !after.valid(now, from, client, id) || other.valid(now, from, client, id) {
		t.Error("a cookie is good or not as it should not be")
	}
}
