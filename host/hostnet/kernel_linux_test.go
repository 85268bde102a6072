package hostnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

func TestOwnerIsThisVeryProcess(t *testing.T) {
	// To qemu-user, each thread began at another time.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	me, err := thisProcess()
	check(t, err)
	if !me.alive() {
		t.Error("this process is said to be dead")
	}
	other := me
	other.Start += "0"
	if other.alive() {
		t.Error("an earlier process of the same number is said to live")
	}
}

// A killed process whose parent has not noticed yet is dead all the same.
func TestZombieIsDead(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	defer func() { check(t, cmd.Wait()) }()
	var b [1]byte
	for err == nil {
		_, err = out.Read(b[:]) // until its end
	}
	var info unix.Siginfo
	check(t, unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil))
	if _, err := startOf(cmd.Process.Pid); !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

func TestMeaning(t *testing.T) {
	for _, tt := range []struct{ kernel, want error }{
		{unix.EPERM, ErrPermission}, {unix.ESRCH, errGone}, {unix.ENODEV, errGone}, {unix.EEXIST, errExists},
		{unix.ENETUNREACH, errNextHop}, {unix.EINVAL, unix.EINVAL},
	} {
		if got := meaning(fmt.Errorf("call: %w", tt.kernel)); !errors.Is(got, tt.want) {
			t.Errorf("%v: %v", tt.kernel, got)
		}
	}
	if err := meaning6(ip("fd00::1"), unix.EACCES); !errors.Is(err, errNoIPv6) {
		t.Error(err)
	}
	if err := meaning6(ip("10.0.0.1"), unix.EACCES); errors.Is(err, errNoIPv6) {
		t.Error(err)
	}
}

func TestReadOnlySettings(t *testing.T) {
	k := linux{}
	if v, err := k.setting("kernel/ostype"); v != "Linux" || err != nil {
		t.Error(v, err)
	}
	if _, err := k.setting("net/none"); !errors.Is(err, errGone) {
		t.Error(err)
	}
}

func TestRulesThatNameADevice(t *testing.T) {
	name := func(key expr.MetaKey, op expr.CmpOp, data string) []expr.Any {
		return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: []byte(data)}}
	}
	for _, tt := range []struct {
		rule []expr.Any
		want bool
	}{
		{name(expr.MetaKeyIIFNAME, expr.CmpOpEq, string(interfaceName("tun0"))), true},
		{name(expr.MetaKeyOIFNAME, expr.CmpOpEq, "tun"), true}, // tun+
		{name(expr.MetaKeyIIFNAME, expr.CmpOpNeq, string(interfaceName("tun0"))), false},
		{name(expr.MetaKeyIIFNAME, expr.CmpOpEq, string(interfaceName("tun01"))), false},
		{name(expr.MetaKeyMARK, expr.CmpOpEq, "tun0"), false},
	} {
		if namesDevice(tt.rule, "tun0") != tt.want {
			t.Errorf("%+v: not %v", tt.rule, tt.want)
		}
	}
}

func TestResolvConfErrorsNameTheFile(t *testing.T) {
	err := linux{}.writeFile(t.TempDir()+"/none/resolv.conf", nil)
	if err == nil || !strings.Contains(err.Error(), "none/resolv.conf") {
		t.Error(err)
	}
}

func TestResolvedWithoutBus(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+t.TempDir()+"/none")
	if (linux{}).hasResolved(context.Background()) {
		t.Error("answers")
	}
	if err := (linux{}).revertLinkDNS(context.Background(), "lo"); !errors.Is(err, errGone) {
		t.Error(err)
	}
}
