package image

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// buildSettings are what the Go command recorded in a program.
type buildSettings map[string]string

func settings(all []debug.BuildSetting) buildSettings {
	b := make(buildSettings)
	for _, s := range all {
		b[s.Key] = s.Value
	}
	return b
}

// time is that of the commit, or the beginning of time if it is not known: the image
// must not depend on when it was made.
func (b buildSettings) time() time.Time {
	if t, err := time.Parse(time.RFC3339, b["vcs.time"]); err == nil {
		return t.UTC()
	}
	return time.Unix(0, 0).UTC()
}

// variant is that of the processor, in the words of the image specification; "" where
// there is none.
func (b buildSettings) variant() string {
	switch b["GOARCH"] {
	case "arm64":
		return "v8"
	case "arm":
		return "v" + b["GOARM"][:min(1, len(b["GOARM"]))]
	}
	return ""
}

// Layout writes images, one for each processor, as an OCI image layout below dir, which
// must be empty or missing. Tag is the name that they get.
func Layout(dir, tag string, images []v1.Image) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		file, err := image.ConfigFile()
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: file.Platform(),
			Annotations: map[string]string{
				"org.opencontainers.image.ref.name": reference(tag),
				"io.containerd.image.name":          tag,
			},
		}})
	}
	_, err := layout.Write(dir, index)
	return err
}

// reference is the part of a tag that names a version, which a layout's annotation is.
func reference(tag string) string {
	for i := len(tag) - 1; i >= 0 && tag[i] != '/'; i-- {
		if tag[i] == ':' {
			return tag[i+1:]
		}
	}
	return "latest"
}

// manifest is what `docker load` reads where Docker does not read layouts.
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// dockerManifest describes the first image for it.
func dockerManifest(tag string, image v1.Image) ([]byte, error) {
	m := manifest{RepoTags: []string{tag}}
	name, err := image.ConfigName()
	if err != nil {
		return nil, err
	}
	m.Config = blob(name)
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return nil, err
		}
		m.Layers = append(m.Layers, blob(digest))
	}
	return json.Marshal([]manifest{m})
}

func blob(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// Archive writes images as one file, an OCI layout in a tar archive, that Docker, Podman
// and containerd load.
func Archive(w io.Writer, tag string, images []v1.Image) error {
	if len(images) == 0 {
		return fmt.Errorf("no image to write")
	}
	dir, err := os.MkdirTemp("", "culvert-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := Layout(dir, tag, images); err != nil {
		return err
	}
	list, err := dockerManifest(tag, images[0])
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), list, 0o644); err != nil {
		return err
	}
	return pack(w, dir)
}

// pack writes the files below dir in order of their names, without what depends on this
// machine.
func pack(w io.Writer, dir string) error {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	t := tar.NewWriter(w)
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(text); err != nil {
			return err
		}
	}
	return t.Close()
}
