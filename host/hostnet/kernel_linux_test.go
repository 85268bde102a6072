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
	"github.com/google/nftables/xt"
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

// TestRulesThatNameADevice: by which words a rule is about what comes from a device, and what
// is not known of it.
func TestRulesThatNameADevice(t *testing.T) {
	name := func(key expr.MetaKey, op expr.CmpOp, data string) []expr.Any {
		return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: []byte(data)}}
	}
	tracked := func(states, asks, invert uint16) []expr.Any {
		info := new(xt.ConntrackMtinfo3)
		info.StateMask, info.MatchFlags, info.InvertFlags = states, asks, invert
		return []expr.Any{&expr.Match{Name: "conntrack", Rev: 3, Info: info}}
	}
	const established, fresh = 2, 8
	for i, tt := range []struct {
		rule  []expr.Any
		want  match
		named bool
	}{
		{nil, doesMatch, false},
		{name(expr.MetaKeyIIFNAME, expr.CmpOpEq, string(interfaceName("tun0"))), doesMatch, true},
		{name(expr.MetaKeyIIFNAME, expr.CmpOpEq, "tun"), doesMatch, true}, // tun+
		{name(expr.MetaKeyIIFNAME, expr.CmpOpNeq, string(interfaceName("tun0"))), noMatch, false},
		{name(expr.MetaKeyIIFNAME, expr.CmpOpEq, string(interfaceName("tun01"))), noMatch, false},
		{name(expr.MetaKeyIIFNAME, expr.CmpOpNeq, string(interfaceName("eth0"))), doesMatch, false},
		{name(expr.MetaKeyOIFNAME, expr.CmpOpEq, string(interfaceName("tun0"))), noMatch, false},
		{name(expr.MetaKeyMARK, expr.CmpOpEq, "tun0"), mayMatch, false},
		{name(expr.MetaKeyIIFNAME, expr.CmpOpLt, "tun0"), mayMatch, false},
		{[]expr.Any{&expr.Cmp{Register: 1}}, mayMatch, false},
		{[]expr.Any{&expr.Limit{}}, mayMatch, false},
		{[]expr.Any{&expr.Counter{}, &expr.Match{Name: "comment"}}, doesMatch, false},
		{[]expr.Any{&expr.Match{Name: "owner"}}, mayMatch, false},
		{tracked(established, onlyState, 0), noMatch, false},
		{tracked(fresh, onlyState, 0), doesMatch, false},
		{tracked(fresh, onlyState, onlyState), noMatch, false},
		{tracked(established, onlyState, onlyState), doesMatch, false},
		{tracked(fresh, onlyState|2, 0), mayMatch, false},
		{tracked(0, 2, 0), mayMatch, false},
	} {
		if got, named := (traveller{in: "tun0", out: "eth0"}).matches(tt.rule); got != tt.want || named != tt.named {
			t.Errorf("%d: %v %v, want %v %v", i, got, named, tt.want, tt.named)
		}
	}
	if got, _ := (traveller{back: true}).matches(tracked(established, onlyState, 0)); got != doesMatch {
		t.Errorf("answers: %v", got)
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
