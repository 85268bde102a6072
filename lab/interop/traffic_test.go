//go:build interop

package interop

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/lab/bench/path"
)

// The test binary, started again on a host of the lab with helperEnv set, is
// the traffic: `receive ADDR`, `send ADDR BYTES`, `pace ADDR`, `serve ADDR`,
// `fetch URL`, `beat ADDR`, `portal ADDR URL`, `echo ADDR`, `ask ADDR`, `idle ADDR COUNT`,
// `station DEVICE VLAN ADDR`, `flood ADDR SIZE COUNT`, `pipe SOCKET ADDR`, `provide ADDR`,
// `sign-on SOCKET HOST`, `browse URL NAME`, `submit URL NAME`, `lie ADDR ADDR TRUTH`.
const helperEnv = "CULVERT_INTEROP_HELPER"

// helper starts the test binary as a traffic helper.
func (n *netns) helper(args ...string) *process {
	n.t.Helper()
	argv := append([]string{"env", helperEnv + "=1", must(os.Executable())}, args...)
	return n.start(strings.Join(args, " "), argv...)
}

// runHelper is main of a traffic helper; the result is its exit status.
func runHelper(args []string) int {
	if err := dispatchHelper(args); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func dispatchHelper(args []string) error {
	switch args[0] {
	case "path":
		return path.Main(args[1:])
	case "receive":
		return receive(args[1])
	case "send":
		n, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return err
		}
		return send(args[1], func(w io.Writer) error {
			_, err := io.CopyN(w, randomBytes(), n)
			return err
		})
	case "pace":
		return send(args[1], pace)
	case "old-client":
		return oldClient(args[1], args[2])
	case "old-server":
		return oldServer(args[1], args[2])
	case "serve":
		return serve(args[1])
	case "fetch":
		return fetch(args[1])
	case "lie":
		return lie(args[1], args[2], args[3])
	case "portal":
		return portal(args[1], args[2])
	case "beat":
		return beat(args[1])
	case "echo":
		return echo(args[1])
	case "ask":
		return ask(args[1])
	case "pipe":
		return pipe(args[1], args[2])
	case "sign-on":
		return signOnDouble(args[1], args[2])
	case "say":
		return say(args[1], args[2])
	case "spoil":
		return spoil(args[1], args[2], args[3], args[4])
	case "provide":
		return provide(args[1])
	case "submit":
		return submit(args[1], args[2])
	case "browse":
		return browse(args[1], args[2])
	case "sign-in":
		return signsInAt(args[1], args[2], args[3])
	case "storm":
		return storm(args[1])
	case "flood":
		size, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return flood(args[1], size, count)
	case "station":
		return station(args[1], args[2], args[3])
	case "idle":
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return idle(args[1], n)
	case "no-nftables":
		return execWithoutNftables(args[1:])
	}
	return fmt.Errorf("unknown helper %q", args)
}

// report is what a sender or receiver saw, its last line of output.
type report struct {
	Bytes   int64
	SHA256  string
	Longest time.Duration // between two chunks that arrived; receivers only
}

func (r report) print() error { return json.NewEncoder(os.Stdout).Encode(r) }

// receive accepts one connection on host:0, having printed where, and reads
// it to its end.
func receive(host string) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	m := &meter{hash: sha256.New(), last: time.Now()}
	if _, err := io.Copy(m, c); err != nil {
		return fmt.Errorf("receiving, after %d bytes: %w", m.Bytes, err)
	}
	m.SHA256 = hex.EncodeToString(m.hash.Sum(nil))
	return m.print()
}

// meter hashes what is written to it and clocks the gaps.
type meter struct {
	report
	hash hash.Hash
	last time.Time
}

func (m *meter) Write(b []byte) (int, error) {
	now := time.Now()
	m.Longest = max(m.Longest, now.Sub(m.last))
	m.last = now
	m.Bytes += int64(len(b))
	return m.hash.Write(b)
}

// send connects, writes what body makes, and waits until the receiver has
// read it all and closed.
func send(to string, body func(io.Writer) error) error {
	c, err := net.DialTimeout("tcp", to, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	m := &meter{hash: sha256.New()}
	if err := body(io.MultiWriter(c, m)); err != nil {
		return fmt.Errorf("sending, after %d bytes: %w", m.Bytes, err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return fmt.Errorf("waiting for the receiver: %w", err)
	}
	return report{Bytes: m.Bytes, SHA256: hex.EncodeToString(m.hash.Sum(nil))}.print()
}

func randomBytes() io.Reader { return rand.NewChaCha8([32]byte{}) }

// pace writes about 3 MB/s until standard input is closed.
func pace(w io.Writer) error {
	stop := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(stop) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for source := randomBytes(); ; {
		select {
		case <-stop:
			return nil
		case <-tick.C:
			if _, err := io.CopyN(w, source, 16<<10); err != nil {
				return err
			}
		}
	}
}

// serve is a web server that answers with the address it was asked from.
func serve(at string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.RemoteAddr)
	}))
}

