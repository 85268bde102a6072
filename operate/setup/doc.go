// Package setup is the first minutes of a VPN: Init makes a server's directory
// with its authority, keys and configuration, and AddClient issues a client and
// writes its profile. Revoke shuts a client out, and Clients lists them. Nothing
// that exists is ever overwritten, but by Renew the server's certificate, by
// RenewClient a client's profile and by Revoke the revocation list, each in one
// step; and a call that fails leaves nothing behind.
//
// A server's directory holds:
//
//	ca.crt, ca.key      the authority; ca.key signs, so keep a copy elsewhere
//	server.crt, .key    the server's certificate
//	tls-crypt-v2.key    wraps the control-channel keys of all clients
//	server.conf         the server, in OpenVPN's language; yours to edit
//	culvert.json        how clients reach the server: host, port and the name
//	                    in its certificate. It stands apart from server.conf
//	                    because a router may map another outer port to it
//	clients/NAME.crt    the certificates of each client, the newest first; its
//	                    key is only in its profile
//	crl.pem             the revocation list: who was shut out
//	ipp.txt             who had which address, kept by the running server
package setup

// The files of a server's directory.
const (
	caCertFile     = "ca.crt"
	caKeyFile      = "ca.key"
	serverCertFile = "server.crt"
	serverKeyFile  = "server.key"
	wrapKeyFile    = "tls-crypt-v2.key"
	serverConfFile = "server.conf"
	reachFile      = "culvert.json"
	clientsDir     = "clients"
	listFile       = "crl.pem"
)

// Permissions: what holds a private key is its owner's alone.
const (
	privateFile = 0o600
	publicFile  = 0o644
	privateDir  = 0o700
)
