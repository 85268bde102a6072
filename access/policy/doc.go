// Package policy says who may reach what: by one readable file, compiled to tables in
// which a packet is looked up without a lock, and a table of connections for each client,
// so that answers pass where only one side may open a connection.
//
// Parse reads a file, New makes a Guard that goes by it, Guard.Judge judges a packet, and
// Policy.Ask answers a question about the file. docs/policy.md describes the language.
package policy
