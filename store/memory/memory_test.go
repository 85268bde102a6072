package memory

import (
	"testing"

	"culvert/store"
	"culvert/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Test(t, func(*testing.T) store.Store { return New() })
}
