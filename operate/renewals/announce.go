package renewals

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"culvert/host/process"
	"culvert/operate/setup"
)

// announcedFile keeps what was announced over a restart, in a server's directory.
const announcedFile = "announced.json"

// mostAtOnce bounds how many clients are announced, and get their next profiles, in one
// look: what else there is to renew does not wait for long.
const mostAtOnce = 50

// warnings are how long before its end a client's certificate is announced.
var warnings = []time.Duration{7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour}

// notice is what was announced of a client's certificate.
type notice struct {
	Serial string `json:"serial"`
	Days   int    `json:"days"` // before its end
}

// announce logs each client whose certificate ends soon, 30, 14 and 7 days ahead, each once.
// The first time it makes the next profile, which waits to be handed over, or says by which
// command that is made. It returns when it has to be called again.
func (w *watch) announce(now time.Time) (wait time.Duration) {
	clients, _, err := setup.Clients(w.Dir, now)
	if err != nil {
		w.Log.Warn("cannot see whose certificates end", "error", err)
		return announcing
	}
	p, ok := w.people(now)
	if !ok {
		return beginning
	}
	defer p.close()
	path := filepath.Join(w.Dir, announcedFile)
	before, err := readNotices(path)
	if err != nil {
		w.Log.Warn("what was announced before cannot be read, and is announced again", "file", path, "error", err)
	}
	used := w.drop(clients, p)
	var ends []ending
	after, changed, most := map[string]notice{}, false, mostAtOnce
	for _, c := range clients {
		n, due := noticeFor(c, now)
		if !due || p.shutOut(c.Name) || used[c.Name] {
			continue
		}
		after[c.Name] = n
		if b, said := before[c.Name]; said && b.Serial == n.Serial && b.Days <= n.Days {
			after[c.Name], n = b, b
		} else if most == 0 {
			delete(after, c.Name)
			if said {
				after[c.Name] = b
			}
			continue
		} else {
			changed, most = true, most-1
			w.ready(&c, p, now)
			w.say(c, n, p)
		}
		ends = append(ends, w.ending(c, n, p))
	}
	if changed || len(after) != len(before) {
		if err := writeNotices(path, after); err != nil {
			w.Log.Warn("what was announced cannot be kept, and will be announced again after a restart", "error", err)
		}
	}
	if !p.tell(ends) || most == 0 {
		return look
	}
	return announcing
}

// say logs that a client's certificate ends.
func (w *watch) say(c setup.ClientInfo, n notice, p people) {
	about := []any{"ends", day(c.Expires)}
	if c.Ready != "" {
		about = append(about, "its next profile waits to be handed over", c.Ready)
	} else {
		about = append(about, "to make a new profile, run", w.command(c.Name, p))
	}
	if link := w.link(c.Name, p); link != "" {
		about = append(about, "by a link, run", link)
	}
	w.Log.Warn(fmt.Sprintf("the certificate of client %s ends within %d days", c.Name, n.Days), about...)
}

// ending is what the store has of a client whose certificate ends.
func (w *watch) ending(c setup.ClientInfo, n notice, p people) ending {
	e := ending{Name: c.Name, Serial: c.InUse(), Ends: c.Expires, Days: n.Days, Ready: c.Ready, Mend: "run: " + w.command(c.Name, p)}
	if c.Ready != "" {
		e.Next, e.Mend = c.Serials[0], "its next profile waits to be handed over: "+c.Ready
	}
	return e
}

// command is what makes a client's new profile.
func (w *watch) command(name string, p people) string {
	if d := p.device(name); d != nil {
		return setup.RenewDeviceCommand(w.Dir, d.Name, d.User)
	}
	return setup.RenewCommand(w.Dir, name, false)
}

// link is what hands a device's new profile over by a link; "" if the server has no pages
// for that.
func (w *watch) link(name string, p people) string {
	d := p.device(name)
	if d == nil || !w.Config().Server.Web.Yes() {
		return ""
	}
	return setup.LinkDeviceCommand(w.Dir, d.Name, d.User)
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
			return notice{Serial: c.InUse(), Days: int(w / (24 * time.Hour))}, true
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
