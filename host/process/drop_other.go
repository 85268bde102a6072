//go:build !linux

package process

// CanEnter is nil.
func CanEnter() error { return nil }

// Enter gives up what j says. Capabilities are not kept on this system.
func (j Jail) Enter() error {
	if err := enterRoot(j.Chroot); err != nil {
		return err
	}
	return setIDs(j.Identity)
}
