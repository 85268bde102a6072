package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"go.yaml.in/yaml/v3"

	"culvert/operate/container"
)

// programs are small static ones, one for each of two processors.
var programs = sync.OnceValues(func() (paths []string, err error) {
	dir, err := os.MkdirTemp("", "image-test-")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return nil, err
	}
	for _, arch := range []string{"amd64", "arm64"} {
		out := filepath.Join(dir, arch)
		cmd := exec.Command("go", "build", "-o", out, "main.go")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GO111MODULE=auto", "GOFLAGS=")
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, &exec.Error{Name: string(text), Err: err}
		}
		paths = append(paths, out)
	}
	return paths, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if paths, err := programs(); err == nil {
		os.RemoveAll(filepath.Dir(paths[0]))
	}
	os.Exit(status)
}

func made(t *testing.T) (images []v1.Image) {
	t.Helper()
	paths, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		i, err := New(p, About{})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, i)
	}
	return images
}

// TestLayout: digests and sizes of the layout are those of its files, and each image is
// complete and for its processor.
func TestLayout(t *testing.T) {
	dir := t.TempDir()
	if err := Layout(dir, "culvert:1.0", made(t)); err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range list.Manifests {
		platforms = append(platforms, m.Platform.String())
		if m.Annotations["org.opencontainers.image.ref.name"] != "1.0" {
			t.Errorf("annotations %v", m.Annotations)
		}
	}
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64/v8"}) {
		t.Errorf("platforms %v", platforms)
	}
}

// TestConfig: it runs without rights, has a health check, and its names lead somewhere.
func TestConfig(t *testing.T) {
	image := made(t)[0]
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config
	if c.User != "65532:65532" || c.StopSignal != "SIGTERM" || !slices.Equal(c.Healthcheck.Test, []string{"CMD", c.Entrypoint[0], "health"}) || c.Healthcheck.Retries < 1 || c.Healthcheck.Timeout <= 0 {
		t.Errorf("%+v", c)
	}
	if _, ok := c.Volumes[container.DefaultDir]; !ok {
		t.Errorf("volumes %v", c.Volumes)
	}
	files := contents(t, image)
	for name, want := range map[string]tar.Header{
		strings.TrimPrefix(c.Entrypoint[0], "/"):            {Mode: 0o755},
		strings.TrimPrefix(container.DefaultDir, "/") + "/": {Mode: 0o700, Uid: User, Gid: User},
		"run/": {Mode: 0o1777},
		"tmp/": {Mode: 0o1777},
	} {
		if h, ok := files[name]; !ok || h.Mode != want.Mode || h.Uid != want.Uid || h.Gid != want.Gid {
			t.Errorf("%s: %+v; expected %+v", name, h, want)
		}
	}
	if files["etc/passwd"].Linkname != "root:x:0:0:root:/root:/sbin/nologin\nculvert:x:65532:65532:Culvert:/etc/culvert:/sbin/nologin\n" {
		t.Errorf("passwd:\n%s", files["etc/passwd"].Linkname)
	}
	for name := range files {
		if parent := path.Dir(strings.TrimSuffix(name, "/")); parent != "." && files[parent+"/"].Mode == 0 {
			t.Errorf("%s has no directory", name)
		}
	}
}

// TestAbout: the label has the version that was given, and documents are in the image.
func TestAbout(t *testing.T) {
	paths, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	licence := filepath.Join(t.TempDir(), "LICENSE")
	os.WriteFile(licence, []byte("free"), 0o600)
	image, err := New(paths[0], About{Version: "v1.2.0+local", Documents: []string{licence}})
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := file.Config.Labels["org.opencontainers.image.version"]; got != "1.2.0-local" {
		t.Errorf("the label has version %s", got)
	}
	if h := contents(t, image)["usr/share/doc/culvert/LICENSE"]; h.Linkname != "free" || h.Mode != 0o644 || h.Uid != 0 {
		t.Errorf("LICENSE: %+v", h)
	}
	if _, err := New(paths[0], About{Documents: []string{licence + "2"}}); err == nil {
		t.Error("an image without a document that was asked for")
	}
}

