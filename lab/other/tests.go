//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// outcome is what tests did.
type outcome struct {
	ran, failed map[id]bool
	ended       map[string]bool // packages whose tests came to their end, and none died
	output      map[id]*bytes.Buffer
}

// event is a line of go test -json (go doc test2json). ImportPath is given while
// something is built.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

const module = "culvert"

// readOutcome reads what go test -json writes, until the end.
func readOutcome(r io.Reader) (outcome, error) {
	o := outcome{map[id]bool{}, map[id]bool{}, map[string]bool{}, map[id]*bytes.Buffer{}}
	for d := json.NewDecoder(r); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return o, nil
		} else if err != nil {
			return o, fmt.Errorf("go test -json: %w", err)
		}
		o.add(e)
	}
}

func (o outcome) add(e event) {
	pkg, _, _ := strings.Cut(e.Package+e.ImportPath, " ")
	i := id{strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/"), e.Test}
	if i.pkg == "" {
		i.pkg = "."
	}
	switch e.Action {
	case "output", "build-output":
		if o.output[i] == nil {
			o.output[i] = new(bytes.Buffer)
		}
		o.output[i].WriteString(e.Output)
		// The last word of package testing, which it does not say if a test died.
		if e.Output == "FAIL\n" && e.Test == "" {
			o.ended[i.pkg] = true
		}
	case "pass":
		o.ran[i] = true
	case "fail":
		o.ran[i], o.failed[i] = true, true
	}
}

// quickly are, by processor, the packages that lay out bytes for the kernel and for the
// wire, where the order of bytes is the other one; the one with assembly; and sockets,
// whose errors are others on Windows.
var quickly = map[string][]string{
	"s390x": {
		"internal/checksum", "internal/buf", "link", "nic", "nic/tuntap", "nic/frame", "nic/bridge", "nic/ether/...", "nic/hub", "nic/lan",
		"session/wire", "session/wrap", "session/reliable", "session/framing", "session/seal", "host/hostnet/...", "host/privsep",
	},
	"arm64": {"host/process"},
	windows: {"link", "internal/sockerr"},
}

// elsewhere are packages whose tests look at the source, or drive programs of this
// machine (compilers among them): no processor changes their answer.
var elsewhere = []string{"internal/archtest", "lab/...", "packaging/..."}

// runner runs what it is told for one processor after the other.
type runner struct {
	self     string // this program
	known    []entry
	quick    bool
	packages []string // to run instead of the usual ones
}

// processor runs the tests for a processor, and the demo unless it is quick.
func (r runner) processor(ctx context.Context, p processor) error {
	began := time.Now()
	err := r.tests(ctx, p)
	if p.name != windows && !r.quick && len(r.packages) == 0 { // `make test` runs that of Windows
		err = errors.Join(err, r.demo(ctx, p))
	}
	fmt.Printf("%s: %.0f s\n", p.name, time.Since(began).Seconds())
	return err
}

// command returns a go command for the processor.
func (r runner) command(ctx context.Context, p processor, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+p.name)
	if p.name == windows {
		c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	}
	c.Stderr = os.Stderr
	return c
}

// tests runs unit tests for the processor.
func (r runner) tests(ctx context.Context, p processor) error {
	packages, err := r.choose(ctx, p)
	if err != nil {
		return err
	}
	known := of(r.known, p)
	args := []string{"test", "-json", "-count=1", "-vet=off", "-timeout=20m"}
	if p.qemu != "" {
		args = append(args, "-exec="+r.self+" "+within+" "+p.name)
	}
	if r.quick && len(known) > 0 {
		args = append(args, "-skip="+skip(known))
		known = nil
	}
	c := r.command(ctx, p, append(args, packages...)...)
	if p.name == windows {
		c = exec.CommandContext(ctx, ".ci/windows", append(args, packages...)...)
		c.Stderr = os.Stderr
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	o, err := readOutcome(out)
	if end := c.Wait(); err == nil && end != nil && len(o.failed) == 0 {
		err = fmt.Errorf("go test for %s: %w", p.name, end)
	}
	if err != nil {
		return err
	}
	return report(p, o, known)
}

// choose returns the import paths of the packages to test.
func (r runner) choose(ctx context.Context, p processor) ([]string, error) {
	patterns := r.packages
	if len(patterns) == 0 && r.quick {
		for _, q := range quickly[p.name] {
			patterns = append(patterns, "./"+q)
		}
		if len(patterns) == 0 {
			return nil, fmt.Errorf("nothing is quick for %s; leave out -quick", p.name)
		}
	}
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	out, err := r.command(ctx, p, append([]string{"list"}, patterns...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var packages []string
	for _, pkg := range strings.Fields(string(out)) {
		if len(r.packages) > 0 || !below(strings.TrimPrefix(pkg, module+"/"), elsewhere) {
			packages = append(packages, pkg)
		}
	}
	return packages, nil
}

// below reports whether a package is one of the patterns'.
func below(pkg string, patterns []string) bool {
	for _, p := range patterns {
		dir, all := strings.CutSuffix(p, "/...")
		if pkg == dir || all && strings.HasPrefix(pkg, dir+"/") {
			return true
		}
	}
	return false
}

// report prints what failed, and what is wrong with the list of what must.
func report(p processor, o outcome, known []entry) error {
	failures, wrong := judge(o, known)
	for _, f := range failures {
		fmt.Printf("%s: FAIL %s\n", p.name, f)
		if text := o.output[f]; text != nil {
			fmt.Print(text)
		}
	}
	for _, w := range wrong {
		fmt.Printf("%s: lab/other/known.txt: %s\n", p.name, w)
	}
	passed := 0
	for i := range o.ran {
		if i.test != "" && !o.failed[i] {
			passed++
		}
	}
	fmt.Printf("%s: %d tests passed, %d entries of lab/other/known.txt\n", p.name, passed, len(known))
	if n := len(failures) + len(wrong); n > 0 {
		return fmt.Errorf("%s: %d faults", p.name, n)
	}
	return nil
}
