package hostnet

import (
	"net/netip"
	"testing"

	"github.com/google/nftables/expr"
)

// TestMatchSource: which networks a rule translates, by the forms in which nftables and
// iptables write the source.
func TestMatchSource(t *testing.T) {
	source := func(length uint32) *expr.Payload {
		return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: length}
	}
	equal := func(data ...byte) *expr.Cmp { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }
	masked := func(mask ...byte) *expr.Bitwise { return &expr.Bitwise{Mask: mask} }
	for name, c := range map[string]struct {
		rule []expr.Any
		want bool
	}{
		"any source":          {[]expr.Any{&expr.Masq{}}, true},
		"the network":         {[]expr.Any{source(4), masked(255, 255, 255, 0), equal(10, 8, 0, 0), &expr.Masq{}}, true},
		"by three bytes":      {[]expr.Any{source(3), equal(10, 8, 0), &expr.Masq{}}, true},
		"a larger one":        {[]expr.Any{source(1), equal(10), &expr.Masq{}}, true},
		"a smaller one":       {[]expr.Any{source(4), masked(255, 255, 255, 128), equal(10, 8, 0, 0), &expr.Masq{}}, false},
		"another":             {[]expr.Any{source(3), equal(10, 9, 0), &expr.Masq{}}, false},
		"all but it":          {[]expr.Any{source(3), &expr.Cmp{Op: expr.CmpOpNeq, Data: []byte{10, 8, 0}}, &expr.Masq{}}, false},
		"all but another":     {[]expr.Any{source(3), &expr.Cmp{Op: expr.CmpOpNeq, Data: []byte{10, 9, 0}}, &expr.Masq{}}, true},
		"another destination": {[]expr.Any{&expr.Payload{Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 3}, equal(10, 9, 0), &expr.Masq{}}, true},
		"too many bytes":      {[]expr.Any{source(5), equal(10, 8, 0, 0, 1), &expr.Masq{}}, false},
	} {
		if got := mayMatchSource(c.rule, netip.MustParsePrefix("10.8.0.0/24")); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if translates([]expr.Any{&expr.Target{Name: "ACCEPT"}}) || !translates([]expr.Any{&expr.Target{Name: "MASQUERADE"}}) || translates([]expr.Any{&expr.NAT{Type: expr.NATTypeDestNAT}}) {
		t.Error("what translates is not told from what does not")
	}
}
