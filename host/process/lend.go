package process

// Lend is what another process, which has the rights that this one gave up, does
// for it. A nil function means that there is no such process. Set it before there
// is a second goroutine.
var Lend struct {
	// Read reads a file that the configuration names.
	Read func(name string) ([]byte, error)
}
