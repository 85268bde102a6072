package renewals

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"culvert/host/process"
	"culvert/operate/setup"
)

// announcedFile keeps what was announced over a restart, in a server's directory.
const announcedFile = "announced.json"

// warnings are how long before its end a client's certificate is announced.
var warnings = []time.Duration{7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour}

// notice is what was announced of a client's certificate.
type notice struct {
	Serial string `json:"serial"`
	Days   int    `json:"days"` // before its end
}

// announce logs each client whose certificate ends soon, with the command that makes the
// new profile: 30, 14 and 7 days ahead, each once.
func (w *watch) announce(now time.Time) {
	clients, _, err := setup.Clients(w.Dir, now)
	if err != nil {
		w.Log.Warn("cannot see whose certificates end", "error", err)
		return
	}
	path := filepath.Join(w.Dir, announcedFile)
	before, err := readNotices(path)
	if err != nil {
		w.Log.Warn("what was announced before cannot be read, and is announced again", "file", path, "error", err)
	}
	after, changed := map[string]notice{}, false
	for _, c := range clients {
		n, due := noticeFor(c, now)
		if !due {
			continue
		}
		after[c.Name] = n
		if b, said := before[c.Name]; said && b.Serial == n.Serial && b.Days <= n.Days {
			after[c.Name] = b
			continue
		}
		changed = true
		w.Log.Warn(fmt.Sprintf("the certificate of client %s ends within %d days", c.Name, n.Days), "ends", day(c.Expires), "to make a new profile, run", w.command(c.Name))
	}
	if !changed && len(after) == len(before) {
		return
	}
	if err := writeNotices(path, after); err != nil {
		w.Log.Warn("what was announced cannot be kept, and will be announced again after a restart", "error", err)
	}
}

// command is what makes a client's new profile.
func (w *watch) command(name string) string {
	device, user, dotted := strings.Cut(name, ".") // a device's name has no dot
	if dotted && w.IsDevice != nil && w.IsDevice(name) {
		return setup.RenewDeviceCommand(w.Dir, device, user)
	}
	return setup.RenewCommand(w.Dir, name)
}

// noticeFor returns what to announce of a client by now: the last of the warnings that is
// due. A client that is revoked, or whose certificate has ended, needs none.
func noticeFor(c setup.ClientInfo, now time.Time) (n notice, due bool) {
	left := c.Expires.Sub(now)
	if c.State == setup.Revoked || left <= 0 {
		return notice{}, false
	}
	for _, w := range warnings {
		if left <= w {
			return notice{Serial: c.Serials[0], Days: int(w / (24 * time.Hour))}, true
		}
	}
	return notice{}, false
}

func readNotices(path string) (map[string]notice, error) {
	text, err := process.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all map[string]notice
	err = json.Unmarshal(text, &all)
	return all, err
}

func writeNotices(path string, all map[string]notice) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	f, err := process.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Replace(append(text, '\n'))
}
