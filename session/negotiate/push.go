package negotiate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"culvert/session/wire"
)

// maxMessage is the length of a control message without its NUL that every
// peer can take.
const maxMessage = 1000

// maxPushed bounds what a client gathers from a server, in bytes.
const maxPushed = 64 << 10

// The messages that carry options.
const (
	pushReply  = "PUSH_REPLY"
	pushUpdate = "PUSH_UPDATE"
)

// continuation tells the parts of a long reply apart: more follows, or last.
const (
	moreFollows = "push-continuation 2"
	lastPart    = "push-continuation 1"
)

// ErrPush is wrapped by what is wrong with a pushed list.
var ErrPush = errors.New("bad push reply")

var errTooManyPushed = fmt.Errorf("%w: more than %d bytes of options", ErrPush, maxPushed)

// PushReply turns options into one message or several. It fails when a single
// option is too long for a message or holds a comma.
func PushReply(options []string) ([]string, error) { return messages(pushReply, options) }

// PushUpdate does the same for PUSH_UPDATE. It fails, too, when the list is
// larger than a client gathers.
func PushUpdate(options []string) ([]string, error) {
	size := 0
	for _, option := range options {
		size += len(option) + 1
	}
	if size > maxPushed {
		return nil, errTooManyPushed
	}
	return messages(pushUpdate, options)
}

func messages(verb string, options []string) ([]string, error) {
	const full = maxMessage - len(",") - len(moreFollows)
	room := full - len(verb) - len(",")
	var parts []string
	part := verb
	for _, option := range options {
		if strings.ContainsRune(option, ',') || len(option) > room {
			return nil, fmt.Errorf("%w: option %.40q is longer than %d bytes or has a comma in it", ErrPush, option, room)
		}
		if len(part)+len(",")+len(option) > full {
			parts = append(parts, part)
			part = verb
		}
		part += "," + option
	}
	parts = append(parts, part)
	if len(parts) == 1 {
		return parts, nil
	}
	for i := range parts {
		mark := moreFollows
		if i == len(parts)-1 {
			mark = lastPart
		}
		parts[i] += "," + mark
	}
	return parts, nil
}

// PushReader gathers the parts of a push reply. The zero value is ready.
type PushReader struct {
	options []string
	size    int
}

// Add takes the text after PUSH_REPLY, and reports whether the list is
// complete. It fails with ErrPush when the list is larger than 64 KiB.
func (r *PushReader) Add(text string) (complete bool, err error) {
	complete = true
	for option := range strings.SplitSeq(strings.TrimPrefix(text, ","), ",") {
		switch option = strings.TrimSpace(option); option {
		case "", lastPart:
		case moreFollows:
			complete = false
		default:
			r.options = append(r.options, option)
			r.size += len(option) + 1
		}
	}
	if r.size > maxPushed {
		return false, errTooManyPushed
	}
	return complete, nil
}

// Options is what was gathered.
func (r *PushReader) Options() []string { return r.options }

// Params are the properties of a data channel that a server decides and a
// client is told.
type Params struct {
	Cipher string
	PeerID wire.PeerID // for P_DATA_V2
	DataV2 bool
	TLSEKM bool // keys from the TLS exporter, else by the OpenVPN PRF
	CCExit bool // EXIT on the control channel
	Epoch  bool // epoch keys; with DataV2, TLSEKM and an AEAD cipher only

	// Compression is the framing of packets. Unless CompressionSet, nobody
	// has decided, and each side goes by the other's options string.
	Compression    wire.Compression
	CompressionSet bool
	Fragments      bool // the header of `fragment`
}

// ServerParams decides them for a client by its peer-info.
func ServerParams(cipher string, id wire.PeerID, client PeerInfo) Params {
	return Params{
		Cipher: cipher,
		PeerID: id,
		DataV2: client.Has(ProtoDataV2),
		TLSEKM: client.Has(ProtoTLSEKM),
		CCExit: client.Has(ProtoCCExit),
		Epoch:  client.Has(ProtoDataV2|ProtoTLSEKM|ProtoCCExit|ProtoEpoch) && isAEAD(cipher),
	}
}

// PushOptions tells a client what ServerParams decided.
func (p Params) PushOptions(client PeerInfo) []string {
	var options []string
	if p.DataV2 {
		options = append(options, fmt.Sprintf("peer-id %d", p.PeerID))
	}
	if client.Ciphers() != nil {
		options = append(options, "cipher "+wireNames([]string{p.Cipher}))
	}
	if p.CompressionSet && p.Compression != wire.CompressionOff {
		options = append(options, pushedCompression(p.Compression))
	}
	return append(options, p.flags()...)
}

func (p Params) flags() []string {
	if p.TLSEKM && !p.CCExit {
		return []string{"key-derivation " + flagTLSEKM}
	}
	flags := "protocol-flags"
	for _, f := range []struct {
		on   bool
		name string
	}{{p.CCExit, flagCCExit}, {p.TLSEKM, flagTLSEKM}, {p.Epoch, flagEpoch}} {
		if f.on {
			flags += " " + f.name
		}
	}
	if flags == "protocol-flags" {
		return nil
	}
	return []string{flags}
}

// ParseParams picks the properties of the data channel out of pushed options.
// Cipher is "" where the server pushed none. As with stock OpenVPN, what cannot
// be made sense of changes nothing, and is returned in words.
func ParseParams(options []string) (p Params, ignored []string) {
	p.PeerID = wire.PeerIDUnset
	for _, option := range options {
		words := strings.Fields(option)
		if len(words) == 1 && isCompression(words[0]) {
			words = append(words, "")
		}
		if len(words) < 2 {
			continue
		}
		if err := p.parse(words[0], words[1:]); err != nil {
			ignored = append(ignored, fmt.Sprintf("%.80q: %v", option, err))
		}
	}
	return p, ignored
}

// flags that protocol-flags may name here.
const (
	flagCCExit = "cc-exit"
	flagTLSEKM = "tls-ekm"
	flagEpoch  = "aead-epoch"
)

func (p *Params) parse(name string, args []string) (err error) {
	switch name {
	case "cipher":
		p.Cipher = strings.ToUpper(args[0])
	case "peer-id":
		id, wrong := strconv.ParseUint(args[0], 10, 24)
		if wrong != nil {
			return errors.New("expected a number below 16777216")
		}
		p.PeerID, p.DataV2 = wire.PeerID(id), true
	case "key-derivation":
		p.TLSEKM = p.TLSEKM || slices.Contains(args, flagTLSEKM)
		err = knownFlags(args, flagTLSEKM)
	case "protocol-flags":
		p.TLSEKM = p.TLSEKM || slices.Contains(args, flagTLSEKM)
		p.CCExit = slices.Contains(args, flagCCExit)
		p.Epoch = slices.Contains(args, flagEpoch)
		err = knownFlags(args, flagTLSEKM, flagCCExit, flagEpoch)
	case "compress", "comp-lzo":
		c, known := wire.ParseCompression(name, args[0])
		if !known {
			return errors.New("no such compression")
		}
		p.Compression, p.CompressionSet = c, true
	}
	return err
}

// knownFlags names what was not announced: a session that depends on it breaks
// later, in a way nobody could read.
func knownFlags(args []string, known ...string) error {
	for _, arg := range args {
		if !slices.Contains(known, arg) {
			return fmt.Errorf("the server asks for %q, which this client did not announce", arg)
		}
	}
	return nil
}
