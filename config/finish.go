package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaults is the configuration of an empty file.
func defaults() *Config {
	return &Config{
		Link:    Link{ResolvRetry: -1, ConnectRetry: time.Second, ConnectRetryMax: 300 * time.Second, ConnectTimeout: 120 * time.Second, TCPQueueLimit: 64},
		Adapter: Adapter{Dev: "tun", MTU: 1500},
		Server:  Server{MaxClients: 1024, ConnectFreqInitial: Rate{1000, 10 * time.Second}, MaxRoutesPerClient: 256, VLANPVID: 1, PoolPersistInterval: 600 * time.Second},
		Trust:   Trust{TLSCertProfile: "legacy"},
		Data:    Data{Auth: "SHA1", ReplayWindow: 8192, ReplayTime: 15 * time.Second},
		Timers:  Timers{RenegSec: 3600 * time.Second, HandWindow: 60 * time.Second, TranWindow: 3600 * time.Second, TLSTimeout: time.Second, MaxPacketSize: 1250},
		Process: Process{ScriptSecurity: 1, StatusInterval: 60 * time.Second, StatusVersion: 1, Verb: 1},
	}
}

// finish resolves what had to wait for the last line, reads the files named,
// and checks that the whole makes sense.
func (b *builder) finish() (*Config, error) {
	b.Config.given = b.given
	b.settle()
	b.resolveMode()
	for _, step := range []func() error{b.resolveDev, b.resolveAddresses, b.resolveCiphers} {
		b.add(step())
	}
	b.resolveAdapter()
	b.resolveLocal()
	b.resolvePorts()
	b.resolveLocals()
	b.resolveTimers()
	if len(b.errs) == 0 {
		b.checkOtherRole()
		b.checkWrittenEnds()
	}
	b.resolveRole()
	b.Link.Proto = b.ends(b.Link.Proto)
	b.resolveOuter()
	b.resolveNames()
	b.readFiles()
	b.resolveRemotes()
	if len(b.errs) == 0 {
		b.checkWhole()
	}
	if len(b.errs) > 0 {
		return nil, &FaultsError{sorted(b.errs), b.Config}
	}
	return b.Config, nil
}

// resolveNames applies `cd` to the names of what is written, looked into or run
// later; what runs below `chroot` is found from there.
func (b *builder) resolveNames() {
	for _, name := range []*string{&b.Process.Chroot, &b.Adapter.DevNode, &b.Process.WritePID, &b.Process.Log, &b.Process.Status, &b.Server.PoolPersist, &b.Trust.ReplayPersist, &b.Server.ClientConfigDir, &b.Trust.CAPath, &b.Trust.CRLVerifyDir, &b.Process.TmpDir} {
		if *name != "" {
			*name = b.Path(*name)
		}
	}
	for _, command := range [][]string{b.Trust.TLSVerify, b.Login.UserPassVerify, b.Trust.TLSCryptV2Verify, b.Login.ClientCRResponse} {
		if len(command) > 0 && b.Process.Chroot == "" {
			command[0] = b.Path(command[0])
		}
	}
}

// add keeps the error of a step, if it has one.
func (b *builder) add(err error) {
	if e, ok := err.(*Error); ok {
		b.fail(e)
	}
}

// at is where a directive stood, or the start of the configuration.
func (b *builder) at(name string) Pos { return b.given[name] }

func (b *builder) has(name string) bool {
	_, ok := b.given[name]
	return ok
}

// holds is has, and for a <connection> block whether the directive is in force
// there.
func (b *builder) holds(name string) bool {
	return b.has(name) || b.outer != nil && b.outer.has(name)
}

func (b *builder) isServer() bool { return b.Mode == ModeServer }

// resolveMode has what makes a server stand above `mode`, wherever that is
// written.
func (b *builder) resolveMode() {
	for _, name := range []string{"server", "server-ipv6", "server-bridge", "proxy-lan"} {
		if b.has(name) {
			b.Mode = ModeServer
		}
	}
}

