package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOwnList(t *testing.T) {
	dir := t.TempDir()
	own, other := filepath.Join(dir, "crl.pem"), filepath.Join(dir, "other.pem")
	if err := errors.Join(os.WriteFile(own, nil, 0o600), os.WriteFile(other, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if !ownList(dir+"/.", own) || ownList(dir, other) || ownList(dir, filepath.Join(dir, "none")) {
		t.Errorf("%v, %v", ownList(dir+"/.", own), ownList(dir, other))
	}
}
