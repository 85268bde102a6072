//go:build linux

package peer

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"culvert/lab/bench/lab"
)

// ready is what both programs print once a tunnel stands.
var ready = regexp.MustCompile("Initialization Sequence Completed")

// command runs a configuration, which is the same for either program.
func (b *Bench) command(name, config string) []string {
	if name == OpenVPN {
		return []string{b.OpenVPN, "--config", config}
	}
	return []string{b.Programs.Culvert, "--config", config}
}

func (b *Bench) startVPN(ctx context.Context, name, proto string) (*Tunnel, error) {
	s, err := b.StartServer(ctx, name, proto)
	if err != nil {
		return nil, err
	}
	client, _, err := b.StartClient(name, s)
	if err == nil {
		err = Up(ctx, client)
	}
	if err != nil {
		s.Process.Stop()
		return nil, err
	}
	return &Tunnel{Inside: s.Inside(), Client: client, Server: s.Process}, nil
}

// Server is a server of the OpenVPN protocol at work.
type Server struct {
	place
	Proto   string
	Process *lab.Process
	clients int
}

// Inside is the server's address in the tunnel.
func (s *Server) Inside() netip.Addr { return s.server() }

// Name is what the commands of a server of ours know it by.
func (s *Server) Name() string { return "server-" + s.device }

// StartServer starts a server that takes any number of clients, with further lines.
func (b *Bench) StartServer(ctx context.Context, name, proto string, more ...string) (*Server, error) {
	s := &Server{place: b.place(), Proto: proto}
	config, err := b.File(s.device+"-server.conf", b.serverConfig(name, s)+lines(more...))
	if err != nil {
		return nil, err
	}
	if s.Process, err = b.Lab.Server.Start(name+"-server", b.command(name, config)...); err != nil {
		return nil, err
	}
	return s, Up(ctx, s.Process)
}

// StartUserSpaceServer starts our server without a device.
func (b *Bench) StartUserSpaceServer(ctx context.Context) (*Server, error) {
	s := &Server{place: b.place(), Proto: "udp4"}
	config, err := b.File(s.device+"-server.conf", b.serverConfig(Culvert, s))
	if err != nil {
		return nil, err
	}
	if s.Process, err = b.Lab.Server.Start("userspace-server", b.Programs.Culvert, "serve", config, "--userspace", "--allow-lan"); err != nil {
		return nil, err
	}
	return s, Up(ctx, s.Process)
}

// StartClient begins to connect a client of that program, and says what its
// device is called. It is up when Up says so.
func (b *Bench) StartClient(name string, s *Server) (*lab.Process, string, error) {
	s.clients++
	device := fmt.Sprintf("%s-%d", s.device, s.clients)
	config, err := b.File(device+"-client.conf", b.ClientConfig(s, "dev "+device, "dev-type tun"))
	if err != nil {
		return nil, "", err
	}
	p, err := b.Lab.Client.Start(name+"-client", b.command(name, config)...)
	return p, device, err
}

// Up waits until a server or client of the OpenVPN protocol is up.
func Up(ctx context.Context, p *lab.Process) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return p.Expect(ctx, ready)
}

// serverConfig leaves every setting that bears on speed at its default, but for
// the limit of newcomers from one address, which is where all of them are here.
func (b *Bench) serverConfig(name string, s *Server) string {
	return lines("connect-freq-initial 1000000 1", "port "+fmt.Sprint(s.port), "proto "+serverProto(s.Proto), "dev "+s.device, "dev-type tun", "disable-dco",
		"topology subnet", "server "+s.net.Addr().String()+" 255.255.0.0", "dh none", "data-ciphers AES-256-GCM",
		"keepalive 10 60", "duplicate-cn", "max-clients 20000", "verb 3") +
		block("ca", b.CA) + block("cert", b.ServerCert) + block("key", b.ServerKey) + block("tls-crypt", b.TLSCrypt)
}

// ClientConfig is the profile of any client of a server, with further lines.
func (b *Bench) ClientConfig(s *Server, more ...string) string {
	return lines("client", fmt.Sprint("remote ", lab.ServerOuter, " ", s.port), "proto "+clientProto(s.Proto), "nobind",
		"remote-cert-tls server", "disable-dco", "verb 3") + lines(more...) +
		block("ca", b.CA) + block("cert", b.ClientCert) + block("key", b.ClientKey) + block("tls-crypt", b.TLSCrypt)
}

func serverProto(proto string) string { return strings.Replace(proto, "tcp4", "tcp4-server", 1) }
func clientProto(proto string) string { return strings.Replace(proto, "tcp4", "tcp4-client", 1) }

func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }

func block(name, text string) string { return fmt.Sprintf("<%s>\n%s</%s>\n", name, text, name) }
