package dhcp

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"culvert/nic/frame"
)

// Lease6 holds what the client is told for IPv6. The zero value serves nothing.
type Lease6 struct {
	Address netip.Addr
	Server  frame.MAC // names the server (DUID-LL)
	Time    time.Duration
	DNS     []netip.Addr
	Search  []string
	NTP     []netip.Addr
}

// Answer reads a message that the client sent to all servers of the segment, and
// answers it. The reply is nil if there is nothing to say.
func (l Lease6) Answer(message []byte) (reply []byte, outcome Outcome, err error) {
	m, err := dhcpv6.MessageFromBytes(message)
	if err != nil {
		return nil, Ignored, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := l.check6(m); err != nil {
		return nil, Ignored, err
	}
	if !l.Address.IsValid() || !l.forUs(m) {
		return nil, Ignored, nil
	}
	a := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: m.TransactionID}
	a.AddOption(dhcpv6.OptServerID(l.duid()))
	if id := m.Options.ClientID(); id != nil {
		a.AddOption(dhcpv6.OptClientID(id))
	}
	if outcome = l.answer(m, a); outcome == Ignored {
		return nil, Ignored, nil
	}
	return a.ToBytes(), outcome, nil
}

func (l Lease6) duid() dhcpv6.DUID {
	return &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: l.Server[:]}
}

// check6 refuses a message that lacks an identifier, or has one that it must not
// have (RFC 8415 section 16).
func (l Lease6) check6(m *dhcpv6.Message) error {
	client, server := m.Options.ClientID() != nil, m.Options.ServerID() != nil
	wantClient, wantServer := true, false
	switch m.MessageType {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRebind:
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		wantServer = true
	case dhcpv6.MessageTypeInformationRequest:
		wantClient, wantServer = client, server // both as it likes
	default:
		return fmt.Errorf("%w: a client sends no %v", ErrMalformed, m.MessageType)
	}
	if client != wantClient || server != wantServer {
		return fmt.Errorf("%w: %v with client identifier %v, server identifier %v", ErrMalformed, m.MessageType, client, server)
	}
	return nil
}

// forUs reports whether the client means this server, or any.
func (l Lease6) forUs(m *dhcpv6.Message) bool {
	id := m.Options.ServerID()
	return id == nil || bytes.Equal(id.ToBytes(), l.duid().ToBytes())
}

// answer fills a by the kind of question (RFC 8415 section 18.3).
func (l Lease6) answer(m, a *dhcpv6.Message) Outcome {
	switch m.MessageType {
	case dhcpv6.MessageTypeSolicit:
		return l.solicit(m, a)
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind:
		return l.grant(m, a)
	case dhcpv6.MessageTypeConfirm:
		return l.confirm(m, a)
	case dhcpv6.MessageTypeRelease:
		a.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess})
		return Released
	case dhcpv6.MessageTypeDecline:
		a.AddOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusSuccess})
		return Declined
	}
	a.AddOption(dhcpv6.OptInformationRefreshTime(leastRefresh))
	l.names(a)
	return Informed
}

// leastRefresh is the shortest allowed (IRT_MINIMUM, RFC 8415 section 7.6).
const leastRefresh = 10 * time.Minute

func (l Lease6) solicit(m, a *dhcpv6.Message) Outcome {
	outcome := l.grant(m, a)
	if m.GetOneOption(dhcpv6.OptionRapidCommit) != nil && outcome != Unavailable {
		a.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
		return outcome
	}
	a.MessageType = dhcpv6.MessageTypeAdvertise
	if outcome == Unavailable {
		return outcome
	}
	return Offered
}

// grant gives the address to the first identity that asks for one, and tells it to
// drop any other that it still has. There are no prefixes and no temporary
// addresses (RFC 8415 section 18.3.9): a client that asks for nothing else keeps
// asking, less and less often.
func (l Lease6) grant(m, a *dhcpv6.Message) Outcome {
	outcome, given := Leased, false
	for _, ia := range m.Options.IANA() {
		if given {
			a.AddOption(&dhcpv6.OptIANA{IaId: ia.IaId, Options: unavailable(iana.StatusNoAddrsAvail)})
			continue
		}
		given = true
		option, former := l.identity(ia)
		if former {
			outcome = Refused
		}
		a.AddOption(option)
	}
	for _, ia := range m.Options.IATA() {
		a.AddOption(&dhcpv6.OptIATA{IaId: ia.IaId, Options: unavailable(iana.StatusNoAddrsAvail)})
	}
	for _, ia := range m.Options.IAPD() {
		none := dhcpv6.OptStatusCode{StatusCode: iana.StatusNoPrefixAvail}
		a.AddOption(&dhcpv6.OptIAPD{IaId: ia.IaId, Options: dhcpv6.PDOptions{Options: dhcpv6.Options{&none}}})
	}
	if !given {
		outcome = Unavailable
	}
	l.names(a)
	return outcome
}

// identity returns the address in a client's identity association, and each former
// address with no time left (RFC 8415 section 18.3.4).
func (l Lease6) identity(ia *dhcpv6.OptIANA) (option *dhcpv6.OptIANA, former bool) {
	option = &dhcpv6.OptIANA{IaId: ia.IaId}
	option.T1, option.T2 = times(l.Time)
	option.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: l.Address.AsSlice(), PreferredLifetime: l.Time, ValidLifetime: l.Time})
	for _, had := range ia.Options.Addresses() {
		if a, _ := netip.AddrFromSlice(had.IPv6Addr); a != l.Address && a.IsValid() && !a.IsUnspecified() {
			option.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: had.IPv6Addr})
			former = true
		}
	}
	return option, former
}

func unavailable(status iana.StatusCode) dhcpv6.IdentityOptions {
	return dhcpv6.IdentityOptions{Options: dhcpv6.Options{&dhcpv6.OptStatusCode{StatusCode: status}}}
}

// confirm tells a client that comes back whether its addresses still belong to this
// segment. It does not answer a client that names none.
func (l Lease6) confirm(m, a *dhcpv6.Message) Outcome {
	status, outcome, any := iana.StatusSuccess, Leased, false
	for _, ia := range m.Options.IANA() {
		for _, had := range ia.Options.Addresses() {
			any = true
			if addr, _ := netip.AddrFromSlice(had.IPv6Addr); addr != l.Address {
				status, outcome = iana.StatusNotOnLink, Refused
			}
		}
	}
	if !any {
		return Ignored
	}
	a.AddOption(&dhcpv6.OptStatusCode{StatusCode: status})
	return outcome
}

// names adds the servers and domains.
func (l Lease6) names(a *dhcpv6.Message) {
	if servers := ips(l.DNS, false); len(servers) > 0 {
		a.AddOption(dhcpv6.OptDNS(servers...))
	}
	if search := labels(l.Search); search != nil {
		a.AddOption(dhcpv6.OptDomainSearchList(search))
	}
	if servers := ips(l.NTP, false); len(servers) > 0 {
		ntp := &dhcpv6.OptNTPServer{}
		for _, s := range servers {
			sub := dhcpv6.NTPSuboptionSrvAddr(s)
			ntp.Suboptions.Add(&sub)
		}
		a.AddOption(ntp)
	}
}
