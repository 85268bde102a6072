package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"

	"culvert/host/process"
)

// ErrEdited is returned by Reconfigure for a server.conf that somebody edited, or
// that was made without Kept.
var ErrEdited = errors.New("was edited, or made otherwise, and stays as it is")

// Reconfigure writes server.conf and culvert.json of a directory anew, from options as
// given to Init. What Init chose by chance stays: authority, keys, and the network of
// IPv6 if the options name none. It reports whether anything changed. A server.conf
// that is not as it was written stays, and the error wraps ErrEdited.
func Reconfigure(o InitOptions) (changed bool, err error) {
	fail := func(err error) (bool, error) { return false, fmt.Errorf("reconfigure: %w", denied(err)) }
	path := filepath.Join(o.Dir, serverConfFile)
	old, err := process.ReadFile(path)
	if err != nil {
		return fail(err)
	}
	if !sealed(old) {
		return false, fmt.Errorf("%s %w", path, ErrEdited)
	}
	if !o.Network6.IsValid() {
		o.Network6 = network6(old)
	}
	if err := o.complete(); err != nil {
		return fail(err)
	}
	conf, err := serverConf{o}.text()
	if err != nil {
		return fail(err)
	}
	way, err := o.reach().encode()
	if err != nil {
		return fail(err)
	}
	for _, f := range []file{{filepath.Join(o.Dir, reachFile), way, publicFile}, {path, conf, o.confMode()}} {
		there, err := process.ReadFile(f.path)
		if err == nil && bytes.Equal(there, f.data) {
			continue
		}
		changed = true
		if err := fill(f); err != nil {
			return fail(err)
		}
	}
	return changed, nil
}

// sealWord begins the last line of a configuration that Reconfigure may write anew.
const sealWord = "# as written: "

// seal appends a line with a checksum of the text before it, by which sealed knows
// that nobody edited it. It guards against accidents and not against attackers.
func seal(text []byte) []byte {
	sum := sha256.Sum256(text)
	return fmt.Appendf(text, "%s%s\n", sealWord, hex.EncodeToString(sum[:]))
}

func sealed(text []byte) bool {
	at := bytes.LastIndex(text, []byte(sealWord))
	return at >= 0 && bytes.Equal(seal(text[:at:at]), text)
}

var network6Line = regexp.MustCompile(`(?m)^server-ipv6 (\S+)$`)

// network6 is the network of IPv6 in a server.conf as Init writes it; zero if there
// is none.
func network6(conf []byte) netip.Prefix {
	if found := network6Line.FindSubmatch(conf); found != nil {
		if p, err := netip.ParsePrefix(string(found[1])); err == nil {
			return p
		}
	}
	return netip.Prefix{}
}
