// Command culvert-auth-pam asks PAM about one login, and ends. Culvert runs it for each login of
// a server with `plugin openvpn-plugin-auth-pam.so SERVICE`: what it is to ask comes by
// its standard input, and what PAM says goes to descriptor 3. It is a program of its own
// since libpam and its modules are C, and may crash or hang.
//
// Where tasks are too few for a process of Culvert's that keeps root's rights, it runs as one
// that stays, and begins another for each login: see stay.c.
//
// It is built by `make pam`, with the tag pam, where libpam's headers are.
package main
