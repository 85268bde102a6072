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
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: make [-o FILE] [-tag NAME:VERSION] PROGRAM...\nOne static program for each processor.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*out, *tag, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func write(out, tag string, programs []string) error {
	var images []v1.Image
	for _, path := range programs {
		i, err := image.New(path)
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
