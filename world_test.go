package culvert_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"culvert"
	"culvert/operate/setup"
)

// files are those of a server on loopback, on any free port, and of a client
// named laptop. They are made once: keys take time.
var files = sync.OnceValue(func() (made struct{ dir, conf, profile string }) {
	dir, err := os.MkdirTemp("", "culvert-")
	if err == nil {
		made.dir, made.conf, made.profile = dir, filepath.Join(dir, "net", "server.conf"), filepath.Join(dir, "laptop.ovpn")
		_, err = setup.Init(setup.InitOptions{Dir: filepath.Dir(made.conf), Host: "127.0.0.1", Port: port, Now: time.Now(), Rand: rand.Reader})
	}
	if err == nil {
		_, err = setup.AddClient(setup.ClientOptions{Dir: filepath.Dir(made.conf), Name: "laptop", Out: made.profile, Now: time.Now(), Rand: rand.Reader})
	}
	if err != nil {
		panic(err)
	}
	return made
})

// port is the one in the files, in whose place comes any that is free.
const port = 1194

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(files().dir)
	os.Exit(code)
}

func read(name string) []byte {
	text, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return text
}

// configuration is a server's.
func configuration() []byte {
	return bytes.Replace(read(files().conf), fmt.Appendf(nil, "port %d\n", port), []byte("port 0\nlocal 127.0.0.1\n"), 1)
}

// profileFor is the client's profile for a server at an address.
func profileFor(at netip.AddrPort) []byte {
	return bytes.Replace(read(files().profile), fmt.Appendf(nil, " %d\n", port), fmt.Appendf(nil, " %d\n", at.Port()), 1)
}

// somewhere is a server that greets its clients, and a profile for it.
func somewhere() (profile []byte, stop func()) {
	s, err := culvert.Listen(context.Background(), configuration(), &culvert.Options{Trusted: true})
	if err != nil {
		panic(err)
	}
	greet(s)
	return profileFor(s.Addr()), func() { s.Close() }
}

func greet(s *culvert.Server) {
	l, err := s.Listen("tcp", ":80")
	if err != nil {
		panic(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := s.Client(netip.MustParseAddrPort(r.RemoteAddr).Addr())
		fmt.Fprintf(w, "hello, %s", c.Name)
	}))
}