// resolveDev works out the adapter's kind from its name, unless dev-type says.
func (b *builder) resolveDev() error {
	if !b.has("dev-type") {
		switch {
		case len(b.Adapter.Dev) >= 3 && b.Adapter.Dev[:3] == "tun":
		case len(b.Adapter.Dev) >= 3 && b.Adapter.Dev[:3] == "tap":
			b.Adapter.DevType = DevTap
		case b.Adapter.Dev == "null":
			b.Adapter.DevType = DevNull
		default:
			return &Error{b.at("dev"), "dev", b.Adapter.Dev, "neither tun nor tap by its name", "add the line: dev-type tun, or: dev-type tap"}
		}
	}
	if b.Adapter.DevType == DevTap {
		b.Adapter.Topology = TopologySubnet // others are of tun alone
	}
	return nil
}

func (b *builder) resolveAddresses() error {
	if !b.isServer() {
		return b.resolveIfconfig(b.has("topology"))
	}
	said := !b.has("topology") && !b.Server.Network.IsValid() && b.Adapter.DevType == DevTun // what it means is said by its form
	return b.resolveIfconfig(!said)
}

// resolvePorts combines port, lport, bind and nobind. A client binds no port
// unless something says so, as since OpenVPN 2.6, nor does a host that calls
// another over TCP.
func (b *builder) resolvePorts() {
	bind := b.holds("bind") || b.holds("lport") || b.holds("local")
	b.Link.NoBind = !b.isServer() && (b.holds("nobind") || (b.Pull || b.calls()) && !bind)
	if b.Link.NoBind {
		for _, name := range []string{"lport", "bind", "local"} {
			if b.holds(name) {
				b.problem(name, "asks for a way out of its own, and nobind for any", "keep one of the two")
			}
		}
		b.Link.LocalPort = 0
		return
	}
	b.Link.LocalPort = 1194
	name, port := "lport", b.lport
	if port == "" {
		name, port = "port", b.port
	}
	if port == "" {
		return
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		b.fail(&Error{b.at(name), name, port, "expected a port's number to listen on", "write a number such as 1194"})
	}
	b.Link.LocalPort = n
}

// defaultPingRestart holds on a client until the server pushes another.
const defaultPingRestart = 120 * time.Second

// resolveTimers expands keepalive and the defaults that depend on the role.
func (b *builder) resolveTimers() {
	if b.Timers.RenegSecMin == 0 {
		b.Timers.RenegSecMin = b.Timers.RenegSec
		if b.isServer() {
			b.Timers.RenegSecMin = b.Timers.RenegSec / 10 * 9
		}
	}
	if b.keepalive != nil {
		b.expandKeepalive()
	}
	if b.Pull && b.keepalive == nil && !b.has("ping-restart") && !b.has("ping-exit") {
		b.Timers.PingRestart = defaultPingRestart
	}
}

// expandKeepalive sets our own timers. A server waits twice as long, so that
// its clients notice first, and pushes theirs.
func (b *builder) expandKeepalive() {
	for _, other := range []struct {
		name  string
		value time.Duration
	}{{"ping", b.Timers.Ping}, {"ping-restart", b.Timers.PingRestart}, {"ping-exit", b.Timers.PingExit}} {
		at := b.at(other.name)
		switch {
		case !b.has(other.name):
		case other.value == 0:
			b.note(at, other.name+": 0 is ignored, since keepalive is given too, in "+b.keepalive.String())
		default:
			b.fail(&Error{*b.keepalive, "keepalive", "", "conflicts with " + other.name + " in " + at.String(), "keep one of the two"})
			return
		}
	}
	b.Timers.Ping = time.Duration(b.interval) * time.Second
	b.Timers.PingRestart = time.Duration(b.timeout) * time.Second
	if !b.isServer() {
		return
	}
	b.Timers.PingRestart *= 2
	b.Server.Push = append(b.Server.Push, fmt.Sprintf("ping %d", b.interval), fmt.Sprintf("ping-restart %d", b.timeout))
}

// resolveRole notes the directives meant for the other end, and takes away
// those that would act here.
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
		b.remotes, b.blocks, b.Login.UserPass, b.Routing.RedirectGateway = nil, nil, nil, nil
	} else {
		b.Login.GenTokenSecret, b.Trust.TLSCryptV2Verify = nil, nil
	}
}

