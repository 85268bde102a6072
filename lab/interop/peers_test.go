//go:build interop

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// A peer is a program of others that speaks the protocol.
type peer struct {
	implementation
	title   string // in the table of peers
	version func(t testing.TB) string
}

// A role is what a peer is to this program.
type role string

const (
	asClient role = "client"
	asServer role = "server"
)

// An encounter is a lab in which this program and a peer meet. A test of it
// fails unless it saw all of shows.
type encounter struct {
	name  string
	peer  *peer
	role  role // of the peer
	shows []sight
	run   func(t *testing.T, e *encounter)
	seen  []sight
}

// saw notes what has just been seen, and fails the test if it is not announced.
func (e *encounter) saw(t *testing.T, what ...sight) {
	t.Helper()
	for _, s := range what {
		if !slices.Contains(e.shows, s) {
			t.Fatalf("%q is not among what this encounter shows, %q", s, e.shows)
		}
	}
	e.seen = append(e.seen, what...)
}

// pairing is the peer in its role, and this program in the other.
func (e *encounter) pairing() pairing {
	if e.role == asClient {
		return pairing{e.peer.implementation, ours}
	}
	return pairing{ours, e.peer.implementation}
}

// TestPeers meets every peer in every way, and holds docs/peers.md against what
// was seen: it fails when that page says more. With -update-docs it writes the
// page's table, from a run of all encounters.
func TestPeers(t *testing.T) {
	t.Parallel()
	all := slices.Concat(openvpnEncounters(), minivpnEncounters(), softetherEncounters(), networkManagerEncounters())
	var met []*encounter
	t.Run("meet", func(t *testing.T) {
		for _, e := range all {
			t.Run(e.peer.name+"-"+string(e.role)+"/"+e.name, func(t *testing.T) {
				met = append(met, e)
				t.Parallel()
				e.run(t, e)
				for _, s := range e.shows {
					if !slices.Contains(e.seen, s) {
						t.Errorf("%q was not seen", s)
					}
				}
			})
		}
	})
	if *updateDocs {
		if len(met) != len(all) {
			t.Fatalf("-update-docs wants a run of all encounters; %d of %d were run", len(met), len(all))
		}
		page.write(t, markdown(tableOf(t, all)))
		return
	}
	checkPublished(t, all, met)
}

// unpacked is the path of a program that .ci/peers unpacked.
func unpacked(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(peersDir(), "bin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("a peer is missing: %v; .ci/peers gets it", err)
	}
	return path
}

// peersDir is where .ci/peers keeps what it unpacked.
func peersDir() string {
	if dir := os.Getenv("CULVERT_PEERS"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "culvert-peers")
	}
	return "/var/cache/culvert-peers"
}

// says is the standard output of a program, whatever its exit status: OpenVPN
// 2.5 ends with 1 after --version.
func says(name string, args ...string) string {
	out, _ := exec.Command(name, args...).Output()
	return string(out)
}
