package negotiate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"culvert/session/wire"
)

const plainOptions = "V4,dev-type tun,tun-mtu 1500,proto UDPv4,key-method 2,tls-client"

func TestServerCompression(t *testing.T) {
	modern, old := PeerInfo{"IV_COMP_STUBv2": "1", "IV_COMP_STUB": "1"}, PeerInfo{"IV_LZO": "1"}
	framed := OptionsString(false, "tun", 1500, "UDPv4", "", FieldCompression)
	for _, c := range []struct {
		configured wire.Compression
		client     PeerInfo
		options    string
		want       wire.Compression
		push       string
	}{
		{wire.CompressionOff, modern, plainOptions, wire.CompressionOff, ""},
		{wire.CompressionLZO, modern, plainOptions, wire.CompressionOff, ""},
		{wire.CompressionOff, modern, framed, wire.CompressionV2, "compress stub-v2"},
		{wire.CompressionOff, old, framed, wire.CompressionLZO, "comp-lzo no"},
		{wire.CompressionStub, old, "", wire.CompressionStub, "compress stub"},
		{wire.CompressionOff, PeerInfo{}, plainOptions + ",compress", wire.CompressionOff, ""},
		{wire.CompressionStub, PeerInfo{}, plainOptions + ",compress", wire.CompressionOff, ""},
		{wire.CompressionOff, PeerInfo{}, plainOptions + ",compress stub", wire.CompressionLZO, "comp-lzo no"},
	} {
		got := ServerCompression(c.configured, c.client, c.options)
		if got != c.want {
			t.Errorf("%v, %v, %q: %v, want %v", c.configured, c.client, c.options, got, c.want)
		}
		options := Params{Compression: got, CompressionSet: true}.PushOptions(c.client)
		if pushed := slices.ContainsFunc(options, IsCompression); pushed != (c.push != "") || pushed && !slices.Contains(options, c.push) {
			t.Errorf("%v: pushed %q", got, options)
		}
	}
}

func TestAgreement(t *testing.T) {
	framed := OptionsString(true, "tun", 1500, "UDPv4", "", FieldCompression, FieldFragments)
	for _, c := range []struct {
		ours    wire.Compression
		options string
		want    wire.Compression
		remark  string
	}{
		{wire.CompressionOff, plainOptions, wire.CompressionOff, ""},
		{wire.CompressionStub, framed, wire.CompressionStub, ""},
		{wire.CompressionOff, framed, wire.CompressionLZO, "the peer uses compression framing"},
		{wire.CompressionV2, plainOptions, wire.CompressionOff, "the peer does not use compression framing"},
		{wire.CompressionV2, "", wire.CompressionV2, ""},
	} {
		got, remark := AgreeCompression(c.ours, c.options)
		if got != c.want || !strings.HasPrefix(remark, c.remark) || (remark == "") != (c.remark == "") {
			t.Errorf("%v, %q: %v, %q", c.ours, c.options, got, remark)
		}
	}
	for _, c := range []struct {
		ours    bool
		options string
		want    bool
		remark  string
	}{
		{false, plainOptions, false, ""}, {true, framed, true, ""}, {true, "", true, ""},
		{false, framed, true, "which this side's configuration does not have"}, {true, plainOptions, false, "no packet is cut"},
	} {
		got, remark := AgreeFragments(c.ours, c.options)
		if got != c.want || !strings.Contains(remark, c.remark) || (remark == "") != (c.remark == "") {
			t.Errorf("fragment %v, %q: %v, %q", c.ours, c.options, got, remark)
		}
	}
}

// TestFramedAs: of two ends of ours that differ, one gives way.
func TestFramedAs(t *testing.T) {
	of := func(server bool, fields ...string) string {
		return OptionsString(server, "tun", 1500, "UDPv4", "", fields...)
	}
	kinds := [][]string{{"auth SHA1"}, {FieldCompression, "auth SHA1"}, {FieldFragments, "auth SHA1"}, {FieldCompression, FieldFragments, "auth SHA1"}}
	for _, client := range kinds {
		for _, server := range kinds {
			if got := FramedAs(of(false, client...), of(true, server...)); got != of(true, client...) {
				t.Errorf("client %v, server %v: %s", client, server, got)
			}
		}
	}
	if got := FramedAs("", of(true, FieldCompression)); got != of(true, FieldCompression) {
		t.Errorf("to a client that tells nothing: %s", got)
	}
	if got := FramedAs(plainOptions+",compress stub", of(true)); !HasCompression(got) {
		t.Errorf("to one that frames by another name: %s", got)
	}
}

func TestPushedFraming(t *testing.T) {
	for option, want := range map[string]wire.Compression{
		"compress": wire.CompressionStub, "compress stub-v2": wire.CompressionV2, "compress lzo": wire.CompressionLZO,
		"comp-lzo": wire.CompressionLZO, "comp-lzo no": wire.CompressionLZO, "compress lz4-v2": wire.CompressionV2,
	} {
		p, ignored := ParseParams([]string{option})
		if ignored != nil || !p.CompressionSet || p.Compression != want {
			t.Errorf("%s: %+v, %v", option, p, ignored)
		}
	}
}

// Epoch keys need all that carries them, and an AEAD cipher.
func TestEpochIsNegotiated(t *testing.T) {
	all := ProtoDataV2 | ProtoTLSEKM | ProtoCCExit | ProtoEpoch
	for _, c := range []struct {
		proto  Proto
		cipher string
		want   bool
	}{
		{all, "AES-256-GCM", true}, {all, "CHACHA20-POLY1305", true}, {all, "AES-256-CBC", false},
		{all &^ ProtoEpoch, "AES-256-GCM", false}, {all &^ ProtoTLSEKM, "AES-256-GCM", false}, {all &^ ProtoDataV2, "AES-256-GCM", false},
	} {
		info := PeerInfo{"IV_PROTO": fmt.Sprint(uint64(c.proto)), "IV_CIPHERS": c.cipher}
		p := ServerParams(c.cipher, 3, info)
		read, ignored := ParseParams(p.PushOptions(info))
		if p.Epoch != c.want || ignored != nil || read.Epoch != c.want || read.TLSEKM != p.TLSEKM || read.CCExit != p.CCExit {
			t.Errorf("IV_PROTO %b, %s: %+v, read as %+v, %v", c.proto, c.cipher, p, read, ignored)
		}
		if said := strings.Contains(p.Describe(), "epoch keys"); said != c.want {
			t.Errorf("described as %q", p.Describe())
		}
	}
	if !(PeerInfo{"IV_PROTO": fmt.Sprint(uint64(localProto))}).Has(ProtoEpoch) {
		t.Error("our client does not announce it")
	}
}

func TestNoneIsSpelledAsPeersDo(t *testing.T) {
	info := LocalPeerInfo("v", "linux", []string{"AES-256-GCM", "NONE"}, 1500, nil)
	if info["IV_CIPHERS"] != "AES-256-GCM:none" {
		t.Errorf("announced %s", info["IV_CIPHERS"])
	}
	if options := (Params{Cipher: "NONE"}).PushOptions(info); !slices.Contains(options, "cipher none") {
		t.Errorf("pushed %q", options)
	}
}
