package hostnet

import (
	"os"
	"testing"
)

// TestThisNamespace is in use, as far as the kernel and the rights of the test
// let it be seen.
func TestThisNamespace(t *testing.T) {
	here, err := networkNamespace()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := networkNamespace(); err != nil || again != here || here.Boot == "" || here.Number == "" {
		t.Errorf("%+v, then %+v, %v", here, again, err)
	}
	if there, known := (procSpaces{}).there(here.Handle); known && !there {
		t.Errorf("the handle of %+v opens nothing", here)
	}
	if numbers, known := (procSpaces{}).inUse(); known && !numbers[here.Number] {
		t.Errorf("%s is not among %v", here.Number, numbers)
	}
}

// TestUsers: a process in a namespace is found by its threads, mounts and files.
func TestUsers(t *testing.T) {
	here, err := networkNamespace()
	if err != nil {
		t.Fatal(err)
	}
	u := users{numbers: map[string]bool{}, mounts: map[string]bool{}}
	if err := u.links("/proc/self/task", "ns/net"); err != nil || !u.numbers[here.Number] {
		t.Errorf("%v, %v", u.numbers, err)
	}
	held, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	u = users{numbers: map[string]bool{}, mounts: map[string]bool{}}
	if err := u.links("/proc/self/fd", ""); err != nil || !u.numbers[here.Number] {
		t.Errorf("%v, %v", u.numbers, err)
	}
	u = users{numbers: map[string]bool{}, mounts: map[string]bool{}}
	u.mounted("26 29 0:4 net:[4026532281] /run/netns/blue rw shared:5 - nsfs nsfs rw\n27 1 8:1 / / rw - ext4 /dev/sda rw\n")
	if len(u.numbers) != 1 || !u.numbers["4026532281"] {
		t.Errorf("mounted: %v", u.numbers)
	}
	if err := u.add("/proc/none"); !ended(err) {
		t.Error(err)
	}
}
