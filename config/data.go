package config

import "time"

// Data is the data channel: ciphers, framing and sizes, and the replay window.
type Data struct {
	Auth              string   // HMAC digest, SHA1
	Cipher            string   // as given, "" if not
	Ciphers           []string // resolved order of preference
	Fallback          string
	AllowInsecureNone bool // Auth and ciphers may be NONE
	AllowStaticCrypto bool
	Compression       Compression // framing; packets are never compressed
	RefuseCompressed  bool        // allow-compression no
	MSSFix            MSSFix
	Fragment          MSSFix // `fragment`: Bytes 0 for none; Outer as there, never Fixed
	MTUTest           bool
	ReplayWindow      int           // packets, at least 1; 8,192
	ReplayTime        time.Duration // 15 s
}

// MSSFix is `mssfix`: 0 bytes with Off false means the default (1492, mtu).
type MSSFix struct {
	Off   bool
	Bytes int
	Outer bool // `mtu`: bytes of the outer IP packet; else of the UDP payload
	Fixed bool // `fixed`: bytes of the inner IP packet
}

// Compression is `comp-lzo` or `compress` as given; Directive "" for neither.
type Compression struct{ Directive, Algorithm string }
