package config

// Trust is our keys and certificates, and what the other end must show.
type Trust struct {
	CA                    *File
	Cert                  *File
	Key                   *File
	ExtraCerts            *File
	PKCS12                *File
	CAPath                string
	AskPass               *File // of the private key; Name "" and no text: ask
	CRLVerify             *File
	CRLVerifyDir          string
	TLSAuth               *File
	TLSCrypt              *File
	TLSCryptV2            *File
	TLSCryptV2ForceCookie bool     // server: no clients from before 2.6
	TLSCryptV2Verify      []string // program and arguments
	TLSCryptV2MaxAge      int      // days; 0: any
	KeyDirection          *int     // 0 or 1; nil: bidirectional
	ReplayPersist         string   // file name, "" for none
	// PeerFingerprints are the certificates to accept, by SHA-256 in lower
	// case hexadecimal without colons; nil: by authority alone.
	PeerFingerprints  []string
	Secret            *File  // of two hosts that share a static key
	TLSVersionMin     string // "1.2"; "" for our default
	TLSVersionMax     string // "1.2"; "" for our default
	TLSCipher         []string
	TLSGroups         []string
	ECDHCurve         string // a group where TLSGroups names none
	TLSCertProfile    string // legacy
	RemoteCertTLS     CertUsage
	RemoteCertKU      []uint16 // nil: not demanded; empty: any will do
	RemoteCertEKU     string   // number or OpenSSL's name
	NsCertType        CertUsage
	VerifyX509Name    *X509Name
	VerifyClientCert  ClientCert
	X509UsernameField []string // none: the common name
	TLSVerify         []string // program and arguments
	ExportCert        string   // directory for certificates that TLSVerify looks at; "": they are not written
	ForceKeyExport    bool     // server: only clients that derive keys by RFC 5705
	X509Track         []string // x509-track, as given; empty: all attributes of subjects
}

// CertUsage is what `remote-cert-tls` demands of the peer's certificate.
type CertUsage int

// The usages.
const (
	AnyUsage CertUsage = iota
	ServerUsage
	ClientUsage
)

// ClientCert is `verify-client-cert`.
type ClientCert int

// The demands.
const (
	ClientCertRequire ClientCert = iota
	ClientCertOptional
	ClientCertNone
)

// X509Name is `verify-x509-name`.
type X509Name struct {
	Name string
	Type string // "subject", "name", "name-prefix"
}
