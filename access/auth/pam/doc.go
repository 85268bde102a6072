// Package pam checks logins by PAM, as OpenVPN's plugin openvpn-plugin-auth-pam.so does:
// with a service, and a list of what answers the questions of its modules. libpam is C,
// and its modules may crash or hang, so a program of ours asks it: culvert-auth-pam, run
// once for each login (Service), or started once where nothing could start it later with
// the rights that it needs (Resident). It gets what the client sent by a pipe, never on
// its command line.
package pam
