//go:build !linux

package remote

// maxPath is how long the path of a socket may be on most systems, in bytes.
const maxPath = 103

// address is by what name a socket is reached: its path.
func address(path string) (addr string, done func(), err error) {
	if len(path) > maxPath {
		return "", nil, tooLong(path)
	}
	return path, func() {}, nil
}
