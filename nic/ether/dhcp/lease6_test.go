package dhcp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
)

var pushed6 = Lease6{
	Address: netip.MustParseAddr("fd00:8::6"), Server: host, Time: time.Hour,
	DNS: addrs("10.8.0.1", "fd00:8::1"), Search: []string{"corp.example"}, NTP: addrs("fd00:8::2"),
}

var clientID = dhcpv6.WithClientID(&dhcpv6.DUIDUUID{})

func ask6(kind dhcpv6.MessageType, set ...dhcpv6.Modifier) []byte {
	m := &dhcpv6.Message{MessageType: kind, TransactionID: dhcpv6.TransactionID{1, 2, 3}}
	for _, f := range set {
		f(m)
	}
	return m.ToBytes()
}

// identity is an IA_NA with the addresses the client has.
func identity(id byte, has ...string) dhcpv6.Modifier {
	ia := &dhcpv6.OptIANA{IaId: [4]byte{id}}
	for _, a := range has {
		ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP(a)})
	}
	return func(d dhcpv6.DHCPv6) { d.AddOption(ia) }
}

// text6 is a reply in short.
func text6(t *testing.T, b []byte) string {
	t.Helper()
	if b == nil {
		return ""
	}
	m, err := dhcpv6.MessageFromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	if m.TransactionID != (dhcpv6.TransactionID{1, 2, 3}) || m.Options.ServerID() == nil {
		t.Errorf("not an answer to the question: %v", m)
	}
	s := []string{m.MessageType.String()}
	if m.GetOneOption(dhcpv6.OptionRapidCommit) != nil {
		s = append(s, "rapid")
	}
	for _, ia := range m.Options.IANA() {
		s = append(s, fmt.Sprintf("ia %x:", ia.IaId[0]))
		for _, a := range ia.Options.Addresses() {
			s = append(s, fmt.Sprint(a.IPv6Addr, " ", a.PreferredLifetime, " ", a.ValidLifetime, " t ", ia.T1, " ", ia.T2))
		}
		if st := ia.Options.Status(); st != nil {
			s = append(s, st.StatusCode.String())
		}
	}
	for _, pd := range m.Options.IAPD() {
		s = append(s, "pd: "+pd.Options.Status().StatusCode.String())
	}
	if st := m.Options.Status(); st != nil {
		s = append(s, st.StatusCode.String())
	}
	if dns := m.Options.DNS(); dns != nil {
		s = append(s, fmt.Sprint("dns ", dns, " search ", m.Options.DomainSearchList(), " ntp ", m.Options.NTPServers()))
	}
	return strings.Join(s, " ")
}

func TestAnswers6(t *testing.T) {
	ours, theirs := dhcpv6.WithServerID(pushed6.duid()), dhcpv6.WithServerID(&dhcpv6.DUIDUUID{UUID: [16]byte{1}})
	const given = "fd00:8::6 1h0m0s 1h0m0s t 30s 1m0s"
	const names = " dns [fd00:8::1] search [corp.example] ntp [fd00:8::2]"
	pd := dhcpv6.WithOption(&dhcpv6.OptIAPD{})
	for name, c := range map[string]struct {
		message []byte
		outcome Outcome
		reply   string
	}{
		"solicit":               {ask6(dhcpv6.MessageTypeSolicit, clientID, identity(1)), Offered, "ADVERTISE ia 1: " + given + names},
		"solicit, in haste":     {ask6(dhcpv6.MessageTypeSolicit, clientID, identity(1), dhcpv6.WithRapidCommit), Leased, "REPLY rapid ia 1: " + given + names},
		"solicit, two":          {ask6(dhcpv6.MessageTypeSolicit, clientID, identity(1), identity(2)), Offered, "ADVERTISE ia 1: " + given + " ia 2: NoAddrsAvail" + names},
		"solicit both":          {ask6(dhcpv6.MessageTypeSolicit, clientID, identity(1), pd), Offered, "ADVERTISE ia 1: " + given + " pd: NoPrefixAvail" + names},
		"a prefix, in haste":    {ask6(dhcpv6.MessageTypeSolicit, clientID, pd, dhcpv6.WithRapidCommit), Unavailable, "ADVERTISE pd: NoPrefixAvail" + names},
		"request a prefix":      {ask6(dhcpv6.MessageTypeRequest, clientID, ours, pd), Unavailable, "REPLY pd: NoPrefixAvail" + names},
		"solicit nothing":       {ask6(dhcpv6.MessageTypeSolicit, clientID), Unavailable, "ADVERTISE" + names},
		"solicit a prefix":      {ask6(dhcpv6.MessageTypeSolicit, clientID, pd), Unavailable, "ADVERTISE pd: NoPrefixAvail" + names},
		"request":               {ask6(dhcpv6.MessageTypeRequest, clientID, ours, identity(1, "fd00:8::6")), Leased, "REPLY ia 1: " + given + names},
		"request of another":    {ask6(dhcpv6.MessageTypeRequest, clientID, theirs, identity(1)), Ignored, ""},
		"renew":                 {ask6(dhcpv6.MessageTypeRenew, clientID, ours, identity(1, "fd00:8::6")), Leased, "REPLY ia 1: " + given + names},
		"renew a former":        {ask6(dhcpv6.MessageTypeRenew, clientID, ours, identity(1, "fd00:7::6")), Refused, "REPLY ia 1: " + given + " fd00:7::6 0s 0s t 30s 1m0s" + names},
		"rebind":                {ask6(dhcpv6.MessageTypeRebind, clientID, identity(1, "fd00:8::6")), Leased, "REPLY ia 1: " + given + names},
		"confirm":               {ask6(dhcpv6.MessageTypeConfirm, clientID, identity(1, "fd00:8::6")), Leased, "REPLY Success"},
		"confirm a former":      {ask6(dhcpv6.MessageTypeConfirm, clientID, identity(1, "fd00:7::6")), Refused, "REPLY NotOnLink"},
		"confirm nothing":       {ask6(dhcpv6.MessageTypeConfirm, clientID), Ignored, ""},
		"release":               {ask6(dhcpv6.MessageTypeRelease, clientID, ours, identity(1, "fd00:8::6")), Released, "REPLY Success"},
		"decline":               {ask6(dhcpv6.MessageTypeDecline, clientID, ours, identity(1, "fd00:8::6")), Declined, "REPLY Success"},
		"information":           {ask6(dhcpv6.MessageTypeInformationRequest), Informed, "REPLY" + names},
		"information, identity": {ask6(dhcpv6.MessageTypeInformationRequest, clientID, ours), Informed, "REPLY" + names},
		"information, another":  {ask6(dhcpv6.MessageTypeInformationRequest, theirs), Ignored, ""},
	} {
		reply, outcome, err := pushed6.Answer(c.message)
		if err != nil || outcome != c.outcome {
			t.Errorf("%s: %v, %v; want %v", name, outcome, err, c.outcome)
		}
		if got := text6(t, reply); got != c.reply {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.reply)
		}
		if reply, outcome, err := (Lease6{Server: host}).Answer(c.message); reply != nil || outcome != Ignored || err != nil {
			t.Errorf("%s, nothing pushed: %v, %v", name, outcome, err)
		}
	}
}

