// Package setup makes and maintains a server's directory. Init makes the
// directory with authority, keys and configuration. AddClient issues a client's
// certificate and writes its profile. Revoke shuts a client out, and Clients
// lists the clients. Pair connects two hosts without a server.
//
// Files that exist are never overwritten, with four exceptions, each in one
// step: Renew and Lasting replace the server's certificate or the revocation list, RenewClient a client's profile,
// Revoke the revocation list, and Reconfigure a server.conf that nobody edited,
// with its culvert.json. A call that fails leaves nothing behind.
//
// A server's directory holds:
//
//	ca.crt, ca.key      the authority; keep a copy of ca.key elsewhere. It may have a
//	                    passphrase. ca.crt also holds those above the authority, and
//	                    while its key is changed, the next authority
//	authority.json      instead of ca.key: the command that signs
//	ca-next.crt, ca-next.key, authority-next.json
//	                    the next authority, while the key is changed
//	retired/            what was the authority before (see Rotate)
//	server.crt, .key    the server's certificate
//	tls-crypt-v2.key    wraps the control-channel keys of all clients; an adopted server
//	                    may have tls-crypt.key or tls-auth.key, which all of them share
//	server.conf         the server's configuration, in OpenVPN's language, for
//	                    its operator to edit
//	culvert.json        how clients reach the server: host, port, protocol and the name
//	                    in its certificate. The port may differ from that in
//	                    server.conf, if a router maps one to the other
//	clients/NAME.crt    the certificates of each client, the newest first; the
//	                    key is only in the client's profile. What no file name can
//	                    have is written as %XX
//	crl.pem             the revocation list: the clients that are shut out
//	web.crt, web.key    the certificate of web pages (web-listen), if it is of the
//	                    server's own authority
//	announced.json      which clients' ends were announced, kept by the running server
//	ready/NAME.ovpn     the next profile of a client whose certificate ends soon, until it is
//	                    handed over: its key, too
//	client-template.txt the first lines of new profiles, if they are not the usual
//	                    ones; a directory that was adopted has it
//	ipp.txt             which client had which address, kept by the running server
package setup

// The files of a server's directory.
const (
	caCertFile     = "ca.crt"
	caKeyFile      = "ca.key"
	serverCertFile = "server.crt"
	serverKeyFile  = "server.key"
	webCertFile    = "web.crt"
	webKeyFile     = "web.key"
	wrapKeyFile    = "tls-crypt-v2.key"
	serverConfFile = "server.conf"
	reachFile      = "culvert.json"
	clientsDir     = "clients"
	listFile       = "crl.pem"
	headFile       = "client-template.txt"
	sourceFile     = "authority.json"
	nextCertFile   = "ca-next.crt"
	nextKeyFile    = "ca-next.key"
	nextSourceFile = "authority-next.json"
	retiredDir     = "retired"
	readyDir       = "ready"
)

// Permissions: only its owner may read a file with a private key.
const (
	privateFile = 0o600
	publicFile  = 0o644
	privateDir  = 0o700
)
