package service

import (
	"strings"
	"testing"

	"culvert/config"
)

// TestUserSpaceNeedsTun: there is no Ethernet without a device, and the error
// says so.
func TestUserSpaceNeedsTun(t *testing.T) {
	for kind, want := range map[config.DevType]string{config.DevTun: "", config.DevTap: "write dev tun on both sides", config.DevNull: "carries nothing"} {
		for _, userSpace := range []bool{true, false} {
			l := &life{Options: Options{UserSpace: userSpace}}
			err := l.checkUserSpace(&config.Config{Adapter: config.Adapter{DevType: kind}})
			if refused := err != nil; refused != (userSpace && want != "") || refused && !strings.Contains(err.Error(), want) {
				t.Errorf("dev type %d, user space %v: %v", kind, userSpace, err)
			}
		}
	}
}
