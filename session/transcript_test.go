package session

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// openVPN3Info is the peer-info of OpenVPN 3, 3.12 of its Git master.
const openVPN3Info = "IV_VER=3.12_git:master\nIV_PLAT=linux\nIV_NCP=2\nIV_TCPNL=1\nIV_PROTO=8094\nIV_MTU=1600\n" +
	"IV_CIPHERS=AES-128-GCM:AES-192-GCM:AES-256-GCM:CHACHA20-POLY1305\nIV_GUI_VER=cli 1.0\nIV_BS64DL=1\n"

// openVPN3Payload is what it puts into a control packet, in bytes.
const openVPN3Payload = 1170

// TestOpenVPN3 plays the packets of OpenVPN 3's core, as recorded, to a server.
// Of what is sent to it, everything is held against the recording but
// acknowledgements alone.
func TestOpenVPN3(t *testing.T) {
	files, err := filepath.Glob("testdata/openvpn3/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, file := range files {
		for name, armour := range armours {
			if strings.Contains(name, "before 2.6") {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+name, func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				newTranscript(t, armour(t)).play(string(text))
			})
		}
	}
}

// transcript is a recording under way: our server, and a peer that sends what
// the recording says.
type transcript struct {
	t       *testing.T
	start   time.Time
	now     time.Time
	greeter *Greeter
	config  Config
	server  *Session
	sent    [][]byte // by the server, not held against the recording yet

	wrapper       wrap.Wrapper
	local, remote wire.SessionID
	peer          Config
	keys          map[wire.KeyID]*recordedKey
}

// recordedKey is one of the peer's key generations.
type recordedKey struct {
	tls      *tlsMachine
	loggedIn bool
	pending  []byte // ciphertext to send
}

func newTranscript(t *testing.T, tune func(client, server *Config, armour *wrap.Armour)) *transcript {
	client, server := testConfig(t, false), testConfig(t, true)
	var armour wrap.Armour
	tune(&client, &server, &armour)
	// Certificates as long as those of the recording.
	client.TLS, server.TLS = namedTLS(t, "client", 640), namedTLS(t, "server", 320)
	client.TLS.CurvePreferences = []tls.CurveID{tls.X25519} // its ClientHello is short
	server.RenegAfter = 60 * time.Second
	start := time.Unix(1_800_000_000, 0)
	tr := &transcript{
		t: t, start: start, now: start, greeter: NewGreeter(armour, Rate{}), config: server,
		wrapper: client.Wrapper, local: newSessionID(), peer: client, keys: make(map[wire.KeyID]*recordedKey),
	}
	t.Cleanup(func() {
		if tr.server != nil {
			tr.server.Close()
		}
		for _, k := range tr.keys {
			k.tls.Close()
		}
	})
	return tr
}

// play goes through a recording line by line: "#" comments, "at TIME" since the
// start, and packets of the peer (C) and to it (S).
func (tr *transcript) play(text string) {
	line := 0
	defer func() {
		if tr.t.Failed() {
			tr.t.Logf("at line %d", line)
		}
	}()
	for l := range strings.Lines(text) {
		line++
		l = strings.TrimSpace(l)
		who, rest, _ := strings.Cut(l, " ")
		switch who {
		case "", "#":
		case "at":
			d, err := time.ParseDuration(rest)
			if err != nil {
				tr.t.Fatal(err)
			}
			tr.now = tr.start.Add(d)
			tr.turn()
		case "C":
			tr.transmit(tr.parse(rest))
		case "S":
			tr.expect(tr.parse(rest))
		default:
			tr.t.Fatalf("line %d: %q", line, l)
		}
	}
	tr.dropAcks()
	if len(tr.sent) > 0 {
		tr.t.Errorf("%d packets more than recorded", len(tr.sent))
	}
}

// recorded is a packet of a recording: its fields, and in words what it says
// inside TLS, if all of that is in one packet.
type recorded struct {
	wire.Control
	says string
}

func (tr *transcript) parse(line string) (r recorded) {
	words := strings.Fields(line)
	for op := range wire.PControlWKcV1 + 1 {
		if op.String() == words[0] {
			r.Op = op
		}
	}
	for i := 1; i+1 < len(words); i += 2 {
		switch value := words[i+1]; words[i] {
		case "key":
			fmt.Sscan(value, &r.Key)
		case "id":
			fmt.Sscan(value, &r.ID)
		case "acks":
			for a := range strings.SplitSeq(value, ",") {
				var id wire.PacketID
				fmt.Sscan(a, &id)
				r.Acks = append(r.Acks, id)
			}
		case "says":
			r.says = value
		}
	}
	if r.Op == 0 || len(words)%2 == 0 {
		tr.t.Fatalf("not a packet: %q", line)
	}
	return r
}