// contents are the headers of an image's files, with the text of small ones as Linkname.
func contents(t *testing.T, image v1.Image) map[string]tar.Header {
	t.Helper()
	r := mutate.Extract(image)
	defer r.Close()
	files := make(map[string]tar.Header)
	for a := tar.NewReader(r); ; {
		h, err := a.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir && !strings.HasSuffix(h.Name, "/") {
			h.Name += "/"
		}
		if h.Size < 1000 {
			text, _ := io.ReadAll(a)
			h.Linkname = string(text)
		}
		files[h.Name] = *h
	}
}

// TestArchive: it is the same each time, its files have the digests they are named by, and
// what old Docker reads leads to files that are there.
func TestArchive(t *testing.T) {
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := Archive(b, "registry.example:5000/culvert:1.0", made(t)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same programs give different archives")
	}
	files := make(map[string][]byte)
	for r := tar.NewReader(&first); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name], _ = io.ReadAll(r)
		sum := sha256.Sum256(files[h.Name])
		if digest, ok := strings.CutPrefix(h.Name, "blobs/sha256/"); ok && digest != hex.EncodeToString(sum[:]) {
			t.Errorf("%s has the digest %x", h.Name, sum)
		}
	}
	var list []manifest
	if err := json.Unmarshal(files["manifest.json"], &list); err != nil || len(list) != 1 || !slices.Equal(list[0].RepoTags, []string{"registry.example:5000/culvert:1.0"}) {
		t.Fatalf("%v, %s", err, files["manifest.json"])
	}
	for _, name := range append(list[0].Layers, list[0].Config) {
		if files[name] == nil {
			t.Errorf("no %s in the archive", name)
		}
	}
	if files["oci-layout"] == nil || files["index.json"] == nil {
		t.Error("it is no layout")
	}
}

// TestRefusals: what could not run in the image does not get there.
func TestRefusals(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755)
	windows := filepath.Join(t.TempDir(), "x.exe")
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600)
	cmd := exec.Command("go", "build", "-o", windows, "main.go")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GO111MODULE=auto", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for path, want := range map[string]string{text: "make build", windows: "expected a program for Linux", filepath.Join(dir, "none"): "no such file"} {
		if _, err := New(path, About{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; expected %q", path, err, want)
		}
	}
	if err := Archive(io.Discard, "x", nil); err == nil {
		t.Error("an archive of nothing")
	}
}

func TestReference(t *testing.T) {
	for tag, want := range map[string]string{"culvert": "latest", "culvert:1.0": "1.0", "registry.example:5000/culvert": "latest", "registry.example:5000/culvert:2": "2"} {
		if got := reference(tag); got != want {
			t.Errorf("%s: %s, expected %s", tag, got, want)
		}
	}
}

// documents are a YAML file's.
func documents(t *testing.T, name string) (all []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc map[string]any
		err := d.Decode(&doc)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, doc)
	}
}

// at walks into a document by keys and indices.
func at(t *testing.T, doc any, way ...any) any {
	t.Helper()
	for _, step := range way {
		switch s := step.(type) {
		case string:
			m, ok := doc.(map[string]any)
			if !ok || m[s] == nil {
				t.Fatalf("no %v in the document, at %s", way, s)
			}
			doc = m[s]
		case int:
			l, ok := doc.([]any)
			if !ok || s >= len(l) {
				t.Fatalf("no %v in the document, at %d", way, s)
			}
			doc = l[s]
		}
	}
	return doc
}

func words(t *testing.T, doc any) (all []string) {
	t.Helper()
	for _, w := range doc.([]any) {
		all = append(all, w.(string))
	}
	return all
}