// fetch prints what a web server answers.
func fetch(url string) error {
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}

// echo sends UDP packets back.
func echo(at string) error {
	c, err := net.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	fmt.Println("listening", c.LocalAddr())
	for b := make([]byte, 2048); ; {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return err
		}
		if _, err := c.WriteTo(b[:n], from); err != nil {
			return err
		}
	}
}

// ask sends a UDP packet and wants it back.
func ask(at string) error {
	c, err := net.Dial("udp", at)
	if err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte("question")); err != nil {
		return err
	}
	b := make([]byte, 2048)
	n, err := c.Read(b)
	if err == nil && string(b[:n]) != "question" {
		err = fmt.Errorf("%q came back", b[:n])
	}
	return err
}

// floodFlows is how many flows a flood has.
const floodFlows = 8

// flood sends UDP packets with so many bytes as fast as it can, so many by each
// flow.
func flood(to string, size, count int) error {
	ends := make(chan error)
	for range floodFlows {
		c, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		go func() {
			b := make([]byte, size)
			for range count {
				_, _ = c.Write(b) // nobody listens, which errors tell of
			}
			ends <- c.Close()
		}()
	}
	var err error
	for range floodFlows {
		err = errors.Join(err, <-ends)
	}
	return err
}

var listening = regexp.MustCompile(`^listening (\S+)$`)

// listenAddress is where a helper that listens says it does.
func (p *process) listenAddress() string {
	p.t.Helper()
	p.expect(listening, 1, patience)
	for _, line := range strings.Split(p.log(), "\n") {
		if m := listening.FindStringSubmatch(line); m != nil {
			return m[1]
		}
	}
	return ""
}

// report waits for a sender or receiver to end well and returns what it saw.
func (p *process) report(limit time.Duration) report {
	p.t.Helper()
	if err := p.wait(limit); err != nil {
		p.t.Fatalf("%s: %v: %s", p.name, err, p.log())
	}
	var r report
	log := p.log()
	if err := json.Unmarshal([]byte(log[strings.LastIndexByte(log, '\n')+1:]), &r); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	return r
}

// flow is one TCP connection through the tunnel.
type flow struct{ sender, receiver *process }

// flow starts a connection from one host to an address of another; args say
// how: `send` with a number of bytes, or `pace`.
func startFlow(from, to *netns, at netip.Addr, kind string, args ...string) flow {
	from.t.Helper()
	receiver := to.helper("receive", at.String())
	argv := append([]string{kind, receiver.listenAddress()}, args...)
	return flow{from.helper(argv...), receiver}
}

// finish lets the flow come to its end and checks that all of it arrived,
// unchanged.
func (f flow) finish(t testing.TB) report {
	t.Helper()
	f.sender.stdin.Close()
	sent, got := f.sender.report(2*time.Minute), f.receiver.report(patience)
	if sent.Bytes != got.Bytes || sent.SHA256 != got.SHA256 {
		t.Errorf("sent %d bytes with hash %s, arrived %d with %s", sent.Bytes, sent.SHA256, got.Bytes, got.SHA256)
	}
	return got
}

// bulk is how many bytes keep a processor busy for long.
const bulk = 4 << 20

// transfer moves size random bytes to an address of another host.
func transfer(t testing.TB, from, to *netns, at netip.Addr, size int) {
	t.Helper()
	if size >= bulk {
		defer turn()()
	}
	got := startFlow(from, to, at, "send", strconv.Itoa(size)).finish(t)
	if got.Bytes != int64(size) {
		t.Errorf("%d bytes arrived of %d", got.Bytes, size)
	}
}

// ping fails the test unless an echo comes back.
func (n *netns) ping(to netip.Addr) {
	n.t.Helper()
	n.output("ping", "-n", "-c", "1", "-i", "0.2", "-w", "30", to.String()) // asks again
}

// pingOnce is ping with one question alone, for tests that count.
func (n *netns) pingOnce(to netip.Addr) {
	n.t.Helper()
	n.output("ping", "-n", "-c", "1", "-W", "30", to.String())
}

// fetch asks a web server and returns its answer.
func (n *netns) fetch(url string) (string, error) {
	n.t.Helper()
	p := n.helper("fetch", url)
	if err := p.wait(patience); err != nil {
		return "", errors.New(p.log())
	}
	return p.log(), nil
}
