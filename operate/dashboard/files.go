package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"culvert/operate/manage/api"
)

// files are the pages, each ready to be sent. A browser asks for each again, and is told that
// it has not changed.
type files struct{ all map[string]*file }

type file struct {
	kind, tag     string
	plain, packed []byte // packed is nil where it is not smaller
}

func readFiles(pages fs.FS) (*files, error) {
	f := &files{all: map[string]*file{}}
	err := fs.WalkDir(pages, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(pages, name)
		if err != nil {
			return err
		}
		f.all["/"+name], err = prepared(name, text)
		return err
	})
	if err != nil {
		return nil, err
	}
	index := f.all["/index.html"]
	if index == nil {
		return nil, errors.New("there is no index.html")
	}
	f.all["/"] = index
	return f, nil
}

// kinds are those of the files, whatever the system's own table says.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".json": "application/json",
	".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8", ".woff2": "font/woff2",
}

func prepared(name string, text []byte) (*file, error) {
	ending := path.Ext(name)
	sum := sha256.Sum256(text)
	f := &file{kind: kinds[ending], tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`, plain: text}
	if f.kind == "" {
		f.kind = mime.TypeByExtension(ending)
	}
	if f.kind == "" {
		f.kind = "application/octet-stream"
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil && b.Len() < len(text) {
		f.packed = b.Bytes()
	}
	return f, err
}

// ServeHTTP implements http.Handler.
func (s *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := s.all[r.URL.Path]
	switch {
	case f == nil:
		problem(w, api.NotFound.Error("the dashboard has no such page", "begin at /"))
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, api.WrongMethod.Error("pages can only be read", ""))
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // asks again, with the tag
	h.Set("ETag", f.tag)
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	text := f.plain
	if f.packed != nil && takesGzip(r.Header.Get("Accept-Encoding")) {
		text = f.packed
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method == http.MethodGet {
		w.Write(text)
	}
}

// takesGzip reports whether a browser takes what is compressed.
func takesGzip(accepts string) bool {
	for word := range strings.SplitSeq(accepts, ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(word), ";")
		if name == "gzip" {
			return strings.ReplaceAll(quality, " ", "") != "q=0"
		}
	}
	return false
}
