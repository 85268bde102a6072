//go:build interop

package interop

import (
	"testing"
)

// tcpCombinations is the TCP share of the matrix: each armour once, and each
// outer family.
func tcpCombinations() (some []combination) {
	for _, c := range diagonal() {
		c.tcp = true
		some = append(some, c)
	}
	return some
}

func TestTCPStockAlone(t *testing.T) { matrix(t, pairing{stock, stock}, tcpCombinations()[2:3]) }

func TestTCPStockClientOurServer(t *testing.T) { matrix(t, pairing{stock, ours}, tcpCombinations()) }

func TestTCPOurClientStockServer(t *testing.T) { matrix(t, pairing{ours, stock}, tcpCombinations()) }

func TestTCPOursBoth(t *testing.T) { matrix(t, pairing{ours, ours}, tcpCombinations()) }
