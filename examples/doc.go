// Package examples holds small programs that embed one end of a tunnel. Its test
// builds them and has one fetch a page from the other.
package examples
