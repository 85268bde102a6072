//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// demo runs `culvert demo` as the processor's program: a client and a server in user
// space, with handshake, routes, a download through the tunnel, and what each stop
// saw.
func (r runner) demo(ctx context.Context, p processor) error {
	dir, err := os.MkdirTemp("", "culvert-other")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "culvert")
	build := r.command(ctx, p, "build", "-o", program, "./cmd/culvert")
	build.Stdout = os.Stdout
	if err := build.Run(); err != nil {
		return fmt.Errorf("build for %s: %w", p.name, err)
	}
	ctx, stop := context.WithTimeout(ctx, 5*time.Minute)
	defer stop()
	fmt.Printf("%s: culvert demo\n", p.name)
	command := []string{program, "demo", "--size", "10"}
	if p.qemu != "" {
		command = append([]string{r.self, within, p.name}, command...)
	}
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("culvert demo on %s: %w", p.name, err)
	}
	return nil
}
