//go:build unix

package service

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
)

// workAloud is work with a log of every level, in every form.
func workAloud(t *testing.T, name, text string, o Options) *working {
	t.Helper()
	load := func() (*config.Config, error) { return config.ParseFile(name, []byte(text), os.ReadFile) }
	w := &working{life: newLife(Self{}, load, o), t: t, events: make(chan process.Event), ended: make(chan error, 1)}
	w.newLog = func(*config.Config, bool, Options) *log { return aloud(&w.written) }
	go func() { w.ended <- w.run(context.Background(), w.events) }()
	return w
}

// fails waits until a client has given up, and returns all that it said.
func (w *working) fails() string {
	w.t.Helper()
	select {
	case err := <-w.ended:
		if err == nil {
			w.t.Errorf("it went well:\n%s", w.written.text())
		}
		return w.written.text() + fmt.Sprint(err)
	case <-time.After(time.Minute):
		w.t.Fatalf("it goes on:\n%s", w.written.text())
		return ""
	}
}

// connectProxy is an HTTP proxy that lets in who knows a login, and returns its port.
func connectProxy(t *testing.T, user, password string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				if r.Header.Get("Proxy-Authorization") != want {
					fmt.Fprintf(c, "HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=\"lab\"\r\nContent-Length: 0\r\n\r\n")
					return
				}
				to, err := net.Dial("tcp", r.Host)
				if err != nil {
					return
				}
				defer to.Close()
				fmt.Fprintf(c, "HTTP/1.1 200 Go\r\n\r\n")
				go func() { io.Copy(to, in); to.Close() }()
				io.Copy(c, to)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// staticKey is a new key as a file has it.
func staticKey(t *testing.T) string {
	t.Helper()
	key := make([]byte, 256)
	rand.Read(key)
	var b strings.Builder
	b.WriteString("-----BEGIN OpenVPN Static key V1-----\n")
	for ; len(key) > 0; key = key[16:] {
		fmt.Fprintln(&b, hex.EncodeToString(key[:16]))
	}
	return b.String() + "-----END OpenVPN Static key V1-----\n"
}

// written are the ways in which a secret may be written: as it is, in base64, hex, or quoted.
func written(secret string) []string {
	b := []byte(secret)
	return []string{secret, base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), fmt.Sprintf("% x", b), fmt.Sprint(b)}
}

// secretLines are the lines of a file of keys that are a secret.
func secretLines(pem string) (all []string) {
	for line := range strings.Lines(pem) {
		if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "-----") {
			all = append(all, line)
			if raw, err := base64.StdEncoding.DecodeString(line); err == nil {
				all = append(all, hex.EncodeToString(raw))
			}
		}
	}
	return all
}

// TestSecretsStayOut: whatever succeeds or fails between a server and its clients, no password,
// token, key or secret is in what either of them logs at the highest level, nor in the error with
// which it ends.
func TestSecretsStayOut(t *testing.T) {
	const good, wrong, proxied, strange, shared = "correct-Horse-77", "wrong-Battery-88", "proxy-Staple-99", "strange-Proxy-66", "radius-Shared-55"
	now, dir := time.Now(), t.TempDir()
	authority, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	own, err := authority.IssueServer(rand.Reader, now, "server", 0)
	anna, err2 := authority.IssueClient(rand.Reader, now, "anna", 0)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, other := staticKey(t), staticKey(t)
	keys := func(p pki.Pair, static string) string {
		return block("ca", authority.CertPEM()) + block("cert", p.CertPEM) + block("key", p.KeyPEM) + block("tls-crypt", []byte(static))
	}
	check := file("check", "#!/bin/sh\ntest \"$(sed -n 2p \"$1\")\" = "+good+"\n")
	var said strings.Builder
	served := func(name, login string, meet func(port int)) {
		port := freePort(t)
		s := workAloud(t, name, fmt.Sprintf("local 127.0.0.1\nproto tcp-server\nport %d\nserver 10.8.0.0 255.255.255.0\ndev tun\nverb 11\nauth-gen-token 60\nhand-window 20\n%s\n", port, login)+keys(own, key),
			Options{UserSpace: true, StateDir: filepath.Join(dir, name)})
		s.until("serving in user space")
		meet(port)
		s.exit()
		said.WriteString(s.written.text())
	}
	client := func(port int, password, proxyPassword, static string) *working {
		proxy := connectProxy(t, "anna", proxied)
		return workAloud(t, "anna.ovpn", fmt.Sprintf("client\nproto tcp-client\ndev tun\nverb 11\nremote 127.0.0.1 %d\nremote-cert-tls server\nconnect-retry 1 1\nconnect-retry-max 1\nhand-window 15\nhttp-proxy 127.0.0.1 %d %s basic\nauth-user-pass %s\nreneg-sec 1\n",
			port, proxy, file("proxy", "anna\n"+proxyPassword+"\n"), file("login", "anna\n"+password+"\n"))+keys(anna, static), Options{UserSpace: true, StateDir: filepath.Join(dir, "client"), SOCKS: "127.0.0.1:0", HTTP: "127.0.0.1:0"})
	}
	served("script", "script-security 2\nauth-user-pass-verify "+check+" via-file\n", func(port int) {
		c := client(port, good, proxied, key)
		c.until("Initialization Sequence Completed")
		c.events <- process.Status
		c.events <- process.Reload
		c.until("sessions go on")
		c.exit()
		said.WriteString(c.written.text())
		said.WriteString(client(port, wrong, proxied, key).fails())
		said.WriteString(client(port, good, strange, key).fails())
		said.WriteString(client(port, good, proxied, other).fails())
	})
	served("radius", fmt.Sprintf("sign-in-radius 127.0.0.1:%d %s\n", freePort(t), file("shared", shared+"\n")), func(port int) {
		said.WriteString(client(port, good, proxied, key).fails())
	})
	text := said.String()
	for _, way := range []string{"Initialization Sequence Completed", "AUTH_FAILED", "HTTP proxy: the proxy requires", "level=DEBUG", "RADIUS server"} {
		if !strings.Contains(text, way) {
			t.Errorf("nothing was said of %q, so that this shows little:\n%s", way, text)
		}
	}
	secrets := []string{good, wrong, proxied, strange, shared, "anna:" + proxied, "anna:" + strange, "SESS_ID"}
	for _, pem := range []string{key, other, string(own.KeyPEM), string(anna.KeyPEM)} {
		secrets = append(secrets, secretLines(pem)...)
	}
	if len(secrets) < 40 {
		t.Fatalf("%d secrets are looked for", len(secrets))
	}
	keepsOut(t, text, secrets...)
}
