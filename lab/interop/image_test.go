//go:build interop

package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// container is one that crun runs on a host of the lab, from a bundle that umoci, a
// program of other authors, unpacked from the image's layout.
type container struct {
	host   *netns
	bundle string
	volume string
	health []string // the image's own health check
}

// newContainer makes the image, as `make image` does, and unpacks it.
func newContainer(t *testing.T, host *netns) container {
	t.Helper()
	c := container{host: host, bundle: filepath.Join(host.dir, "bundle"), volume: filepath.Join(host.dir, "volume")}
	archive, oci := filepath.Join(host.dir, "image.tar"), filepath.Join(host.dir, "oci")
	mustRun(t, "go", "run", "../../packaging/image/make", "-o", archive, "-tag", "culvert:live", culvert(t))
	for _, err := range []error{os.Mkdir(oci, 0o755), os.Mkdir(c.volume, 0o700), os.Chown(c.volume, 65532, 65532)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "tar", "xf", archive, "-C", oci)
	mustRun(t, "umoci", "unpack", "--image", oci+":live", c.bundle)
	var list []struct{ Config string }
	var image struct {
		Config struct{ Healthcheck struct{ Test []string } }
	}
	decode(t, filepath.Join(oci, "manifest.json"), &list)
	decode(t, filepath.Join(oci, list[0].Config), &image)
	if c.health = image.Config.Healthcheck.Test; len(c.health) < 2 || c.health[0] != "CMD" {
		t.Fatalf("the image's health check is %q", c.health)
	}
	return c
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(must(os.ReadFile(path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// configure changes the bundle's configuration as an engine would by the compose example:
// without a capability, on this host's network, with the volume, and read-only else.
func (c container) configure(t *testing.T, environ ...string) {
	t.Helper()
	path := filepath.Join(c.bundle, "config.json")
	var config map[string]any
	decode(t, path, &config)
	process, linux := config["process"].(map[string]any), config["linux"].(map[string]any)
	process["terminal"], process["capabilities"] = false, map[string]any{}
	for _, e := range environ {
		process["env"] = append(process["env"].([]any), e)
	}
	config["root"] = map[string]any{"path": "rootfs", "readonly": true}
	linux["namespaces"] = slices.DeleteFunc(linux["namespaces"].([]any), func(n any) bool {
		return n.(map[string]any)["type"] == "network"
	})
	mounts := slices.DeleteFunc(config["mounts"].([]any), func(m any) bool {
		return m.(map[string]any)["type"] == "cgroup"
	})
	tmpfs := []string{"nosuid", "nodev", "mode=1777"}
	config["mounts"] = append(mounts,
		map[string]any{"destination": "/etc/culvert", "type": "bind", "source": c.volume, "options": []string{"bind", "rw"}},
		map[string]any{"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": tmpfs},
		map[string]any{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": tmpfs})
	if err := os.WriteFile(path, must(json.Marshal(config)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// crun is the command line of crun in mounts of its own, where it sees no control groups:
// it does not know those of machines with versions 1 and 2 at once.
func (c container) crun(words ...string) []string {
	line := []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$@"`, "sh",
		"crun", "--cgroup-manager=disabled", "--root", filepath.Join(c.host.dir, "crun")}
	return append(line, words...)
}

func (c container) start() *process {
	c.host.t.Helper()
	return c.host.start("container", c.crun("run", "--bundle", c.bundle, "vpn")...)
}

// healthy runs the image's health check in the container, as the container's user, and
// returns what it said.
func (c container) healthy() (said string, err error) {
	c.host.t.Helper()
	p := c.host.start("health check", c.crun(append([]string{"exec", "--user", "65532:65532", "vpn"}, c.health[1:]...)...)...)
	err = p.wait(patience)
	return p.log(), err
}

// TestImage: the image's layout unpacks and runs in a container without rights, makes
// itself a server from variables, a stock client reaches the web through it, its health
// check answers, and SIGTERM ends it in good order. A second start keeps the keys.
func TestImage(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	in.unreachable(t)
	in.server.output("sysctl", "-qw", "net.ipv4.ping_group_range=0 65534")
	c := newContainer(t, in.server)
	c.configure(t, "CULVERT_HOST="+in.serverIPv4.String(), "CULVERT_CLIENTS=phone", "CULVERT_ALLOW_LAN=yes", "CULVERT_CONFIG=max-clients 5")

	server := c.start().up()
	if said, err := c.healthy(); err != nil || !strings.Contains(said, "works") {
		t.Errorf("health check: %v: %s", err, said)
	}
	client := in.client.run(stock, filepath.Join(c.volume, "profiles", "phone.ovpn")).up()
	in.client.settle()
	in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
	in.client.ping(in.webWire.b4)

	c.end(t, server)
	client.expect(regexp.MustCompile("server-pushed-connection-reset"), 1, patience)
	client.kill()
	if said, err := c.healthy(); err == nil {
		t.Errorf("the health check of a container that is gone: %s", said)
	}
	key := must(os.ReadFile(filepath.Join(c.volume, "ca.key")))
	again := c.start().up()
	in.client.run(stock, filepath.Join(c.volume, "profiles", "phone.ovpn")).up()
	c.end(t, again)
	if string(must(os.ReadFile(filepath.Join(c.volume, "ca.key")))) != string(key) {
		t.Error("the second start made another authority")
	}
}

// end sends SIGTERM, and expects the exit status 0.
func (c container) end(t *testing.T, p *process) {
	t.Helper()
	c.host.output(c.crun("kill", "vpn", "TERM")...)
	if err := p.wait(patience); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}
