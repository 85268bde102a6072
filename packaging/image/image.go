// Package image writes container images: a static program, and the few files that it
// needs, without a container engine and without root. Equal programs give equal images,
// byte for byte.
package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"culvert/operate/container"
)

// User is the user and group that a container's process runs as, unless it is told
// otherwise; 65532 is what images without a distribution have by custom.
const User = 65532

// program is where the program is in the image.
const program = "/usr/bin/culvert"

// About is what goes into an image beside the program.
type About struct {
	Version   string   // for the label; "": what Go noted in the program
	Documents []string // paths of texts, licences among them, for /usr/share/doc/culvert
}

// New makes the image of one program, for Linux on the processor it was built for.
func New(path string, say About) (v1.Image, error) {
	build, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; expected this program, as `make build` makes it", path, err)
	}
	if err := static(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	about := settings(build.Settings)
	if about["GOOS"] != "linux" {
		return nil, fmt.Errorf("%s is built for %s; an image needs GOOS=linux", path, about["GOOS"])
	}
	made := about.time()
	system, err := layer(made, systemFiles()...)
	if err != nil {
		return nil, err
	}
	texts, err := read(say.Documents)
	if err != nil {
		return nil, err
	}
	binary, err := layer(made, append(texts, entry{name: "usr/bin/culvert", mode: 0o755, text: string(text)})...)
	if err != nil {
		return nil, err
	}
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	if image, err = mutate.Append(image,
		mutate.Addendum{Layer: system, History: v1.History{Created: v1.Time{Time: made}, CreatedBy: "users and directories"}},
		mutate.Addendum{Layer: binary, History: v1.History{Created: v1.Time{Time: made}, CreatedBy: "the program and its documents"}}); err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Variant = "linux", about["GOARCH"], about.variant()
	file.Created = v1.Time{Time: made}
	file.Config = config(cmp.Or(strings.TrimPrefix(say.Version, "v"), build.Main.Version), about["vcs.revision"])
	return mutate.ConfigFile(image, file)
}

// config is how a container runs. The health check is Docker's word: the OCI's
// specification has none, and passes over it.
func config(version, revision string) v1.Config {
	return v1.Config{
		User:         fmt.Sprintf("%d:%[1]d", User),
		Entrypoint:   []string{program},
		Cmd:          []string{"container"},
		Env:          []string{"PATH=/usr/bin", "XDG_RUNTIME_DIR=/run", "HOME=/etc/culvert"},
		WorkingDir:   container.DefaultDir,
		Volumes:      map[string]struct{}{container.DefaultDir: {}},
		ExposedPorts: map[string]struct{}{"1194/udp": {}, "1194/tcp": {}},
		StopSignal:   "SIGTERM",
		Healthcheck: &v1.HealthConfig{
			Test:        []string{"CMD", program, "health"},
			Interval:    30 * time.Second,
			Timeout:     10 * time.Second,
			StartPeriod: 20 * time.Second,
			Retries:     3,
		},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "culvert",
			"org.opencontainers.image.description": "A VPN, server and client, compatible with OpenVPN",
			"org.opencontainers.image.version":     strings.ReplaceAll(version, "+", "-"),
			"org.opencontainers.image.revision":    revision,
		},
	}
}

// static is an error for a program that needs a loader or libraries, which the image
// does not have.
func static(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w; expected a program for Linux", path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s needs shared libraries, which an image from scratch does not have; build it with CGO_ENABLED=0", path)
		}
	}
	return nil
}

// entry is a file of a layer; a directory if its name ends with a slash.
type entry struct {
	name string
	mode int64
	user int
	text string
}

// systemFiles are what a program without a distribution needs: names of users, a place
// for sockets, one for temporary files, and the volume, which its user may write to.
// There are no certificates of public authorities: they go out of date, and nothing but
// LDAP without TLSCACertFile would ask them.
func systemFiles() []entry {
	return []entry{
		{name: "etc/", mode: 0o755},
		{name: "etc/culvert/", mode: 0o700, user: User},
		{name: "etc/group", mode: 0o644, text: fmt.Sprintf("root:x:0:\nculvert:x:%d:\n", User)},
		{name: "etc/passwd", mode: 0o644, text: fmt.Sprintf("root:x:0:0:root:/root:/sbin/nologin\nculvert:x:%d:%[1]d:Culvert:/etc/culvert:/sbin/nologin\n", User)},
		{name: "run/", mode: 0o1777},
		{name: "tmp/", mode: 0o1777},
		{name: "usr/", mode: 0o755},
		{name: "usr/bin/", mode: 0o755},
		{name: "usr/share/", mode: 0o755},
		{name: "usr/share/doc/", mode: 0o755},
		{name: "usr/share/doc/culvert/", mode: 0o755},
	}
}

// read reads files for the directory of documents.
func read(paths []string) (all []entry, err error) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{name: "usr/share/doc/culvert/" + filepath.Base(path), mode: 0o644, text: string(text)})
	}
	return all, nil
}

// layer is a layer of the entries, with one time for all.
func layer(made time.Time, entries ...entry) (v1.Layer, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, e := range entries {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Uid: e.user, Gid: e.user, Size: int64(len(e.text)), ModTime: made, Format: tar.FormatUSTAR}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}
