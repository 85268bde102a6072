//go:build interop

package interop

import "testing"

// bulkSize is what every armour, cipher and topology carries at least once with each pairing,
// each way. The other cells of the matrix carry less.
const bulkSize = 16 << 20

// TestStockAlone is the control: the harness with stock OpenVPN in both
// roles. When it fails, no other result means anything.
func TestStockAlone(t *testing.T) { matrix(t, pairing{stock, stock}, diagonal()) }

func TestStockClientOurServer(t *testing.T) { matrix(t, pairing{stock, ours}, combinations()) }

func TestOurClientStockServer(t *testing.T) { matrix(t, pairing{ours, stock}, combinations()) }

func TestOursBoth(t *testing.T) { matrix(t, pairing{ours, ours}, diagonal()) }

// matrix runs the full check on each combination.
func matrix(t *testing.T, who pairing, all []combination) {
	t.Parallel()
	for _, c := range all {
		t.Run(c.name(), func(t *testing.T) {
			t.Parallel()
			tun := connect(t, who, serverParty(t, c), clientParty(t, c))
			size := bulkSize
			if !c.onDiagonal() {
				size = bulk
			}
			tun.check(t, who, c, size)
		})
	}
}
