//go:build !pam || !cgo

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "this culvert-auth-pam was built without libpam: build it with `make pam`, where a C compiler and libpam's headers are (libpam0g-dev, pam-devel)")
	os.Exit(1)
}
