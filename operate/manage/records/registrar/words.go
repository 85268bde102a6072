package registrar

import (
	"net/netip"
	"time"
)

// NewDevice is the device that is to be added.
type NewDevice struct {
	User    string    `json:"user"`
	Name    string    `json:"name"`
	Expires time.Time `json:"expires,omitzero"`
	IPv4    string    `json:"ipv4,omitempty"` // an address, auto or none
	IPv6    string    `json:"ipv6,omitempty"`
}

// Renew is the client or device that is to get its next profile.
type Renew struct {
	Name      string `json:"name"` // common name
	RevokeOld bool   `json:"revoke_old,omitempty"`
}

// named is what an order is about.
type named struct {
	User string `json:"user,omitempty"`
	Name string `json:"name,omitempty"`
}

// Made is a profile that was made.
type Made struct {
	CommonName string      `json:"common_name"`
	Profile    string      `json:"profile"`
	Expires    time.Time   `json:"expires"` // when its certificate ends
	IPv4       netip.Addr  `json:"ipv4,omitzero"`
	IPv6       netip.Addr  `json:"ipv6,omitzero"`
	Revoked    *Revocation `json:"revoked,omitempty"` // of those before
}

// Revocation is what was revoked.
type Revocation struct {
	What    string   `json:"what" doc:"what the name meant"`
	Already bool     `json:"already" doc:"it was revoked before"`
	Serials []string `json:"serials" nullable:"false" doc:"serial numbers of the certificates, in hex"`
	// Problem says why the server does not go by the list yet.
	Problem string `json:"problem,omitempty" doc:"why the running server does not go by the revocation list yet, and what mends it"`
}

// CertificatesQuery says which certificates of clients are wanted; what else ends is always
// answered.
type CertificatesQuery struct {
	After string   `json:"after,omitempty"` // the last name before
	Limit int      `json:"limit,omitempty"` // 0: MaxCertificates
	Names []string `json:"names,omitempty"` // those alone
	State string   `json:"state,omitempty"` // of this state alone
}

// MaxCertificates is the most certificates of clients in one answer.
const MaxCertificates = 500

// Certificate is something that ends.
type Certificate struct {
	Kind  string    `json:"kind" enum:"authority,next-authority,server,web,list,client,device" doc:"list: the revocation list; web: that of the server's web pages"`
	Name  string    `json:"name" doc:"the common name, or what it is"`
	From  time.Time `json:"from,omitzero" doc:"when it begins; absent: not known"`
	Until time.Time `json:"until" doc:"when it ends"`
	State string    `json:"state" enum:"valid,expiring,expired,revoked,untrusted" doc:"expiring: within 30 days; untrusted: of an authority before the present one"`
	// Serials are those of a client's certificates, the newest first.
	Serials []string `json:"serials,omitempty" doc:"serial numbers of a client's certificates in hex, the newest first"`
	Ready   bool     `json:"ready,omitempty" doc:"the next profile waits to be handed over"`
	Mend    string   `json:"mend,omitempty" doc:"the command that renews it, if it ends soon or has ended"`
}

// Certificates is what ends of a server.
type Certificates struct {
	At      time.Time     `json:"at" doc:"when they were looked at"`
	Server  []Certificate `json:"server" nullable:"false" doc:"authorities, and what they signed for the server itself"`
	Clients []Certificate `json:"clients" nullable:"false" doc:"the newest of each client and device, by name"`
	Total   int           `json:"total" doc:"how many clients and devices there are"`
	Next    string        `json:"next,omitempty" doc:"there are more clients: ask with this as after"`
	Problem string        `json:"problem,omitempty" doc:"why the server does not go by the revocation list"`
}

// AuditQuery says which lines of the audit log are wanted.
type AuditQuery struct {
	After string    `json:"after,omitempty"` // Next of the answer before
	Limit int       `json:"limit,omitempty"`
	What  string    `json:"what,omitempty"` // of this kind alone
	Name  string    `json:"name,omitempty"` // about this user or client, or by this one
	Since time.Time `json:"since,omitzero"` // none before
}

// Health is what the doctor found.
type Health struct {
	At      time.Time `json:"at" doc:"when it was looked at"`
	Outcome string    `json:"outcome" enum:"well,unwell,unknown" doc:"unwell: a check found a problem or a warning; unknown: one could not look"`
	Checks  []Check   `json:"checks" nullable:"false" doc:"what was looked at"`
}

// Check is one thing that the doctor looked at.
type Check struct {
	Name     string    `json:"name" doc:"which check"`
	About    string    `json:"about" doc:"what it looks at"`
	Outcome  string    `json:"outcome" enum:"well,unwell,skipped,unknown" doc:"how it ended"`
	Seen     []string  `json:"seen,omitempty" doc:"what it saw that is well"`
	Why      string    `json:"why,omitempty" doc:"why it was skipped, or could not look"`
	Findings []Finding `json:"findings,omitempty" doc:"what it found"`
}

// Finding is what a check found.
type Finding struct {
	Severity string `json:"severity" enum:"problem,warning,note" doc:"how much it matters"`
	Text     string `json:"text" doc:"what is wrong, and what comes of it"`
	Evidence string `json:"evidence,omitempty" doc:"what was seen"`
	Mend     string `json:"mend,omitempty" doc:"what mends it"`
}
