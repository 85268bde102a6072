package config

import (
	"maps"
	"slices"
	"time"
)

// defaults is the configuration of an empty file.
func defaults() *Config {
	return &Config{
		Link:    Link{ResolvRetry: -1, ConnectRetry: time.Second, ConnectRetryMax: 300 * time.Second, ConnectTimeout: 120 * time.Second, TCPQueueLimit: 64},
		Adapter: Adapter{Dev: "tun", MTU: 1500, MaxMTU: 1600},
		Records: Records{HistoryDays: defaultDays, AccountingInterval: 10 * time.Minute},
		Server:  Server{MaxClients: 1024, MaxRoutesPerClient: 256, VLANPVID: 1, PoolPersistInterval: 600 * time.Second},
		Trust:   Trust{TLSCertProfile: "legacy"},
		Data:    Data{Auth: "SHA1", ReplayWindow: 8192, ReplayTime: 15 * time.Second},
		Login:   Login{OIDC: OIDC{Scopes: []string{"openid", "profile", "email"}, UserClaim: "preferred_username"}},
		Timers:  Timers{RenegSec: 3600 * time.Second, HandWindow: 60 * time.Second, TranWindow: 3600 * time.Second, TLSTimeout: time.Second, MaxPacketSize: 1250},
		Process: Process{ScriptSecurity: 1, StatusInterval: 60 * time.Second, StatusVersion: 1, Verb: 1},
	}
}

// finish resolves what waited for the last line, reads files, and checks the whole.
func (b *builder) finish() (*Config, error) {
	b.lines, b.reads = b.given, b.read
	b.settle()
	b.resolveMode()
	for _, step := range []func() error{b.device.resolveDev, b.device.resolveAddresses, b.ciphers.resolve} {
		b.add(step())
	}
	b.device.resolveAdapter()
	b.sockets.resolveLocal()
	b.sockets.resolvePorts()
	b.sockets.resolveLocals()
	b.alive.resolve()
	if len(b.errs) == 0 {
		b.checkOtherRole()
		b.checkWrittenEnds()
		checkChoices(b)
	}
	b.resolveRole()
	b.Link.Proto = b.ends(b.Link.Proto)
	b.device.resolveLinkMTU()
	overrideProxy(b)
	b.sockets.resolveOuter()
	b.files.resolveNames()
	b.files.readAll()
	b.resolveRemotes()
	if len(b.errs) == 0 {
		check{b.Config, b.record}.whole()
	}
	b.Notes = b.notes
	if len(b.errs) > 0 {
		return nil, &FaultsError{sorted(b.errs), b.Config}
	}
	return b.Config, nil
}

func (c *Config) isServer() bool { return c.Mode == ModeServer }

// resolveMode lets directives that make a server override `mode`, in any order.
func (b *builder) resolveMode() {
	for _, name := range []string{"server", "server-ipv6", "server-bridge", "proxy-lan"} {
		if b.has(name) {
			b.Mode = ModeServer
		}
	}
}

// resolveRole notes the directives for the other end, and drops those that would
// act here.
func (b *builder) resolveRole() {
	if b.isPeer() {
		b.refuseForPeer()
		return
	}
	other, end := RoleServer, "server"
	if b.isServer() {
		other, end = RoleClient, "client"
	}
	for _, name := range slices.Sorted(maps.Keys(b.given)) {
		if row := b.rows[name]; row.isFor(other) {
			b.note(b.given[name], name+": only means something on a "+end+", ignored here")
		}
	}
	b.touches = slices.DeleteFunc(b.touches, func(t Touch) bool { return b.rows[t.name].Role == other })
	if b.isServer() {
		b.sockets.remotes, b.sockets.blocks, b.Login.UserPass, b.Routing.RedirectGateway = nil, nil, nil, nil
	} else {
		b.Login.GenTokenSecret, b.Trust.TLSCryptV2Verify = nil, nil
	}
}
