package buf

// Failures are why a socket or an adapter did not take packets of a batch, in
// order. The zero value is none.
type Failures []Failure

// Failure is one error and how many packets it cost: none where the system
// reports late on a packet that it took before.
type Failure struct {
	Err     error
	Packets int
}

// Add notes an error that cost so many packets.
func (f *Failures) Add(err error, packets int) { *f = append(*f, Failure{err, packets}) }

// Err is nil for no failure, else a *WriteError.
func (f Failures) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &WriteError{f}
}

// WriteError is the first of the failures that cost packets, or the first if
// none did, and has the others.
type WriteError struct{ Failures Failures }

func (e *WriteError) Error() string { return e.Unwrap().Error() }

// Unwrap gives that first error.
func (e *WriteError) Unwrap() error {
	for _, f := range e.Failures {
		if f.Packets > 0 {
			return f.Err
		}
	}
	return e.Failures[0].Err
}
