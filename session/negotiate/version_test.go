package negotiate

import "testing"

func TestBefore(t *testing.T) {
	for version, want := range map[string]bool{
		"": true, "2.3.18": true, "2.3": true, "2.3_git": true, "2.0.9": true, "1.6.0": true,
		"1.9": true, "2.0": true, "2.4.0": false, "2.4_rc1": false, "2.6.14": false, "2.10": false, "3.8": false, "10.0.1": false,
		"v0.4.1": false, "devel": false, "2": false, "2.": false, "2.x": false, ".": false,
		"99999999999999999999.1": false,
	} {
		if got := (PeerInfo{"IV_VER": version}).Before(2, 4); got != want {
			t.Errorf("%q before 2.4: %v", version, got)
		}
	}
	if !(PeerInfo{}).Before(2, 4) {
		t.Error("a peer without IV_VER is not taken for an old one")
	}
}

func FuzzBefore(f *testing.F) {
	for _, version := range []string{"2.3.18", "2.4_rc1", "", "v1", "2.", "99999999999999999999.1"} {
		f.Add(version)
	}
	f.Fuzz(func(t *testing.T, version string) {
		p := PeerInfo{"IV_VER": version}
		if p.Before(2, 4) && !p.Before(2, 5) || p.Before(2, 5) && !p.Before(3, 0) {
			t.Errorf("%q is older than an older version alone", version)
		}
	})
}
