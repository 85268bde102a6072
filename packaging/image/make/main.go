// Command make writes a container image of the program: `make image` runs it.
package main

import (
	"flag"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"culvert/packaging/image"
)

func main() {
	out := flag.String("o", "bin/culvert-image.tar", "the archive to write")
	tag := flag.String("tag", "culvert:latest", "the image's name")
	var about image.About
	flag.StringVar(&about.Version, "version", "", "the version for the label (default what Go noted in the program)")
	flag.Func("doc", "a text for /usr/share/doc/culvert; may be repeated", func(path string) error {
		about.Documents = append(about.Documents, path)
		return nil
	})
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: make [-o FILE] [-tag NAME:VERSION] [-version VERSION] [-doc FILE]... PROGRAM...\nOne static program for each processor.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*out, *tag, about, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func write(out, tag string, about image.About, programs []string) error {
	var images []v1.Image
	for _, path := range programs {
		i, err := image.New(path, about)
		if err != nil {
			return err
		}
		images = append(images, i)
	}
	f, err := os.Create(out + ".new")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := image.Archive(f, tag, images); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), out)
}
