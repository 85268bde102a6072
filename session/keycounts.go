package session

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"culvert/session/wire"
)

// keyCount is how many packets under one key could be opened, and how many could
// not, in a span of time.
type keyCount struct {
	id        wire.KeyID
	bad, good uint64
	ever      uint64 // good ones since the key is there
}

// fewUnkeyed packets under a key that is not here are no trouble: they were under
// way while keys came or went.
const fewUnkeyed = 3

// keyCounts tell by the counts of each key what is wrong with packets that fail
// authentication.
type keyCounts struct {
	keys    []keyCount
	unknown []keyCount // keys that are not here
}

func (c *keyCounts) add(k keyCount) { c.keys = append(c.keys, k) }

// missing adds packets under a key, unless it is one of those that are here, or there
// is none yet.
func (c *keyCounts) missing(id wire.KeyID, n uint64) {
	if n < fewUnkeyed || len(c.keys) == 0 || slices.ContainsFunc(c.keys, func(k keyCount) bool { return k.id == id }) {
		return
	}
	c.unknown = append(c.unknown, keyCount{id: id, bad: n})
}

// text says what is wrong, with the counts; "" for nothing.
func (c *keyCounts) text(span time.Duration) string {
	bad := func(k keyCount) bool { return k.bad > 0 }
	if len(c.unknown) == 0 && !slices.ContainsFunc(c.keys, bad) {
		return ""
	}
	var counts, verdicts []string
	for _, k := range c.keys {
		if k.bad+k.good > 0 {
			counts = append(counts, fmt.Sprintf("key %d: %d bad, %d good", k.id, k.bad, k.good))
		}
	}
	for _, k := range c.unknown {
		counts = append(counts, fmt.Sprintf("key %d, which this side does not have: %d", k.id, k.bad))
	}
	for _, k := range append(slices.Clone(c.keys), c.unknown...) {
		if verdict := c.verdict(k); verdict != "" && !slices.Contains(verdicts, verdict) {
			verdicts = append(verdicts, verdict)
		}
	}
	return fmt.Sprintf("packets failed authentication in the last %v (AEAD decrypt error): %s. %s", span, strings.Join(counts, "; "), strings.Join(verdicts, ". "))
}

// verdict says what the count of a key means, and what to do.
func (c *keyCounts) verdict(k keyCount) string {
	switch {
	case k.bad == 0:
		return ""
	case slices.Contains(c.unknown, k):
		return "The peer has other keys than this side (keys are out of sync): one of the two missed a renewal; connect anew, which makes new keys on both sides (SIGUSR1 at the client)"
	case k.ever > 0:
		return "Many of the same key are good, so the keys are right: packets are damaged on their way, or somebody forges them"
	case k.id != 0:
		return fmt.Sprintf("Nothing under key %d could ever be opened, though the keys before it worked: its renewal went wrong on one side; connect anew, and update the older of the two programs", k.id)
	}
	return "Nothing under this key could ever be opened: the two sides derived different keys, or use different ciphers or `auth`: give both the same `data-ciphers` (and `auth`, for CBC), let them negotiate (no ncp-disable or disable-occ), or update the older of the two programs"
}

// staticVerdict says what packets mean that the static key does not fit, where others did
// or none.
func staticVerdict(others bool) string {
	if others {
		return "Others are good, so the key is right: packets are damaged on their way, or somebody forges them"
	}
	return "None was good: the two hosts have different keys, ciphers or `auth`, or the same direction: give both the same `secret` file (one with direction 0, one with 1, or neither), `cipher` and `auth`"
}
