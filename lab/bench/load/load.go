//go:build linux

// Package load is the traffic of the bench. The bench's own program, started
// again on a host of the lab with the word `load`, is the traffic: a sink that
// takes and gives whatever is asked of it, and what measures against it, which
// prints one line of JSON.
package load

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Ports of the sink.
const (
	tcpPort     = 9000
	udpPort     = 9001
	controlPort = 9002
)

// Main is the program of a load process; its arguments follow the word.
func Main(args []string) error {
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	to := f.String("to", "", "the sink's address, by way of the tunnel; with scrape, address and port of the metrics")
	control := f.String("control", "", "the sink's address past the tunnel")
	down := f.Bool("down", false, "the sink sends")
	streams := f.Int("streams", 1, "TCP connections")
	devices := f.String("devices", "", "bind the connections to these, in turn")
	proxy := f.String("proxy", "", "connect through this SOCKS5 proxy")
	length := f.Duration("for", 3*time.Second, "how long")
	size := f.Int("size", 64, "bytes in a UDP packet")
	rate := f.Int("rate", 1000, "UDP packets a second, of a measurement of loss")
	if len(args) == 0 {
		return fmt.Errorf("load: expected serve, tcp, udp, loss, ping or scrape")
	}
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "serve":
		return serve()
	case "tcp":
		return report(runTCP(tcpLoad{at(*to, tcpPort), *proxy, *down, *streams, splitList(*devices), *length}))
	case "udp", "loss":
		addr, err := netip.ParseAddrPort(at(*to, udpPort))
		if err != nil {
			return err
		}
		if args[0] == "loss" {
			return report(measureLoss(addr, at(*control, controlPort), *size, *rate, *length))
		}
		return report(searchRate(addr, at(*control, controlPort), *size))
	case "scrape":
		return scrape(*to)
	case "ping":
		return report(ping(at(*to, udpPort), *length))
	}
	return fmt.Errorf("load: %q is none of serve, tcp, udp, loss, ping, scrape", args[0])
}

func report(result any, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func at(host string, port int) string { return net.JoinHostPort(host, fmt.Sprint(port)) }

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
