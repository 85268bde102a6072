// Package pki is a certificate authority for a VPN and the checks its peers
// make: it issues server and client certificates, reads PEM leniently, verifies
// a peer's chain, and says in words what is wrong with a certificate and how to
// mend it.
//
// It opens no files and reads no clock: callers hand in bytes and the time.
package pki
