//go:build !pkcs11 || !cgo

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "this culvert-pkcs11 was built without PKCS #11: build it with `make pkcs11`, where a C compiler is (gcc, libc6-dev)")
	os.Exit(1)
}
