// Command culvert-pkcs11 signs for an authority by a key on a token: a smart card or a
// hardware security module that speaks PKCS #11. It is a sign command (see package
// access/signing): what is to be signed comes by its standard input, the signature goes
// to its standard output. It is a program of its own since the modules of tokens are C,
// and may crash or hang.
//
//	culvert-pkcs11 --module FILE --token LABEL --key LABEL [--pin-file FILE]
//
// It is built by `make pkcs11`, with the tag pkcs11, where a C compiler is.
package main
