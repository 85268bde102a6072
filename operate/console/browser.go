package console

import (
	"net/url"
	"os"
	"os/exec"
	"runtime"
)

// Browse opens a page in the user's browser, and reports whether it could try. The
// address comes from a server: only pages of the web are opened, and no shell sees it.
// Root opens none, since a browser would run with its rights.
func Browse(page string) bool {
	if !isPage(page) || os.Geteuid() == 0 {
		return false
	}
	argv := opener(runtime.GOOS, os.Getenv)
	if argv == nil {
		return false
	}
	c := exec.Command(argv[0], append(argv[1:], page)...)
	if c.Start() != nil {
		return false
	}
	go c.Wait()
	return true
}

// isPage reports whether an address is one of the web.
func isPage(page string) bool {
	u, err := url.Parse(page)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// opener is the command that opens a page on a system; nil where there is no desktop.
func opener(system string, env func(string) string) []string {
	switch {
	case system == "darwin":
		return []string{"open"}
	case system == "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	case env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != "":
		return []string{"xdg-open"}
	}
	return nil
}
