package standalone

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"culvert/host/process"
	"culvert/nic"
	"culvert/nic/tuntap"
)

var deviceForm = form{"culvert --mktun|--rmtun --dev NAME [--user NAME] [--group NAME]",
	map[string]int{"--mktun": 0, "--rmtun": 0, "--dev": 1, "--dev-type": 1, "--user": 1, "--group": 1}}

// device reads which device --mktun and --rmtun are for, and who may open it.
func device(args []string) (kind nic.Kind, name string, owner process.Identity, err error) {
	given, err := deviceForm.read(args)
	if err != nil {
		return kind, "", owner, err
	}
	one := func(directive string) string { return strings.Join(given[directive], " ") }
	if name = one("--dev"); name == "" {
		return kind, "", owner, fmt.Errorf("%s: which device? add --dev NAME, such as --dev tun0", args[0])
	}
	if given := one("--dev-type"); given == "tap" || given == "" && strings.HasPrefix(name, "tap") {
		kind = nic.Ethernet
	}
	owner, err = process.Lookup(one("--user"), "")
	if err != nil {
		return kind, "", owner, err
	}
	owner.GID = -1 // the user's own group has no right to a device
	if one("--group") != "" {
		group, err := process.Lookup("", one("--group"))
		if err != nil {
			return kind, "", owner, err
		}
		owner.GID = group.GID
	}
	return kind, name, owner, nil
}

// mktun makes a device that outlives the process.
func mktun(out io.Writer, args []string) error {
	kind, name, owner, err := device(args)
	if err != nil {
		return err
	}
	if name, err = tuntap.Persist(kind, name, owner.UID, owner.GID); err != nil {
		return err
	}
	text := "made " + name + "; it stays until --rmtun or the next boot"
	if owner.UID >= 0 {
		text += "; user " + strconv.Itoa(owner.UID) + " may open it"
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

// rmtun removes such a device. Where there is none, that is said, and is no fault, as
// with OpenVPN: a script may remove it twice.
func rmtun(out io.Writer, args []string) error {
	_, name, _, err := device(args)
	if err != nil {
		return err
	}
	err = tuntap.Remove(name)
	if errors.Is(err, tuntap.ErrNoDevice) {
		_, err = fmt.Fprintf(out, "there is no device %s, so nothing was removed; `ip link` lists them\n", name)
		return err
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "removed "+name)
	return err
}
