//go:build !unix

package link

const canTry = false

func tryWrite(uintptr, []byte) (int, error) { return 0, nil }

func reuseAddress(uintptr) {}
