package clients

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/operate/setup"
)

const list = "/etc/culvert/crl.pem"

// serve is a running server with one client, until connected is false.
func serve(t *testing.T, lists ...string) (dir string, connected *atomic.Bool) {
	t.Helper()
	dir, connected = t.TempDir(), new(atomic.Bool)
	connected.Store(true)
	m := http.NewServeMux()
	m.HandleFunc("GET "+manage.StatusPath, func(w http.ResponseWriter, _ *http.Request) {
		s := backend.Status{Role: "server", Lists: lists, Peers: []backend.Peer{{Name: "new", Serial: "0b", Connecting: true}}}
		if connected.Load() {
			s.Peers = append(s.Peers, backend.Peer{Name: "phone", Serial: "0a", Remote: "192.0.2.7:1194", Since: time.Unix(0, 0)})
		}
		json.NewEncoder(w).Encode(s)
	})
	stop, err := manage.Serve(dir, "server-tun0", m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return dir, connected
}

func TestJoin(t *testing.T) {
	dir, _ := serve(t)
	known := []setup.ClientInfo{{Name: "phone", State: setup.Valid, Serials: []string{"0c", "0a"}}, {Name: "new", State: setup.Revoked, Serials: []string{"0b"}}}
	var text strings.Builder
	if err := Print(&text, Ask(t.Context(), dir).Join(known)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text.String(), "\n")
	if len(lines) != 4 || !strings.Contains(lines[1], "from 192.0.2.7:1194, since ") || !strings.HasSuffix(lines[2], "  no") {
		t.Errorf("with a server:\n%s", text.String())
	}
	text.Reset()
	if err := Print(&text, Ask(t.Context(), t.TempDir()).Join(known)); err != nil {
		t.Fatal(err)
	}
	if strings.Count(text.String(), "  ?\n") != 2 {
		t.Errorf("with no server to ask:\n%s", text.String())
	}
}

func TestFollow(t *testing.T) {
	phone := []string{"0a"}
	for name, c := range map[string]struct {
		lists      []string // that the server reads
		cutsOff    bool
		done       setup.Revocation
		text, fail string
	}{
		"cut off":          {[]string{list}, true, setup.Revocation{List: list, Serials: phone}, "It was connected from 192.0.2.7:1194, and is cut off.\n", ""},
		"stays":            {[]string{list}, false, setup.Revocation{List: list, Serials: phone}, "", "STILL CONNECTED from 192.0.2.7:1194"},
		"list not read":    {nil, false, setup.Revocation{List: list, Serials: phone, LineAdded: true}, "`crl-verify " + list + "` was added", "DOES NOT READ THE LIST YET"},
		"not connected":    {[]string{list}, false, setup.Revocation{List: list, Serials: []string{"0c"}}, "It is not connected.\n", ""},
		"still connecting": {[]string{list}, false, setup.Revocation{List: list, Serials: []string{"0b"}}, "It is not connected.\n", ""},
		"list not named":   {nil, false, setup.Revocation{List: list, Serials: phone, Problem: "why"}, "", "does not use the revocation list yet: why"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, connected := serve(t, c.lists...)
			before := Ask(t.Context(), dir)
			connected.Store(!c.cutsOff)
			var out strings.Builder
			err := before.Follow(t.Context(), &out, &c.done)
			if !strings.Contains(out.String(), c.text) {
				t.Errorf("it says %q; expected %q", out.String(), c.text)
			}
			if (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%v; expected %q", err, c.fail)
			}
		})
	}
}

func TestFollowWithoutServer(t *testing.T) {
	var out strings.Builder
	err := Ask(t.Context(), t.TempDir()).Follow(t.Context(), &out, &setup.Revocation{List: list})
	if err != nil || !strings.Contains(out.String(), "No server is running on this host") {
		t.Errorf("%q, %v", out.String(), err)
	}
}