// accepted checks that variables are taken by the program.
func accepted(t *testing.T, file string, environ []string) {
	t.Helper()
	if len(environ) == 0 {
		t.Errorf("%s sets no variable", file)
	}
	if _, err := container.Read(environ, os.ReadFile); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// TestCompose: the example fits the image and the program's variables.
func TestCompose(t *testing.T) {
	config, err := made(t)[0].ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config
	for _, file := range []string{"compose.yaml", "compose.device.yaml"} {
		doc := documents(t, file)[0]
		service := at(t, doc, "services", "culvert").(map[string]any)
		if file == "compose.device.yaml" {
			if service["user"] != "0:0" || !slices.Contains(words(t, service["cap_add"]), "NET_ADMIN") {
				t.Errorf("%s: %v", file, service)
			}
			continue
		}
		var environ []string
		for name, value := range at(t, service, "environment").(map[string]any) {
			environ = append(environ, name+"="+value.(string))
		}
		accepted(t, file, environ)
		if !slices.Equal(words(t, at(t, service, "healthcheck", "test")), c.Healthcheck.Test) {
			t.Errorf("%s: another health check than the image's %v", file, c.Healthcheck.Test)
		}
		volume, target, _ := strings.Cut(words(t, service["volumes"])[0], ":")
		if _, ok := c.Volumes[target]; !ok || doc["volumes"].(map[string]any)[volume] != nil {
			t.Errorf("%s: volume %s at %s", file, volume, target)
		}
		_, port, _ := strings.Cut(words(t, service["ports"])[0], ":")
		if _, ok := c.ExposedPorts[port]; !ok {
			t.Errorf("%s: port %s", file, port)
		}
	}
}

// TestKubernetes: as TestCompose, and the Service and the volumes lead to the container.
func TestKubernetes(t *testing.T) {
	const file = "kubernetes.yaml"
	config, err := made(t)[0].ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	docs := documents(t, file)
	if len(docs) != 2 || docs[0]["kind"] != "Service" || docs[1]["kind"] != "StatefulSet" {
		t.Fatalf("%d documents", len(docs))
	}
	service, set := docs[0], docs[1]
	pod := at(t, set, "spec", "template", "spec")
	c := at(t, pod, "containers", 0)
	var environ []string
	for _, e := range at(t, c, "env").([]any) {
		environ = append(environ, at(t, e, "name").(string)+"="+at(t, e, "value").(string))
	}
	accepted(t, file, environ)
	if at(t, pod, "securityContext", "runAsUser") != User || at(t, pod, "securityContext", "fsGroup") != User || at(t, pod, "enableServiceLinks") != false {
		t.Errorf("the pod is %v", pod)
	}
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		if !slices.Equal(words(t, at(t, c, probe, "exec", "command")), config.Config.Healthcheck.Test[1:]) {
			t.Errorf("%s is not the image's health check", probe)
		}
	}
	volumes := []string{at(t, set, "spec", "volumeClaimTemplates", 0, "metadata", "name").(string)}
	for _, v := range at(t, pod, "volumes").([]any) {
		volumes = append(volumes, at(t, v, "name").(string))
	}
	var mounted []string
	for _, m := range at(t, c, "volumeMounts").([]any) {
		mounted = append(mounted, at(t, m, "mountPath").(string))
		if !slices.Contains(volumes, at(t, m, "name").(string)) {
			t.Errorf("no volume for %v", m)
		}
	}
	if !slices.Equal(mounted, []string{container.DefaultDir, "/run", "/tmp"}) {
		t.Errorf("mounted %v", mounted)
	}
	label := at(t, set, "spec", "template", "metadata", "labels", "app.kubernetes.io/name")
	if at(t, service, "spec", "selector", "app.kubernetes.io/name") != label || at(t, set, "spec", "selector", "matchLabels", "app.kubernetes.io/name") != label {
		t.Error("selectors that lead nowhere")
	}
	if at(t, service, "spec", "ports", 0, "targetPort") != at(t, c, "ports", 0, "name") || at(t, set, "spec", "serviceName") != at(t, service, "metadata", "name") {
		t.Error("names that lead nowhere")
	}
}
