// Package pam checks logins by PAM, as OpenVPN's plugin openvpn-plugin-auth-pam.so does:
// with a service, and a list of what answers the questions of its modules. libpam is C,
// and its modules may crash or hang, so a program of ours asks it: culvert-auth-pam, run
// once for each login. It gets what the client sent by its standard input, never on its
// command line.
package pam
