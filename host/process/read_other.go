//go:build !unix

package process

// NonBlocking is nothing here: there are no named pipes among files.
const NonBlocking = 0
