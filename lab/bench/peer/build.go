//go:build linux

// Package peer brings up the tunnels that the bench compares: ours, stock
// OpenVPN, wireguard-go, and one that does nothing but move packets.
package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Programs are the paths of what is compared.
type Programs struct{ Culvert, OpenVPN, WireGuard, Null string }

// Build makes those programs that are built here, from the module that the
// working directory is in, and finds those of the system.
func Build(dir string) (p Programs, err error) {
	root, err := output("", "go", "list", "-m", "-f", "{{.Dir}}", "culvert")
	if err != nil {
		return p, err
	}
	p = Programs{Culvert: filepath.Join(dir, "culvert"), WireGuard: filepath.Join(dir, "wireguard-go"), Null: filepath.Join(dir, "nulltunnel")}
	if p.OpenVPN, err = exec.LookPath("openvpn"); err != nil {
		return p, fmt.Errorf("%w: install Debian's openvpn (apt-get install openvpn)", err)
	}
	for _, c := range []struct {
		dir  string
		argv []string
	}{
		{root, []string{"go", "build", "-trimpath", "-o", p.Culvert, "./cmd/culvert"}},
		{filepath.Join(root, "lab", "bench", "wireguard"), []string{"go", "build", "-trimpath", "-o", p.WireGuard, "golang.zx2c4.com/wireguard"}},
		{filepath.Join(root, "lab", "bench", "nulltunnel"), []string{"cc", "-O2", "-pthread", "-o", p.Null, "nulltunnel.c"}},
	} {
		if _, err := output(c.dir, c.argv...); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Versions names what is compared, as each program says it.
func (p Programs) Versions() map[string]string {
	// Both print their version with a failing exit status or a long text.
	stock, _ := exec.Command(p.OpenVPN, "--version").Output()
	stockVersion := strings.Join(strings.Fields(string(stock) + " OpenVPN unknown")[:2], " ")
	module, _ := output("", "go", "version", "-m", p.WireGuard)
	return map[string]string{"openvpn": stockVersion, "wireguard-go": moduleVersion(module)}
}

// moduleVersion reads the main module's version out of `go version -m`.
func moduleVersion(text string) string {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) >= 3 && f[1] == "golang.zx2c4.com/wireguard" && f[0] != "path" {
			return f[2]
		}
	}
	return "unknown"
}

func output(dir string, argv ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stderr, cmd.Env = dir, &stderr, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
