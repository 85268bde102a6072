// Package pages is the dashboard as a browser sees it: HTML, CSS and JavaScript modules
// without a framework, embedded. It asks nothing but the API (/v1) and the dashboard's
// sign-in (/auth), both at the address that it was loaded from, and works under a policy that
// forbids everything inline, evaluated or from elsewhere.
package pages

import (
	"embed"
	"io/fs"
)

//go:embed web
var files embed.FS

// FS returns the files; index.html is the page for "/".
func FS() fs.FS {
	sub, err := fs.Sub(files, "web")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}
