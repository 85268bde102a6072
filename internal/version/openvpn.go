package version

import (
	"fmt"
	"strings"
)

// Compatible is the version of OpenVPN whose language and command line this program
// takes. Programs that ask an OpenVPN for its version decide by it what they may write.
const Compatible = "2.6.14"

// Title is the line that programs which expect OpenVPN read: its name, the version to
// go by, the platform, and the features, each in brackets.
func (b Build) Title() string {
	return "OpenVPN " + Compatible + " " + platform(b.Platform) + " [SSL (Go)] [LZO] [LZ4] [EPOLL] [MH/PKTINFO] [AEAD]"
}

// OpenVPN is what this program prints for `openvpn --version`: the title, the
// libraries, and which program this is.
func (b Build) OpenVPN() string {
	return fmt.Sprintf("%s\nlibrary versions: %s\nThis is Culvert %s, which takes OpenVPN's configurations and command line; commit %s\n",
		b.Title(), b.Libraries(), b.Version, b.commit())
}

// Libraries is where the cryptography and the compression come from, in the form of
// OpenVPN's "library versions".
func (b Build) Libraries() string {
	return "Go crypto/tls " + strings.TrimPrefix(cutBlank(b.Go), "go") + ", LZO 2.10"
}

func cutBlank(s string) string {
	s, _, _ = strings.Cut(s, " ")
	return s
}

// platform is a system and processor as configure scripts name them.
func platform(goPlatform string) string {
	system, processor, _ := strings.Cut(goPlatform, "/")
	names := map[string]string{"amd64": "x86_64", "386": "i686", "arm64": "aarch64"}
	if name := names[processor]; name != "" {
		processor = name
	}
	return processor + "-pc-" + system
}
