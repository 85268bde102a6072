package hostnet

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// namesTable is the table that keeps names from being asked but through a device.
func namesTable(device string) string { return "culvert-names-" + device }

// namesRules refuse questions for names to other hosts except through the adapter,
// and those of this program, also with a mark of its own, and of other adapters of clients. A resolver on this host may
// be asked; its own questions are refused as well.
func namesRules(device string, mark uint32) (rules [][]expr.Any) {
	allowed := [][]expr.Any{
		metaIs(expr.MetaKeyOIFNAME, interfaceName("lo")),
		metaIs(expr.MetaKeyOIFNAME, interfaceName(device)),
		metaIs(expr.MetaKeyOIFGROUP, native(fencedGroup)),
		metaIs(expr.MetaKeyMARK, native(OwnMark)),
		metaIs(expr.MetaKeyMARK, native(ClientMark)),
	}
	if unusual(mark) {
		allowed = append(allowed, metaIs(expr.MetaKeyMARK, native(mark)))
	}
	for _, when := range allowed {
		rules = append(rules, slices.Concat(when, accept))
	}
	reset := &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}
	prohibited := &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}
	for _, port := range []uint16{dnsPort, dnsOverTLSPort} {
		rules = append(rules, append(ports(unix.IPPROTO_TCP, 0, port), reset), append(ports(unix.IPPROTO_UDP, 0, port), prohibited))
	}
	return rules
}

func namesChains(device string, mark uint32) []chainRules {
	return []chainRules{filters(leaving, nftables.ChainHookOutput, namesRules(device, mark))}
}

func (linux) blockOutsideDNS(device string, mark uint32) error {
	return putTable(namesTable(device), namesChains(device, mark))
}

func (k linux) unblockOutsideDNS(device string) error { return k.delTable(namesTable(device)) }

func (linux) outsideDNSBlocked(device string, mark uint32) bool {
	there, err := hasPut(namesTable(device), namesChains(device, mark))
	return err == nil && there
}
