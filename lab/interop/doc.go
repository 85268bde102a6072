// Package interop is where this program meets stock OpenVPN: live tests under
// the build tag `interop`, which run both as root in network namespaces that
// they make and delete themselves, and never touch the network of the host.
//
//	go test -tags interop -timeout 20m ./interop          # everything
//	go test -tags interop -run 'TestStockAlone|Test(Renegotiation|Float)/stock-client/stock-server|TestRefusals//stock-client/stock-server|TestCleanExit/stock' ./interop  # the harness itself, stock against stock
//	go test -tags interop -v -run 'TestStockClientOurServer/tls-crypt$/AES-128-GCM/p2p' ./interop
//
// Needed: root, /dev/net/tun, and what .ci/deps installs and unpacks. The program
// under test is built by the tests into bin/culvert.
//
// A test lays out a lab (namespaces joined by veth pairs), starts processes in
// it, waits for lines in their logs and moves bytes through the tunnel with
// the test binary itself, started again inside a namespace. Logs are shown
// only for a test that failed. What a killed run left behind is swept by the
// next.
//
// Tests wait more than they work, so they run side by side (t.Parallel). Left out are
// those that measure or count, which come first, one after the other.
package interop
