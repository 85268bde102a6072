package profile

import (
	"fmt"

	"culvert/config"
	"culvert/internal/digest"
	"culvert/link"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/session/seal"
	"culvert/session/wire"
)

// dataChannel fills in what c says about the data channel.
func dataChannel(c *config.Config, s *session.Config) (err error) {
	if c.Data.Auth != "NONE" {
		if s.Digest, err = digest.Lookup(c.Data.Auth); err != nil {
			return fmt.Errorf("auth: %w", err)
		}
	}
	s.Insecure = c.Data.AllowInsecureNone
	s.Compression, _ = wire.ParseCompression(c.Data.Compression.Directive, c.Data.Compression.Algorithm)
	if c.Data.Compression.Directive == "" {
		s.Compression = wire.CompressionOff
	}
	s.RefuseCompressed = c.Data.RefuseCompressed
	s.Fragment = Fragment(c.Data, true)
	s.MuteReplays = c.Process.MuteReplayWarnings
	return nil
}

// optionFields returns the fields of the options string about framing and digest.
// Servers that do not negotiate ciphers, such as SoftEther, choose theirs by them.
func optionFields(c config.Data) (fields []string) {
	if c.Compression.Directive != "" && c.Compression.Algorithm != "migrate" {
		fields = append(fields, negotiate.FieldCompression)
	}
	if c.Fragment.Bytes > 0 {
		fields = append(fields, negotiate.FieldFragments)
	}
	return append(fields, "auth "+digestOption(c))
}

// digestOption returns the digest of the data channel as an options string names it.
func digestOption(c config.Data) string {
	fallback, err := seal.LookupCipher(c.Fallback)
	if c.Auth == "NONE" || err == nil && fallback.IsAEAD() {
		return "[null-digest]"
	}
	return c.Auth
}

// variables returns what a server is told besides the version and the like: the
// framings that are understood here, the algorithms if `compress` is given, and what
// `setenv` adds.
func variables(c *config.Config) map[string]string {
	told := userVariables(c.Process)
	names := []string{"IV_COMP_STUB", "IV_COMP_STUBv2", "IV_LZO_STUB"}
	switch c.Data.Compression.Algorithm {
	case "stub", "stub-v2", "migrate", "no":
	default:
		if c.Data.Compression.Directive != "" && !c.Data.RefuseCompressed {
			names = []string{"IV_COMP_STUB", "IV_COMP_STUBv2", "IV_LZO", "IV_LZ4", "IV_LZ4v2"}
		}
	}
	for _, name := range names {
		told[name] = "1"
	}
	return told
}

// fitter knows the longest IP packet that fits in a datagram of size bytes. A session
// is one.
type fitter interface{ Fit(size int) int }

// MaxInner returns the largest inner IP packet that TCP should use by `mssfix`, in
// bytes, with the data channel of s; 0 for no limit, and before s has one.
func MaxInner(c *config.Config, outer6 bool, s fitter) int {
	m := c.Data.MSSFix
	if !m.Off && m.Bytes == 0 {
		switch {
		case c.Data.Fragment.Bytes > 0:
			m = c.Data.Fragment
		case c.Adapter.MTU != 1500:
			return c.Adapter.MTU
		default:
			m = config.MSSFix{Bytes: 1492, Outer: true}
		}
	}
	switch {
	case m.Off:
		return 0
	case m.Fixed:
		return m.Bytes
	}
	return s.Fit(payload(m, outer6)) - headerLen(c.Adapter)
}

// Fragment returns the longest datagram by `fragment`, in bytes of payload; 0 for no
// limit.
func Fragment(c config.Data, outer6 bool) int { return payload(c.Fragment, outer6) }

// payload returns a limit in bytes of UDP payload.
func payload(m config.MSSFix, outer6 bool) int {
	if !m.Outer {
		return m.Bytes
	}
	return m.Bytes - link.DatagramOverhead(outer6)
}
