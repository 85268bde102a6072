//go:build interop

package interop

import (
	"testing"
)

// udhcpc leases the address of the adapter, puts it there, and ends.
func (n *netns) udhcpc(t *testing.T) {
	t.Helper()
	script := n.program("udhcpc.script", `case $1 in
deconfig) ip link set dev $interface up ;;
bound) ip addr replace $ip/$mask dev $interface ;;
esac`)
	n.output("busybox", "udhcpc", "-f", "-q", "-n", "-t", "10", "-T", "1", "-i", tunDevice, "-s", script)
}