func TestMalformed6(t *testing.T) {
	ours := dhcpv6.WithServerID(pushed6.duid())
	relayed, err := dhcpv6.EncapsulateRelay(&dhcpv6.Message{MessageType: dhcpv6.MessageTypeSolicit}, dhcpv6.MessageTypeRelayForward, net.IPv6loopback, net.IPv6loopback)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"solicit of nobody":        ask6(dhcpv6.MessageTypeSolicit),
		"solicit of this server":   ask6(dhcpv6.MessageTypeSolicit, clientID, ours),
		"request without a server": ask6(dhcpv6.MessageTypeRequest, clientID),
		"renew without a server":   ask6(dhcpv6.MessageTypeRenew, clientID),
		"rebind with a server":     ask6(dhcpv6.MessageTypeRebind, clientID, ours),
		"a server's kind":          ask6(dhcpv6.MessageTypeReply, clientID, ours),
		"an unknown kind":          ask6(200, clientID),
		"relayed":                  relayed.ToBytes(),
		"cut":                      ask6(dhcpv6.MessageTypeSolicit, clientID)[:9],
		"empty":                    {},
	} {
		if reply, outcome, err := pushed6.Answer(b); !errors.Is(err, ErrMalformed) || reply != nil || outcome != Ignored {
			t.Errorf("%s: %x, %v, %v", name, reply, outcome, err)
		}
	}
}

func TestHasForm(t *testing.T) {
	for name, want := range map[string]bool{
		"a.example": true, strings.Repeat("a", 63) + ".b": true, "": false, "a..b": false, ".a": false, strings.Repeat("a", 64): false,
		strings.Repeat("aaaaaaa.", 31) + "aaaaa": true, strings.Repeat("aaaaaaa.", 32): false,
	} {
		if HasForm(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func FuzzAnswer6(f *testing.F) {
	f.Add(ask6(dhcpv6.MessageTypeSolicit, clientID, identity(1, "fd00:7::6"), dhcpv6.WithRapidCommit))
	f.Add(ask6(dhcpv6.MessageTypeRenew, clientID, dhcpv6.WithServerID(pushed6.duid()), identity(1, "fd00:8::6"), dhcpv6.WithOption(&dhcpv6.OptIAPD{})))
	f.Add(ask6(dhcpv6.MessageTypeInformationRequest, dhcpv6.WithOption(&dhcpv6.OptIATA{})))
	f.Fuzz(func(t *testing.T, b []byte) {
		reply, _, err := pushed6.Answer(b)
		if reply == nil {
			return
		}
		if m, err2 := dhcpv6.MessageFromBytes(reply); err != nil || err2 != nil {
			t.Errorf("%x: %v, %v, %v", b, m, err, err2)
		}
	})
}
