package process

import "testing"

// TestGroupTasks: the strictest group counts, with what runs in it beside this process,
// with version 1 and version 2 of control groups.
func TestGroupTasks(t *testing.T) {
	v2 := map[string]string{
		"/system.slice/vpn.service/pids.max": "10\n", "/system.slice/vpn.service/pids.current": "6\n",
		"/system.slice/pids.max": "100\n", "/system.slice/pids.current": "97\n", "/pids.max": "max\n",
	}
	v1 := map[string]string{
		"pids/vpn/pids.max": "max\n", "pids/pids.max": "20\n", "pids/pids.current": "5\n",
	}
	for _, c := range []struct {
		what, groups string
		files        map[string]string
		left         int
		name         string
	}{
		{"version 2", "0::/system.slice/vpn.service\n", v2, 8, "/system.slice"},
		{"version 2, the group alone", "0::/system.slice/vpn.service\n", map[string]string{"/system.slice/vpn.service/pids.max": "10\n", "/system.slice/vpn.service/pids.current": "6\n"}, 9, "/system.slice/vpn.service"},
		{"version 1", "9:name=systemd:/\n8:pids:/vpn\n4:memory:/x\n0::/\n", v1, 20, "pids"},
		{"a count that lags", "0::/a\n", map[string]string{"/a/pids.max": "10", "/a/pids.current": "1"}, 10, "/a"},
		{"too many already", "0::/a\n", map[string]string{"/a/pids.max": "3", "/a/pids.current": "9"}, 5, "/a"},
	} {
		got := groupTasks(c.groups, 5, func(name string) string { return c.files[name] })
		if got.Left != c.left || got.Name != "pids.max (TasksMax) of the control group "+c.name || got.Mend == "" {
			t.Errorf("%s: %+v, want %d by %s", c.what, got, c.left, c.name)
		}
	}
	for _, groups := range []string{"", "\n", "0::/gone\n", "junk", "7:cpu,cpuacct:/a\n"} {
		if got := groupTasks(groups, 5, func(string) string { return "" }); got.Few(1) || got.String() != "no limit" {
			t.Errorf("%q: %v", groups, got)
		}
	}
}

func TestUserTasks(t *testing.T) {
	if got := userTasks(10); got.Left != 10 || !got.Few(1) {
		t.Errorf("%+v", got)
	}
	for _, none := range []uint64{1<<64 - 1, 1 << 63} {
		if got := userTasks(none); got.Few(1000) {
			t.Errorf("%d: %+v", none, got)
		}
	}
	if userTasks(100).Few(4) || !userTasks(100).Few(64) {
		t.Error("the number of processors does not count")
	}
}

// TestThreadsIn: the count of a status file, and 0 where there is none.
func TestThreadsIn(t *testing.T) {
	for status, want := range map[string]int{
		"Name:\tThreads:\t9\nTgid:\t7\nThreads:\t5\nSigQ:\t0/62911\n": 5,
		"Name:\tculvert\nThreads:\t12":                                12,
		"Name:\tculvert\n":                                            0,
		"\nThreads:\tmany\n":                                          0,
		"\nThreads:\t-3\n":                                            0,
		"":                                                            0,
	} {
		if got := threadsIn([]byte(status)); got != want {
			t.Errorf("%q: %d, want %d", status, got, want)
		}
	}
}

func FuzzGroupTasks(f *testing.F) {
	f.Add("0::/a/b\n8:pids:/x\n", "10")
	f.Fuzz(func(t *testing.T, groups, file string) {
		if got := groupTasks(groups, 3, func(string) string { return file }); got.Left < 3 {
			t.Errorf("%q with %q: %+v", groups, file, got)
		}
		if threadsIn([]byte(file)) < 0 {
			t.Errorf("%q: fewer than no threads", file)
		}
	})
}
