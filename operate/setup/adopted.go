package setup

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Adopted is a directory for a server that another program ran until now. Whoever
// fills it in has read the server's own files; nothing here looks at them.
type Adopted struct {
	Dir        string // absolute
	Host       string // DNS name or IP address that clients connect to
	Port       int
	Proto      string // udp or tcp
	ServerName string // the common name of the server's certificate
	Control    string // tls-crypt-v2, tls-crypt, tls-auth or none
	// Head is the first lines of new profiles: all but certificates and keys.
	Head    []byte
	Dirs    []string // directories that are there even if they are empty, relative to Dir
	Files   []AdoptedFile
	Clients []AdoptedClient
}

// AdoptedFile is a file of the directory as it was elsewhere, or server.conf.
type AdoptedFile struct {
	Name   string // relative to the directory
	Data   []byte
	Secret bool // only its owner may read it
}

// AdoptedClient is a client with its certificates, first the one that counts. A
// certificate that is only known by its number is made by Unseen.
type AdoptedClient struct {
	Name  string // that Recordable accepts, each once
	Certs []*x509.Certificate
}

// The names of an adopted directory's files.
const (
	AdoptedCA       = caCertFile
	AdoptedCAKey    = caKeyFile
	AdoptedCert     = serverCertFile
	AdoptedKey      = serverKeyFile
	AdoptedList     = listFile
	AdoptedConf     = serverConfFile
	AdoptedTemplate = headFile
)

// Check returns why Write would refuse the directory, without a look at the disk.
func (a *Adopted) Check() error {
	r := a.reach()
	if err := r.check(); err != nil {
		return err
	}
	for _, c := range a.Clients {
		if !Recordable(c.Name) || len(c.Certs) == 0 {
			return fmt.Errorf("client %.80q cannot be recorded", c.Name)
		}
	}
	return nil
}

func (a *Adopted) reach() reach {
	r := reach{Host: a.Host, Port: a.Port, ServerName: a.ServerName}
	if a.Proto != "udp" {
		r.Proto = a.Proto
	}
	if a.Control != controlV2 {
		r.Control = cmp.Or(a.Control, controlNone)
	}
	return r
}

// Write makes the directory. It has to be missing or empty, else the error wraps
// fs.ErrExist. A call that fails leaves nothing behind; one that is killed leaves no
// culvert.json, without which it is no server's directory.
func (a *Adopted) Write() (err error) {
	if err := a.Check(); err != nil {
		return err
	}
	made, err := emptyDir(a.Dir)
	defer func() {
		if err != nil {
			removeAll(made)
		}
	}()
	if err != nil {
		return denied(err)
	}
	way, err := a.reach().encode()
	if err != nil {
		return err
	}
	for _, d := range a.Dirs {
		dirs, err := makeDirs(filepath.Join(a.Dir, d))
		made = append(made, dirs...)
		if err != nil {
			return denied(err)
		}
	}
	files := a.files()
	if err := writeAll(a.Dir, files, &made); err != nil {
		return denied(err)
	}
	last := file{filepath.Join(a.Dir, reachFile), way, publicFile}
	if err := reserve(last); err != nil {
		return err
	}
	made = append(made, last.path)
	return fill(last)
}

// files are all but culvert.json.
func (a *Adopted) files() (all []file) {
	for _, f := range a.Files {
		perm := fs.FileMode(publicFile)
		if f.Secret {
			perm = privateFile
		}
		all = append(all, file{filepath.Join(a.Dir, f.Name), f.Data, perm})
	}
	for _, c := range a.Clients {
		var text []byte
		for _, cert := range c.Certs {
			text = appendRecord(text, cert)
		}
		all = append(all, file{recordPath(a.Dir, c.Name), text, publicFile})
	}
	return append(all, file{filepath.Join(a.Dir, headFile), a.Head, publicFile})
}

// emptyDir makes a directory, or finds it empty, and returns what it made.
func emptyDir(dir string) (made []string, err error) {
	if made, err = makeDirs(dir); err != nil {
		return made, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return made, err
	}
	if len(entries) > 0 {
		return made, fmt.Errorf("%s exists and is not empty (%s); choose another place with --dir: %w", dir, entries[0].Name(), fs.ErrExist)
	}
	return made, nil
}

// writeAll writes new files into a directory that nobody uses yet. They are on the disk
// when it returns. made gets what it made, in order.
func writeAll(dir string, files []file, made *[]string) error {
	var opened []string
	for _, f := range files {
		dirs, err := makeDirs(filepath.Dir(f.path))
		*made = append(*made, dirs...)
		if err != nil {
			return err
		}
		h, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.perm)
		if err != nil {
			return err
		}
		*made = append(*made, f.path)
		opened = append(opened, f.path)
		_, err = h.Write(f.data)
		if err := errors.Join(err, h.Close()); err != nil {
			return err
		}
	}
	return syncFiles(dir, opened)
}

// syncEach waits for several files at a time, which the disk can write together.
func syncEach(files []string) error {
	const atOnce = 32
	errs := make([]error, len(files))
	var all sync.WaitGroup
	for worker := range min(atOnce, len(files)) {
		all.Go(func() {
			for i := worker; i < len(files); i += atOnce {
				errs[i] = syncFile(files[i])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func syncFile(path string) error {
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(h.Sync(), h.Close())
}
