// Package radius checks logins by RADIUS (RFC 2865) with PAP: the user name and the password
// go to the first of several servers that answers. Further questions of a server
// (Access-Challenge) go to the user. Every request has a Message-Authenticator (RFC 2869,
// 5.14), and an answer without one that is right counts for nothing: an attacker on the way can
// turn a refusal without it into a permission (Blast-RADIUS).
package radius
