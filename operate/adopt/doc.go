// Package adopt makes a server's directory of one that another program ran: of its
// configuration, its authority as easy-rsa or `openssl ca` keeps it, the files of its
// clients, and the addresses they had. Its clients then connect with what they have.
//
// What is there is only read. The new directory has copies of all that a server and
// the commands for clients need; programs that the configuration names stay where
// they are.
package adopt
