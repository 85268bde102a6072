package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"culvert/access/pki"
	"culvert/config"
	"culvert/internal/printable"
)

// stocksToo are words of faults that are faults for stock too.
var stocksToo = []string{"cannot be read", "a value is missing", "takes no value", "more values than it takes", "is never closed", "closes a block", "merge conflict",
	"outside of a block", "opening tag", "curly", "not a directive", "the file is", "may not stand", "cannot be given as a block", "ends in a backslash", "no cipher has this name",
	"expected ", "is given too", "exclude each other", "cannot be client and server", "a server needs", "a client needs a server", "a client needs ca", "there is a certificate but no key",
	"there is a key but no certificate", "needs an Ethernet adapter", "too few addresses", "bits set beyond", "nested too deep", "neither client nor server", "that allow-compression no refuses",
	"no datagrams to cut", "begins with no user name", "replaces TLS between two hosts", "there is no http-proxy for it", "neither tun nor tap by its name"}

// unread are directives whose values stock does not look at before it needs them.
var unread = []string{"auth-gen-token-secret", "bind", "dev-type", "remote-cert-ku", "route", "route-ipv6"}

// strictNumbers are directives whose range every version checks.
var strictNumbers = []string{"max-clients", "shaper", "status-version", "tcp-queue-limit", "tun-mtu", "tun-mtu-max"}

// mildly are how faults begin that stock does not mind before it connects.
var mildly = []string{"expected a host's name", "expected a proxy's name", "expected a port from 1"}

// lax are directives of which stock takes any number of values.
var lax = []string{"bind-dev", "disable-dco", "allow-deprecated-insecure-static-crypto", "http-proxy-retry", "http-proxy-timeout",
	"preresolve", "socket-flags", "socks-proxy-retry"}

// ofFault is what the versions make of a fault.
func (s stockView) ofFault(e *config.Error) by {
	switch {
	case slices.Contains(unread, e.Directive), strings.Contains(e.Reason, "older versions are not supported"):
		return accepted
	case slices.ContainsFunc(mildly, func(words string) bool { return strings.HasPrefix(e.Reason, words) }):
		return accepted
	case slices.Contains(lax, e.Directive) && strings.Contains(e.Reason, "value"):
		return accepted
	case strings.HasPrefix(e.Reason, "expected a whole number") && !slices.Contains(strictNumbers, e.Directive):
		return by{Accepts, Accepts, Fatal} // before 2.7 it begins with what is a number, or is 0
	case e.Directive == "crl-verify" && !strings.HasPrefix(e.Reason, "cannot be read"):
		return accepted // it logs that, and goes on without a list
	case slices.Contains([]string{"cert", "key"}, e.Directive) && strings.Contains(e.Reason, "found binary data"):
		return by{Fatal, Fatal, Accepts}
	case slices.ContainsFunc(stocksToo, func(words string) bool { return strings.Contains(e.Reason, words) }):
		return fatal
	}
	return accepted
}

// unusable are words of what a profile says of keys that stock cannot use either.
var unusable = []string{"expected a PEM block", "does not belong to the certificate", "bad key", "is damaged", "tls-cert-profile", "no such file"}

// ofKeys returns what is wrong with keys and certificates for stock.
func (s stockView) ofKeys() (all []stockLine) {
	for _, f := range keyring(s).usable() {
		if f.Severity == Err && slices.ContainsFunc(unusable, func(words string) bool { return strings.Contains(f.Text, words) }) {
			all = append(all, stockLine{f.Line, fatal, short(f.Text) + " cannot be used", tried})
		}
	}
	if bits := s.dhBits(); bits > 0 && bits < leastDH {
		all = append(all, stockLine{s.first("dh").Pos.Line, by{Accepts, Fatal, Fatal}, fmt.Sprintf("dh has a group of %d bits, which OpenSSL 3 does not take", bits), tried})
	}
	if l := s.first("capath"); l != nil {
		all = append(all, stockLine{l.Pos.Line, warning, "capath is experimental", tried})
	}
	return append(all, s.ofOwn()...)
}

