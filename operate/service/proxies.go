package service

import (
	"fmt"
	"log/slog"
	"net"

	"culvert/nic/userstack/proxy"
	"culvert/operate/console"
)

// DefaultSOCKS is where a client without a device listens by default.
const DefaultSOCKS = "127.0.0.1:1080"

// proxyServer is one of the proxies.
type proxyServer interface {
	Serve(net.Listener) error
	Close() error
}

// serveProxies offers a tunnel to programs of this host, by SOCKS5
// and HTTP, until close is called. The screen, which may be nil, shows where.
func serveProxies(d proxy.Dialer, o Options, log *slog.Logger, screen *console.Screen) (close func(), err error) {
	if o.SOCKS == "" && o.HTTP == "" {
		o.SOCKS = DefaultSOCKS
	}
	var running []proxyServer
	close = func() {
		for _, p := range running {
			p.Close()
		}
	}
	start := func(kind, flag, addr string, p proxyServer) error {
		if addr == "" {
			return nil
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("the %s proxy: %w; choose an address of this host with a free port, such as: %s 127.0.0.1:1088", kind, err, flag)
		}
		if !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
			log.Warn("the proxy can be reached from other hosts, which then use the tunnel in your name", "proxy", kind, "address", l.Addr())
		}
		log.Info("proxy ready", "kind", kind, "address", l.Addr())
		if screen != nil {
			fmt.Fprintf(screen, "· programs use the tunnel through the %s proxy at %s\n", kind, l.Addr())
		}
		running = append(running, p)
		go p.Serve(l)
		return nil
	}
	err = start("SOCKS5", "--socks", o.SOCKS, proxy.NewSOCKS(d, log))
	if err == nil {
		err = start("HTTP", "--http", o.HTTP, proxy.NewHTTP(d, log))
	}
	if err != nil {
		close()
		return nil, err
	}
	return close, nil
}
