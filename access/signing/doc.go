// Package signing has an authority sign by a program: one that asks a token (PKCS #11),
// a hardware security module, or an authority on another machine. The program reads a
// Request from its standard input, writes an Answer to its standard output, and ends
// with status 0. With another status, what it wrote to its standard error says why.
//
// No answer is trusted: a signature has to be the authority's, over what was asked for.
package signing
