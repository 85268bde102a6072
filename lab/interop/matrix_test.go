//go:build interop

package interop

import "testing"

const bulkSize = 50 << 20

// TestStockAlone is the control: the harness with stock OpenVPN in both
// roles. When it fails, no other result means anything.
func TestStockAlone(t *testing.T) { matrix(t, pairing{stock, stock}, diagonal()) }

func TestStockClientOurServer(t *testing.T) { matrix(t, pairing{stock, ours}, combinations()) }

func TestOurClientStockServer(t *testing.T) { matrix(t, pairing{ours, stock}, combinations()) }

func TestOursBoth(t *testing.T) { matrix(t, pairing{ours, ours}, diagonal()) }

// matrix runs the full check on each combination, as many at once as
// `-parallel` says: two on two cores.
func matrix(t *testing.T, who pairing, all []combination) {
	for _, c := range all {
		t.Run(c.name(), func(t *testing.T) {
			t.Parallel()
			tun := connect(t, who, serverParty(t, c), clientParty(t, c))
			tun.check(t, who, c, bulkSize)
		})
	}
}
