package server

import (
	"runtime"
	"testing"

	"culvert/role/server/admission"
)

// TestRetire: an admission of former rules stays for as long as somebody has it.
func TestRetire(t *testing.T) {
	var r reloading
	kept := new(admission.Admission)
	r.retire(kept)
	r.retire(new(admission.Admission))
	runtime.GC()
	var found []*admission.Admission
	r.each(&rules{}, func(a *admission.Admission) {
		if a != nil {
			found = append(found, a)
		}
	})
	if len(found) != 1 || found[0] != kept {
		t.Errorf("%d admissions", len(found))
	}
	found = nil
	r.retire(kept)
	if len(r.before) != 2 {
		t.Errorf("%d are noted", len(r.before))
	}
	runtime.KeepAlive(kept)
}