// transmit sends a packet of the peer's.
func (tr *transcript) transmit(r recorded) {
	tr.t.Helper()
	switch r.Op {
	case wire.PControlHardResetClientV2:
		if wrap.BringsKey(tr.wrapper) {
			r.Op = wire.PControlHardResetClientV3
		}
	case wire.PControlV1:
		if r.Key == 0 && r.ID == 1 && wrap.BringsKey(tr.wrapper) {
			r.Op = wire.PControlWKcV1
		}
		r.Payload = tr.payload(r)
	}
	r.Session, r.Peer = tr.local, tr.remote
	packet := tr.wrapper.Wrap(nil, &r.Control, tr.now)
	if tr.server == nil {
		reply, in, err := tr.greeter.Greet(tr.now, clientAddr, packet)
		if err != nil {
			tr.t.Fatal(err)
		}
		if in == nil {
			tr.sent = append(tr.sent, reply)
			return
		}
		tr.server = Accept(tr.config, in, tr.now)
	}
	if err := tr.server.Input(tr.now, packet); err != nil {
		tr.t.Fatal(err)
	}
	tr.turn()
}

// payload is the next the peer has to say, in full packets.
func (tr *transcript) payload(r recorded) []byte {
	tr.t.Helper()
	k := tr.keys[r.Key]
	if k == nil {
		k = &recordedKey{tls: newTLSMachine(tr.peer.TLS, false)}
		k.tls.Feed(nil)
		tr.keys[r.Key] = k
	}
	if k.tls.established && !k.loggedIn {
		k.loggedIn = true
		message, err := wire.AppendKeyMethod2(nil, &wire.KeyMethod2{Options: tr.peer.Options, PeerInfo: openVPN3Info}, true)
		if err != nil {
			tr.t.Fatal(err)
		}
		k.tls.Write(message)
	}
	if r.says != "" {
		k.tls.Write(append([]byte(r.says), 0))
	}
	for !k.tls.out.empty() {
		k.pending = append(k.pending, k.tls.out.next(1<<16)...)
	}
	if len(k.pending) == 0 {
		tr.t.Fatal("the peer has nothing to say here")
	}
	n := min(len(k.pending), openVPN3Payload)
	payload := k.pending[:n]
	k.pending = k.pending[n:]
	return payload
}

// turn lets the server do what is due, and takes what it sends.
func (tr *transcript) turn() {
	if tr.server == nil {
		return
	}
	tr.server.Advance(tr.now)
	for _, e := range tr.server.Events() {
		switch e := e.(type) {
		case *Hello:
			params := negotiate.ServerParams("AES-256-GCM", 7, e.PeerInfo)
			if err := tr.server.Admit(tr.now, params, []string{"ifconfig 10.8.0.2 255.255.255.0", "topology subnet"}); err != nil {
				tr.t.Fatal(err)
			}
		case Closed:
			tr.t.Errorf("the session ended: %v", e.Err)
		}
	}
	tr.server.Output(tr.now, func(b []byte) { tr.sent = append(tr.sent, bytes.Clone(b)) })
}

// dropAcks passes over what is P_ACK_V1: when to send it is each side's own
// affair.
func (tr *transcript) dropAcks() {
	for len(tr.sent) > 0 && wire.Opcode(tr.sent[0][0]>>3) == wire.PAckV1 {
		tr.unwrap()
	}
}

func (tr *transcript) unwrap() (c wire.Control) {
	tr.t.Helper()
	if err := tr.wrapper.Unwrap(&c, tr.sent[0]); err != nil {
		tr.t.Fatal(err)
	}
	tr.sent = tr.sent[1:]
	return c
}

// expect holds the next packet of the server against the recording.
func (tr *transcript) expect(r recorded) {
	tr.t.Helper()
	tr.dropAcks()
	if len(tr.sent) == 0 {
		tr.t.Fatalf("the server is silent where %v key %d id %d was recorded", r.Op, r.Key, r.ID)
	}
	c := tr.unwrap()
	if c.Op != r.Op || c.Key != r.Key || c.ID != r.ID {
		tr.t.Fatalf("the server sends %v key %d id %d, recorded was %v key %d id %d", c.Op, c.Key, c.ID, r.Op, r.Key, r.ID)
	}
	for _, id := range r.Acks {
		if !slices.Contains(c.Acks, id) {
			tr.t.Fatalf("%v key %d id %d acknowledges %v, recorded was %v", c.Op, c.Key, c.ID, c.Acks, r.Acks)
		}
	}
	tr.remote = c.Session
	if c.Op == wire.PControlV1 {
		tr.take(c, r.says)
	}
}

// take reads what a packet says as OpenVPN 3 does: one message, and no more,
// can be in it.
func (tr *transcript) take(c wire.Control, says string) {
	tr.t.Helper()
	k := tr.keys[c.Key]
	k.tls.Feed(c.Payload)
	if k.tls.err != nil {
		tr.t.Fatal(k.tls.err)
	}
	plain, said := k.tls.plain, ""
	k.tls.plain = nil
	switch _, n, err := wire.ParseKeyMethod2(plain, false); {
	case len(plain) == 0:
	case err == nil && n == len(plain):
		said = "KEYS"
	case bytes.IndexByte(plain, 0) == len(plain)-1:
		said, _, _ = strings.Cut(string(plain[:len(plain)-1]), ",")
	default:
		said = fmt.Sprintf("more than one message: %q", plain)
	}
	if said != says {
		tr.t.Fatalf("key %d id %d says %q, recorded was %q", c.Key, c.ID, said, says)
	}
}
