package management

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
)

// TestStalledReader: one that does not read is cut off, and the others and whoever
// reports wait for nothing.
func TestStalledReader(t *testing.T) {
	i, d := open(t, config.Management{})
	stalled := connect(t, i)
	stalled.say("log on")
	stalled.want("SUCCESS: real-time log notification set to ON")
	line := strings.Repeat("x", 60000)
	for range 2 * maxBacklog / len(line) {
		i.LogLine(time.Now(), "I", line)
	}
	d.say("pid")
	d.want(fmt.Sprintf("SUCCESS: pid=%d", os.Getpid()))
	stalled.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var all bytes.Buffer
	if _, err := all.ReadFrom(stalled.conn); os.IsTimeout(err) {
		t.Error("a reader that stalls stays connected")
	}
}

// TestBadInput: a megabyte in a line, half commands, quotes that are never closed and
// bytes that are no text end no connection, and the next command is answered.
func TestBadInput(t *testing.T) {
	_, d := open(t, config.Management{})
	for input, want := range map[string]string{
		strings.Repeat("x", 1<<20):              fmt.Sprintf("ERROR: a line has at most %d bytes", maxLine),
		`kill "a`:                               `ERROR: Options error: No closing quotation (") in management command`,
		`kill a\`:                               "ERROR: Options error: Residual parse state (backslash) in management command",
		"\xff\x00\x01":                          "ERROR: unknown command, enter 'help' for more options",
		"client-auth-nt 99999999999999999999 1": "ERROR: cannot parse CID",
		"\xff\xfb\x01\xff\xfd\x03pid":           "ERROR: unknown command, enter 'help' for more options",
		"\x00p\x01i\rd\x7f\r\r":                 fmt.Sprintf("SUCCESS: pid=%d", os.Getpid()),
	} {
		d.say(input)
		d.want(want)
	}
	d.say("# a comment")
	d.say("")
	d.say("\x04\x1b\x00")
	d.say("pid")
	d.want(fmt.Sprintf("SUCCESS: pid=%d", os.Getpid()))
}

// TestEndlessBlock: lines without END are bounded.
func TestEndlessBlock(t *testing.T) {
	_, d := open(t, config.Management{})
	d.say("client-auth 0 0")
	line := strings.Repeat("y", 8000) + "\n"
	for range 2 * mostBlock / len(line) {
		if _, err := d.conn.Write([]byte(line)); err != nil {
			return // cut off
		}
	}
	if _, err := d.in.ReadString('\n'); err == nil || os.IsTimeout(err) {
		t.Errorf("a block without end: %v, want the connection to end", err)
	}
}

// TestManyConnections: those beyond the limit are turned away, and room comes back.
func TestManyConnections(t *testing.T) {
	i, d := open(t, config.Management{})
	var conns []net.Conn
	for range 3 * mostReaders {
		conn, err := net.Dial("unix", i.cfg.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	last := conns[len(conns)-1]
	last.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := last.Read(make([]byte, 100)); err == nil || os.IsTimeout(err) {
		t.Errorf("a connection beyond the limit read %d bytes, %v; want it closed", n, err)
	}
	i.mu.Lock()
	if in, all := i.inside(), len(i.readers); in > mostReaders || all > mostReaders+mostStrangers {
		t.Errorf("%d readers, %d of them served; at most %d and %d", all, in, mostReaders+mostStrangers, mostReaders)
	}
	i.mu.Unlock()
	d.say("net")
	d.want("ERROR: Sorry, this command is currently only implemented on Windows")
}

// TestPassword: OpenVPN's dialogue; a wrong password is asked for again, and the third
// ends the connection.
func TestPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("hunter2\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	i, d := open(t, config.Management{PasswordFile: file})
	prompt := func() {
		t.Helper()
		got := make([]byte, len("ENTER PASSWORD:"))
		if _, err := d.in.Read(got); err != nil || string(got) != "ENTER PASSWORD:" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	prompt()
	i.Broadcast(">FATAL:secret") // not for strangers
	d.say("hunter")
	prompt()
	d.say("hunter2")
	d.want("SUCCESS: password is correct", banner())
}

// TestGateSlows: guesses take longer and longer, for all connections together, and a
// right password ends that.
func TestGateSlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		start := time.Now()
		for range 8 {
			if err := g.wait(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != (1+2+4+8+16+16+16+16)*time.Second {
			t.Errorf("eight guesses took %v", took)
		}
		g.passed()
		start = time.Now()
		g.wait(context.Background())
		if took := time.Since(start); took != time.Second {
			t.Errorf("the guess after a right password took %v", took)
		}
	})
}

// TestThreeReaders: all get all messages, each with what it asked for, and the first
// answer counts.
func TestThreeReaders(t *testing.T) {
	i, a := open(t, config.Management{ClientAuth: true})
	b, c := connect(t, i), connect(t, i)
	i.Attach(backendtest.New())
	verdict := make(chan auth.Verdict, 1)
	env := new(hooks.Env)
	env.Set("common_name", "anna")
	go func() {
		verdict <- i.Checker().Check(t.Context(), &auth.Request{Username: "anna", Password: "pass\nword", Number: 7, Key: 1, Env: env}, func(auth.Pending) {})
	}()
	for _, d := range []*dialog{a, b, c} {
		d.want(">CLIENT:CONNECT,7,1", ">CLIENT:ENV,n_clients=0", ">CLIENT:ENV,password=pass_word", ">CLIENT:ENV,common_name=anna", ">CLIENT:ENV,END")
	}
	b.say("client-auth 7 1\npush \"route 10.9.0.0 255.255.0.0\"\nEND")
	b.want("SUCCESS: client-auth command succeeded")
	if v := <-verdict; !v.OK || len(v.Lines) != 1 || v.Lines[0] != `push "route 10.9.0.0 255.255.0.0"` {
		t.Errorf("%+v", v)
	}
	c.say(`client-deny 7 1 "too late"`)
	c.want("ERROR: client-deny command failed")
}

// TestNobodyDecides: without a reader, a client is refused at once, with the mend.
func TestNobodyDecides(t *testing.T) {
	i, d := open(t, config.Management{ClientAuth: true})
	d.say("exit")
	if _, err := d.in.ReadString('\n'); err == nil {
		t.Fatal("exit is answered")
	}
	v := i.Checker().Check(t.Context(), &auth.Request{Env: new(hooks.Env)}, nil)
	if v.OK || v.Err != errNobody {
		t.Errorf("%+v", v)
	}
}

// TestPending tells a client what its login needs, and denies it with words for its user.
func TestPending(t *testing.T) {
	i, d := open(t, config.Management{ClientAuth: true})
	i.Attach(backendtest.New())
	asked, verdict := make(chan auth.Pending, 1), make(chan auth.Verdict, 1)
	answers := make(chan string, 1)
	go func() {
		verdict <- i.Checker().Check(t.Context(), &auth.Request{Number: 1, Key: 2, Renewal: true, Env: new(hooks.Env), Answers: answers}, func(p auth.Pending) { asked <- p })
	}()
	d.want(">CLIENT:REAUTH,1,2", ">CLIENT:ENV,n_clients=0", ">CLIENT:ENV,password=", ">CLIENT:ENV,END")
	d.say(`client-pending-auth 1 2 "WEB_AUTH::https://login.example/?a=b" 120`)
	d.want("SUCCESS: client-pending-auth command succeeded")
	if p := <-asked; p != (auth.Pending{Timeout: 2 * time.Minute, Extra: "WEB_AUTH::https://login.example/?a=b"}) {
		t.Errorf("%+v", p)
	}
	answers <- "SGFsbG8="
	d.want(">CLIENT:CR_RESPONSE,1,2,SGFsbG8=", ">CLIENT:ENV,n_clients=0", ">CLIENT:ENV,END")
	d.say(`client-deny 1 2 "for the log" "for the user"`)
	d.want("SUCCESS: client-deny command succeeded")
	if v := <-verdict; v.OK || v.Reason != "for the user" {
		t.Errorf("%+v", v)
	}
}

// TestByteCount reports each client of a server that is in.
func TestByteCount(t *testing.T) {
	i, d := open(t, config.Management{})
	f := backendtest.New()
	f.State.Peers = []backend.Peer{{Number: 3, Name: "anna", BytesIn: 10, BytesOut: 20}, {Number: 4, Connecting: true}}
	i.Attach(f)
	d.say("bytecount 1")
	d.want("SUCCESS: bytecount interval changed", ">BYTECOUNT_CLI:3,10,20")
	d.say("bytecount 0")
	d.say("load-stats")
	for {
		line, err := d.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "SUCCESS: nclients=1,bytesin=10,bytesout=20\r\n" {
			return
		}
	}
}

// TestSocketOfAnother: a socket that another process answers on stays, and one that was
// left behind is replaced; ours is gone at the end.
func TestSocketOfAnother(t *testing.T) {
	i, _ := open(t, config.Management{})
	if _, err := Open(i.cfg, quiet(nil)); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second interface at the same socket: %v", err)
	}
	i.Close(nil)
	if _, err := os.Lstat(i.cfg.Address); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: i.cfg.Address, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close()
	again, err := Open(i.cfg, quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	again.Close(nil)
}

// TestClientMode connects out, and asks for the end of the process when the connection
// ends.
func TestClientMode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	asked := make(chan string, 1)
	i, err := Open(config.Management{Address: host, Port: port, Client: true}, quiet(asked))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(nil)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(banner()))
	if _, err := conn.Read(got); err != nil || string(got) != banner() {
		t.Errorf("%q, %v", got, err)
	}
	conn.Close()
	if name := <-asked; name != "SIGTERM" {
		t.Errorf("asked for %s", name)
	}
}

// TestLastReaderLeaves: management-signal connects anew when the last one leaves, and not
// before.
func TestLastReaderLeaves(t *testing.T) {
	asked := make(chan string, 2)
	i, err := Open(config.Management{Unix: true, Address: filepath.Join(t.TempDir(), "s"), Signal: true}, quiet(asked))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close(nil)
	a, b := connect(t, i), connect(t, i)
	a.say("quit")
	a.in.ReadString('\n') // its end
	b.say("quit")
	if name := <-asked; name != "SIGUSR1" || len(asked) != 0 {
		t.Errorf("asked for %s, and %d more", name, len(asked))
	}
}

// TestParse: what Append writes, Parse reads.
func TestParse(t *testing.T) {
	words := []string{"password", "Private Key", `fo"o\bar`, ""}
	got, err := Parse(string(Append(nil, words...)))
	if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", words) {
		t.Errorf("%q, %v", got, err)
	}
	for line, want := range map[string]error{
		`a "b`: errQuote, `a "b\`: errQuote, `a 'b`: errSingleQuote, `a b\`: errResidue,
		`a \b`: errBackslash, `a "b\c"`: errBackslash, `a "b\'c"`: errBackslash, `a b\#`: errBackslash,
	} {
		if got, err := Parse(line); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v; want %v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		`a 'b\c' "\\\""`: `["a" "b\\c" "\\\""]`,
		`a  b	c`:         `["a" "b" "c"]`,
		`a 'b "c' d`:     `["a" "b \"c" "d"]`,
		`a b\ c`:         `["a" "b c"]`,
		`a # b`:          `["a"]`,
		`  `:             `[]`,
	} {
		if got, err := Parse(line); err != nil || fmt.Sprintf("%q", got) != want {
			t.Errorf("%s: %q, %v; want %s", line, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"pid", `password "Private Key" "a\"b"`, `a 'b`, `a\`, "client-auth 0 0", "\xff\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := Parse(line)
		if err != nil {
			return
		}
		for _, word := range words {
			if strings.ContainsAny(word, "\n\r") {
				return
			}
		}
		if len(words) == 0 {
			return
		}
		again, err := Parse(string(Append(nil, words...)))
		if err != nil || fmt.Sprintf("%q", again) != fmt.Sprintf("%q", words) {
			t.Fatalf("%q became %q, %v", words, again, err)
		}
	})
}

// FuzzBlocks: the lines after pk-sig, rsa-sig, password and certificate.
func FuzzBlocks(f *testing.F) {
	for _, seed := range []string{"", "c2ln\nbmF0dXJl", "====", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "LS0tLS1CRUdJTg==", "\xff\r\n\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		const mark = "-----BEGIN"
		raw, err := decode(lines)
		if err == nil {
			again, err := decode([]string{base64.StdEncoding.EncodeToString(raw)})
			if err != nil || !bytes.Equal(again, raw) {
				t.Fatalf("%q became %q, %v", raw, again, err)
			}
		}
		got := certificate(lines)
		switch {
		case strings.Contains(text, mark) || err != nil || len(raw) == 0:
			if string(got) != text+"\n" {
				t.Fatalf("%q became %q", text, got)
			}
		case bytes.HasPrefix(raw, []byte(mark)):
			if !bytes.Equal(got, raw) {
				t.Fatalf("PEM in base64, %q, became %q", raw, got)
			}
		default:
			if block, _ := pem.Decode(got); block == nil || !bytes.Equal(block.Bytes, raw) {
				t.Fatalf("%q became %q", raw, got)
			}
		}
	})
}
