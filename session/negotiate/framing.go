package negotiate

import (
	"strings"

	"culvert/session/wire"
)

// isAEAD reports whether a cipher authenticates by itself.
func isAEAD(cipher string) bool {
	return strings.HasSuffix(cipher, "-GCM") || cipher == "CHACHA20-POLY1305"
}

// wireNames is a list of ciphers as peers spell them: only "none" is in lower
// case.
func wireNames(ciphers []string) string {
	names := make([]string, len(ciphers))
	for i, c := range ciphers {
		if names[i] = c; c == "NONE" {
			names[i] = "none"
		}
	}
	return strings.Join(names, ":")
}

func isCompression(directive string) bool { return directive == "compress" || directive == "comp-lzo" }

// IsCompression reports whether an option to push is about compression, which
// ServerCompression decides.
func IsCompression(option string) bool {
	words := strings.Fields(option)
	return len(words) > 0 && isCompression(words[0])
}

// hasOptions reports whether a peer sent an options string at all.
func hasOptions(options string) bool { return strings.HasPrefix(options, "V4") }

// HasFragments reports whether an options string speaks of `fragment`.
func HasFragments(options string) bool { return hasField(options, FieldFragments) }

func hasField(options, name string) bool {
	for field := range strings.SplitSeq(options, ",") {
		if field == name {
			return true
		}
	}
	return false
}

// ServerCompression decides the framing for a client, as a server with
// `compress migrate` does: none for a client that has none, and for others the
// one that costs least, which is pushed. configured is for clients that do not
// say.
func ServerCompression(configured wire.Compression, client PeerInfo, options string) wire.Compression {
	switch {
	case !hasOptions(options):
		return configured
	case !HasCompression(options):
		return wire.CompressionOff
	case client["IV_COMP_STUBv2"] == "1":
		return wire.CompressionV2
	}
	return wire.CompressionLZO
}

// CompressionRemark is what a server should know of a client that has compression framing
// in its configuration, where its own has none: "" for nothing. chosen is what
// ServerCompression chose.
func CompressionRemark(configured, chosen wire.Compression, options string) string {
	if !hasOptions(options) || configured != wire.CompressionOff || chosen == wire.CompressionOff {
		return ""
	}
	return "the client uses compression framing (comp-lzo or compress), this server's configuration does not: the client is told to use `" + pushedCompression(chosen) + "`, and its packets are understood; remove the line there"
}

// pushedCompression is the option that makes a client use a framing.
func pushedCompression(c wire.Compression) string {
	switch c {
	case wire.CompressionLZO:
		return "comp-lzo no"
	case wire.CompressionStub:
		return "compress stub"
	}
	return "compress stub-v2"
}

// AgreeCompression is the framing to use when nobody decides: the configured
// one, unless the peer's options string contradicts it. remark says what was
// done about a contradiction, "" if there was none.
func AgreeCompression(configured wire.Compression, options string) (c wire.Compression, remark string) {
	switch theirs := HasCompression(options); {
	case !hasOptions(options) || theirs == (configured != wire.CompressionOff):
		return configured, ""
	case theirs:
		return wire.CompressionLZO, "the peer uses compression framing (comp-lzo or compress), which this side's configuration does not have: " +
			"packets are framed as with `comp-lzo no`; remove the line there, or add the same here"
	}
	return wire.CompressionOff, "the peer does not use compression framing, so " + configured.String() + " is left out; remove the line here"
}

// AgreeFragments reports whether to use the header of `fragment`: when the peer
// does, or when it does not say and the header is configured here.
func AgreeFragments(configured bool, options string) (use bool, remark string) {
	switch theirs := HasFragments(options); {
	case !hasOptions(options) || theirs == configured:
		return configured, ""
	case theirs:
		return true, "the peer uses `fragment`, which this side's configuration does not have: packets get its header, but are not cut here"
	}
	return false, "the peer does not use `fragment`, so no packet is cut; give it on both sides"
}

// FramedAs is a server's options string with the framing of the client's. The
// server adopts that framing, and a client that would adopt the server's finds
// nothing to change. A client that sent no options gets the server's own.
func FramedAs(client, server string) string {
	if !hasOptions(client) {
		return server
	}
	var fields []string
	for field := range strings.SplitSeq(server, ",") {
		if field == FieldCompression || field == FieldFragments {
			continue
		}
		fields = append(fields, field)
		if !strings.HasPrefix(field, "proto ") {
			continue
		}
		if HasCompression(client) {
			fields = append(fields, FieldCompression)
		}
		if HasFragments(client) {
			fields = append(fields, FieldFragments)
		}
	}
	return strings.Join(fields, ",")
}

// Describe is the data channel in a line for the log.
func (p Params) Describe() string {
	text := "cipher " + p.Cipher
	if p.Epoch {
		text += ", epoch keys"
	}
	if p.Compression != wire.CompressionOff {
		text += ", " + p.Compression.String()
	}
	if p.Fragments {
		text += ", fragment"
	}
	return text
}
