//go:build interop

package interop

import (
	"regexp"
	"strings"
	"testing"
)

// refusal is a disagreement of the two sides, and what our program has to say
// about it in the role that can know the reason.
type refusal struct {
	name    string
	disturb func(k *credentials, server, client *party)
	// Patterns of the log of ours in that role, against stock OpenVPN; ""
	// where that role cannot know.
	ourClient, ourServer string
	// The control: what stock says, in the role that knows, against stock.
	stockClient, stockServer string
}

var refusals = []refusal{
	{
		name:        "server of an unknown authority",
		disturb:     func(k *credentials, _, client *party) { client.ca = k.stranger.cert },
		ourClient:   `certificate.*signed by .*stranger CA.*use the .ca. of that authority`,
		stockClient: `VERIFY ERROR.*(issuer|self-signed)`,
	},
	{
		name:        "client of an unknown authority",
		disturb:     func(k *credentials, _, client *party) { client.identity = k.strangerClient },
		ourServer:   `certificate.*signed by .*stranger CA.*use the .ca. of that authority`,
		ourClient:   `refused this side's certificate`,
		stockServer: `VERIFY ERROR.*(issuer|self-signed)`,
	},
	{
		name:        "server certificate expired",
		disturb:     func(k *credentials, server, _ *party) { server.identity = k.expired.server },
		ourClient:   `certificate.*expired`,
		stockClient: `VERIFY ERROR.*expired`,
	},
	{
		name:        "client certificate expired",
		disturb:     func(k *credentials, _, client *party) { client.identity = k.expired.client },
		ourServer:   `certificate.*expired`,
		stockServer: `VERIFY ERROR.*expired`,
	},
	{
		name:        "server certificate not yet valid",
		disturb:     func(k *credentials, server, _ *party) { server.identity = k.notYetValid.server },
		ourClient:   `certificate.*not yet valid`,
		stockClient: `VERIFY ERROR.*not yet valid`,
	},
	{
		name:        "client certificate not yet valid",
		disturb:     func(k *credentials, _, client *party) { client.identity = k.notYetValid.client },
		ourServer:   `certificate.*not yet valid`,
		stockServer: `VERIFY ERROR.*not yet valid`,
	},
	{
		name: "other tls-crypt key",
		disturb: func(k *credentials, server, client *party) {
			server.armour, client.armour = "tls-crypt", "tls-crypt"
			client.static = k.otherKey
		},
		ourServer:   `tls-crypt`,
		ourClient:   `nothing was received.*same tls-auth or tls-crypt key`,
		stockServer: `tls-crypt unwrap error`,
	},
	{
		name: "other tls-auth key",
		disturb: func(k *credentials, server, client *party) {
			server.armour, client.armour = "tls-auth", "tls-auth"
			client.static = k.otherKey
		},
		ourServer:   `seems to use tls-auth with another key`,
		ourClient:   `nothing was received.*same tls-auth or tls-crypt key`,
		stockServer: `cannot locate HMAC|packet HMAC authentication failed`,
	},
	{
		name: "key-direction the same",
		disturb: func(_ *credentials, server, client *party) {
			server.armour, client.armour = "tls-auth", "tls-auth"
			client.extra = append(client.extra, "key-direction 0")
		},
		ourServer:   `the peer needs key-direction 1`,
		ourClient:   `nothing was received.*same tls-auth or tls-crypt key`,
		stockServer: `cannot locate HMAC|packet HMAC authentication failed`,
	},
	{
		name: "other auth digest",
		disturb: func(_ *credentials, server, client *party) {
			server.armour, client.armour = "tls-auth", "tls-auth"
			client.extra = append(client.extra, "auth SHA512")
		},
		ourServer:   `tls-auth with the same key, digest SHA512`,
		ourClient:   `nothing was received.*same tls-auth or tls-crypt key`,
		stockServer: `cannot locate HMAC|packet HMAC authentication failed`,
	},
	{
		name: "client without armour",
		disturb: func(_ *credentials, server, client *party) {
			server.armour, client.armour = "tls-crypt", "none"
		},
		ourServer:   `control packet in clear`,
		ourClient:   `nothing was received.*same tls-auth or tls-crypt key`,
		stockServer: `tls-crypt unwrap error`,
	},
	{
		name:      "server without tls-crypt",
		disturb:   func(_ *credentials, server, client *party) { server.armour, client.armour = "none", "tls-crypt" },
		ourServer: `seems to use tls-crypt; this server has none`,
	},
	{
		name:      "server without tls-auth",
		disturb:   func(_ *credentials, server, client *party) { server.armour, client.armour = "none", "tls-auth" },
		ourServer: `seems to use tls-auth, with a digest of [0-9]+ bytes; this server has none`,
	},
	{
		name: "no cipher in common",
		disturb: func(_ *credentials, server, client *party) {
			server.ciphers, client.ciphers = "AES-256-GCM", "AES-128-GCM"
		},
		ourServer:   `data-ciphers.*AES-256-GCM`,
		ourClient:   `AUTH_FAILED.*this side takes AES-128-GCM.*data-ciphers`,
		stockServer: `no shared cipher|common cipher`,
	},
}

// TestRefusals: peers that disagree never connect, and ours says why.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, r := range refusals {
		for _, c := range r.cases() {
			t.Run(strings.ReplaceAll(r.name, " ", "-")+"/"+c.who.name(), func(t *testing.T) {
				t.Parallel()
				c.run(t, r)
			})
		}
	}
}

// refusalCase is who meets, and what one of the two logs has to say.
type refusalCase struct {
	who                pairing
	inClient, inServer string
}

func (r refusal) cases() (all []refusalCase) {
	for _, c := range []refusalCase{
		{pairing{stock, stock}, r.stockClient, r.stockServer},
		{pairing{ours, stock}, r.ourClient, ""},
		{pairing{stock, ours}, "", r.ourServer},
	} {
		if c.inClient+c.inServer != "" {
			all = append(all, c)
		}
	}
	return all
}

func (rc refusalCase) run(t *testing.T, r refusal) {
	server, client := serverParty(t, plain), clientParty(t, plain)
	r.disturb(keys(t), &server, &client)
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	serverProc := s.run(rc.who.server, s.serverConfig(server)).up()
	clientProc := c.run(rc.who.client, c.clientConfig(client, w.b4))
	if rc.inClient != "" {
		clientProc.expect(regexp.MustCompile(`(?i)`+rc.inClient), 1, patience)
	}
	if rc.inServer != "" {
		serverProc.expect(regexp.MustCompile(`(?i)`+rc.inServer), 1, patience)
	}
	if clientProc.count(initialized) > 0 {
		t.Error("the tunnel came up all the same")
	}
}
