package buf

// Failures says why a socket or an adapter did not take packets of a batch, in
// order. The zero value means that it took all.
type Failures []Failure

// Failure is one error and how many packets it cost: none if the system reports
// late about a packet that it took before.
type Failure struct {
	Err     error
	Packets int
}

// Add notes an error that cost this many packets.
func (f *Failures) Add(err error, packets int) { *f = append(*f, Failure{err, packets}) }

// Err returns nil if there is no failure, otherwise a *WriteError.
func (f Failures) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &WriteError{f}
}

// WriteError reads as the first failure that cost packets, or as the first if none
// did. It holds all of them.
type WriteError struct{ Failures Failures }

func (e *WriteError) Error() string { return e.Unwrap().Error() }

// Unwrap returns that failure's error.
func (e *WriteError) Unwrap() error {
	for _, f := range e.Failures {
		if f.Packets > 0 {
			return f.Err
		}
	}
	return e.Failures[0].Err
}