// readFiles reads the files that directives name, and looks whether they hold
// what they should.
func (b *builder) readFiles() {
	for _, f := range []struct {
		name, marker string
		file         *File
	}{
		{"ca", "-----BEGIN ", b.Trust.CA},
		{"cert", "-----BEGIN ", b.Trust.Cert},
		{"key", "-----BEGIN ", b.Trust.Key},
		{"extra-certs", "-----BEGIN ", b.Trust.ExtraCerts},
		{"pkcs12", "", b.Trust.PKCS12},
		{"tls-auth", staticKeyMarker, b.Trust.TLSAuth},
		{"tls-crypt", staticKeyMarker, b.Trust.TLSCrypt},
		{"tls-crypt-v2", "-----BEGIN OpenVPN tls-crypt-v2 ", b.Trust.TLSCryptV2},
		{"auth-user-pass", "", b.Login.UserPass},
		{"auth-gen-token-secret", "-----BEGIN OpenVPN auth-token server key-----", b.Login.GenTokenSecret},
		{"askpass", "", b.Trust.AskPass},
		{"http-proxy-user-pass", "", b.Link.HTTPProxyUserPass},
		{"socks-proxy", "", b.Link.SOCKSProxy.login()},
		{"crl-verify", "-----BEGIN X509 CRL-----", b.Trust.CRLVerify},
		{"secret", staticKeyMarker, b.Trust.Secret},
		{"dh", "DH PARAMETERS-----", b.dhParameters()},
	} {
		if f.file != nil && !b.loaded[f.file] {
			b.loaded[f.file] = true
			b.readFile(f.name, f.marker, f.file)
		}
	}
}

// dhParameters are those that a TLS server must have, though it uses them for
// nothing, unless it says that there are none.
func (b *builder) dhParameters() *File {
	if !b.TLSServer {
		return nil
	}
	return b.dh
}

const staticKeyMarker = "-----BEGIN OpenVPN Static key V1-----"

// readNamed looks for a revocation list below the directory of `chroot` first,
// where it is read again later, as with OpenVPN.
func (b *builder) readNamed(directive, name string) ([]byte, error) {
	if directive == "crl-verify" && b.Process.Chroot != "" {
		if text, err := b.read(path.Join(b.Process.Chroot, name)); err == nil {
			return text, nil
		}
	}
	return b.read(name)
}

// mendOf is what to do where a file cannot be read.
func mendOf(err error, name string) string {
	switch {
	case errors.Is(err, fs.ErrNotExist) && !path.IsAbs(name):
		return "a relative name is looked up in the working directory"
	case errors.Is(err, fs.ErrPermission):
		return "run this as the user who may read it, or as root"
	}
	return ""
}

func (b *builder) readFile(name, marker string, f *File) {
	switch {
	case f.Name == "[inline]":
		b.fail(&Error{f.Pos, name, f.Name, "there is no <" + name + "> block", "add it, or name a file"})
		return
	case !f.Inline && f.Name != "":
		text, err := b.readNamed(name, b.Path(f.Name))
		if err != nil {
			b.fail(&Error{f.Pos, name, f.Name, "cannot be read: " + err.Error(), mendOf(err, f.Name)})
			return
		}
		f.Text = text
	}
	if fault := b.emptyFile(name, f); fault != nil {
		b.fail(fault)
		return
	}
	if !bytes.Contains(f.Text, []byte(marker)) {
		b.fail(&Error{f.Pos, name, f.Name, "expected a line that begins " + strings.TrimSpace(marker), "put the whole file there, with its BEGIN and END lines"})
	}
}

// emptyFile is the fault of a file or block without what it is for.
func (b *builder) emptyFile(name string, f *File) *Error {
	if !f.Inline && f.Name == "" {
		return nil
	}
	what := "the file"
	if f.Inline {
		what = "the block"
	}
	first, _ := f.TwoLines()
	switch {
	case name == "auth-user-pass" && first == "":
		return &Error{f.Pos, name, f.Name, what + " begins with no user name", "write the user name in its first line and the password in its second; or remove it and write auth-user-pass alone, to be asked"}
	case name == "crl-verify" && len(bytes.TrimSpace(f.Text)) == 0:
		return &Error{f.Pos, name, f.Name, what + " is empty, so nobody could be checked by it", "put a revocation list there, which may list nobody; or remove it, if none is to be checked"}
	}
	return nil
}
