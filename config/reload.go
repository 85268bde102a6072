package config

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
)

// reloads is when a change of a directive takes effect, for those that do not begin
// everything anew. A directive whose row says when is not here.
var reloads = map[string]Reload{}

func init() {
	for when, names := range map[Reload]string{
		ReloadKept: `verb log-level mute config ignore-unknown-option persist-key persist-tun`,
		ReloadEnds: `route route-ipv6 route-gateway route-ipv6-gateway route-metric route-table route-noexec dns dhcp-option block-ipv6
			txqueuelen mssfix shaper passtos
			ping ping-restart ping-exit keepalive inactive session-timeout explicit-exit-notify reneg-sec reneg-bytes reneg-pkts
			up down route-up route-pre-down ipchange script-security setenv setenv-safe
			status status-version remap-usr1`,
		ReloadClient: `route-nopull allow-pull-fqdn pull-filter redirect-gateway redirect-private client-nat dns-updown
			auth-retry connect-retry connect-retry-max connect-timeout server-poll-timeout resolv-retry`,
		ReloadServer: `push push-remove push-reset ccd-exclusive duplicate-cn client-to-client
			connect-freq connect-freq-initial handshakes-per-address max-clients max-routes-per-client ifconfig-push-constraint
			tls-auth tls-crypt tls-crypt-v2 key-direction auth
			hand-window tran-window tls-timeout ping-timer-rem max-packet-size
			data-ciphers data-ciphers-fallback ncp-ciphers cipher replay-window mute-replay-warnings
			ca capath cert key pkcs12 extra-certs dh askpass
			tls-version-min tls-version-max tls-cipher tls-ciphersuites tls-groups ecdh-curve tls-cert-profile
			verify-x509-name tls-remote remote-cert-tls remote-cert-ku remote-cert-eku ns-cert-type verify-hash peer-fingerprint
			verify-client-cert client-cert-not-required x509-username-field username-as-common-name force-tls-key-material-export
			tls-verify tls-export-cert x509-track tls-crypt-v2-verify tls-crypt-v2-max-age
			auth-user-pass-verify auth-user-pass-optional auth-gen-token auth-gen-token-secret client-crresponse
			client-connect client-disconnect learn-address tmp-dir policy`,
	} {
		for _, name := range strings.Fields(names) {
			reloads[name] = when
		}
	}
	for i := range table {
		if when, ok := reloads[table[i].Name]; ok {
			table[i].Reload = when
		}
	}
}

// saying keeps what each directive was given, in order, and what its files hold: as a
// sum, since some of it is secret.
type saying map[string][sha256.Size]byte

// add notes one more line of a directive, or one more text.
func (s saying) add(name string, parts ...string) {
	sum := sha256.New()
	before := s[name]
	sum.Write(before[:])
	for _, part := range parts {
		one := sha256.Sum256([]byte(part))
		sum.Write(one[:])
	}
	s[name] = [sha256.Size]byte(sum.Sum(nil))
}

// said notes a directive as it stands.
func (s saying) line(d *call) {
	s.add(d.name, append([]string{string(d.body)}, d.args...)...)
}

// Changes are the names of the directives by which two configurations differ, sorted.
type Changes struct {
	Live  []string // that a process takes while sessions go on
	Anew  []string // for which it has to start over
	Start []string // that it looks at only when it is started
}

// None reports whether nothing changed.
func (c Changes) None() bool { return len(c.Live)+len(c.Anew)+len(c.Start) == 0 }

// Changed compares this configuration, by which a process runs, with a newer one. A
// configuration that was not parsed compares as one that needs a new start.
func (c *Config) Changed(to *Config) Changes {
	var changes Changes
	if c.said == nil || to.said == nil {
		return Changes{Anew: []string{"the configuration"}}
	}
	names := maps.Clone(c.said)
	maps.Copy(names, to.said)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, had := c.said[name]
		now, has := to.said[name]
		if had == has && before == now {
			continue
		}
		switch c.when(to, name) {
		case ReloadKept:
			changes.Live = append(changes.Live, name)
		case ReloadStart:
			changes.Start = append(changes.Start, name)
		default:
			changes.Anew = append(changes.Anew, name)
		}
	}
	return changes
}

// when is when the value that a directive has in another configuration takes effect in a
// process of this configuration's role: ReloadKept, ReloadAnew or ReloadStart.
func (c *Config) when(to *Config, name string) Reload {
	row := byName[name]
	switch {
	case row == nil:
		return ReloadAnew
	case row.Status == Harmless || row.Status == WindowsOnly || row.Status == Negotiated:
		return ReloadKept
	case row.Role == RoleServer && c.Mode != ModeServer || row.Role == RoleClient && c.Mode == ModeServer:
		return ReloadKept // it has no effect here
	case setAtStart(c, to, name):
		return ReloadAnew
	}
	return row.Reload.of(c)
}

// of is when a change takes effect in a process of a configuration's role: ReloadKept,
// ReloadAnew or ReloadStart.
func (r Reload) of(c *Config) Reload {
	server, client := c.Mode == ModeServer, c.Mode != ModeServer && c.Pull
	switch {
	case r == ReloadKept || r == ReloadStart:
		return r
	case server && (r == ReloadServer || r == ReloadLive || r == ReloadEnds), client && (r == ReloadClient || r == ReloadEnds):
		return ReloadKept
	}
	return ReloadAnew
}

// setAtStart reports whether something that a process of configuration c sets up at its
// start depends on a directive, so that it has to start over for the value of another one.
func setAtStart(c, to *Config, name string) bool {
	switch name {
	case "duplicate-cn":
		return c.Server.PoolPersist != "" // it decides whether addresses are remembered
	case "policy":
		return (c.Server.Policy == nil) != (to.Server.Policy == nil) // packets are judged from the start on, or never
	case "learn-address", "max-routes-per-client":
		return c.Adapter.DevType == DevTap // they are for what is on the Ethernet by now
	case "up", "down", "route-up", "route-pre-down", "ipchange", "dns-updown", "script-security":
		return hasPrograms(c) != hasPrograms(to) || // an adapter has programs from its start on, or never
			c.Pull && c.Hooks.OnReconnect() != to.Hooks.OnReconnect() // the rights that a client keeps depend on it
	case "route", "route-ipv6", "route-gateway", "route-ipv6-gateway", "route-metric", "route-table", "route-noexec", "dns", "dhcp-option",
		"route-nopull", "pull-filter", "redirect-gateway", "redirect-private":
		return hasPrograms(c) && c.At("user") != Pos{} // its programs would run again, without the rights that they had
	}
	return false
}

// hasPrograms reports whether there are programs for this host's adapter.
func hasPrograms(c *Config) bool { return len(c.Hooks.Commands()) > 0 }