// ofOwn returns what is wrong with this side's own certificate for stock.
func (s stockView) ofOwn() (all []stockLine) {
	t := s.config.Trust
	if t.Cert == nil {
		return nil
	}
	certs, _, err := pki.ParseAuthorities(t.Cert.Text)
	if err != nil {
		return nil
	}
	own, line := certs[0], 0
	if t.Cert.Pos.File == s.name {
		line = t.Cert.Pos.Line
	}
	switch {
	case s.now.After(own.NotAfter):
		all = append(all, stockLine{line, warning, "cert has ended", tried})
	case own.NotBefore.After(s.now):
		all = append(all, stockLine{line, warning, "cert is not yet valid", tried})
	}
	var weak *pki.WeakError
	if !errors.As(pki.CheckHash(own), &weak) || s.valueOf("tls-cert-profile") == "insecure" || strings.Contains(s.valueOf("tls-cipher"), "SECLEVEL=0") {
		return all
	}
	made := by{Accepts, Fatal, Accepts}
	if strings.HasPrefix(fmt.Sprint(weak.Hash), "MD") {
		made[0] = Fatal
	}
	return append(all, stockLine{line, made, fmt.Sprintf("cert is signed over %v, which OpenSSL 3 does not load without tls-cert-profile insecure; 2.7 loads it, and peers refuse it", weak.Hash), tried})
}

// ofOptional is what the versions make of a line behind ` + "`setenv opt`" + `: what they do not
// know, they skip.
func (s stockView) ofOptional(l config.Line) (all []stockLine) {
	for _, line := range s.ofLine(l) {
		for i, word := range line.made {
			if word == Fatal && s.ofRole(l) == "" {
				line.made[i] = Accepts
			}
		}
		all = append(all, line)
	}
	return all
}

// ofIncluded says which lines of included files the versions mind, not what stands there.
func (s stockView) ofIncluded(e excuses) (all []stockLine) {
	for i, l := range s.lines {
		if l.Name != "config" || l.Inline || len(l.Args) != 1 || e.excuse(i, l.Name) {
			continue
		}
		text, err := s.read(s.config.Path(l.Args[0]))
		if err != nil {
			continue
		}
		made := accepted
		var at []string
		for _, inner := range config.Lines(l.Args[0], text) {
			for _, line := range s.ofLine(inner) {
				for v := range made {
					made[v] = worse(made[v], line.made[v])
				}
				at = append(at, strconv.Itoa(inner.Pos.Line))
			}
		}
		if at != nil {
			all = append(all, stockLine{l.Pos.Line, made, "config " + printable.Name(l.Args[0]) + " has lines that are minded: " + listed(at, "and"), tried})
		}
	}
	return all
}

// checkedPrograms are directives whose program stock looks for before it starts.
var checkedPrograms = []string{"up", "down", "route-up", "route-pre-down", "ipchange", "client-connect", "client-disconnect", "learn-address", "tls-verify", "auth-user-pass-verify",
	"client-crresponse", "dns-updown"}

// ofPrograms returns lines whose programs stock does not find, or may not run. It looks
// below chroot, and not in PATH.
func (s stockView) ofPrograms() (all []stockLine) {
	for _, l := range teller(s).touching(config.TouchRuns) {
		if !slices.Contains(checkedPrograms, l.Name) || l.Name == "dns-updown" && (l.Args[0] == "disable" || l.Args[0] == "force") {
			continue
		}
		if why := missing(s.config.Process.Chroot, program(l)); why != "" {
			all = append(all, stockLine{l.Pos.Line, fatal, l.Name + " names a program that " + why, tried})
		}
	}
	return all
}

// ofDirectories returns lines that name a directory that stock does not find.
func (s stockView) ofDirectories() (all []stockLine) {
	for _, name := range []string{"client-config-dir", "tmp-dir"} {
		l := s.first(name)
		if l == nil || len(l.Args) != 1 || name == "client-config-dir" && !s.isServer() {
			continue
		}
		if info, err := os.Stat(filepath.Join(s.config.Process.Chroot, s.config.Path(l.Args[0]))); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
			all = append(all, stockLine{l.Pos.Line, fatal, name + " names a directory that is not there", tried})
		}
	}
	return all
}

// missing says why a program cannot be run, "" if it can be.
func missing(root, name string) string {
	if root != "" {
		name = root + "/" + name
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is not there"
	case err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o111 == 0:
		return "may not be run"
	}
	return ""
}
