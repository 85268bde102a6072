package demo

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

const testSize = 1 << 20

// play runs the demonstration over a site, and checks that it leaves no files.
func play(t *testing.T, ctx context.Context, s *site, terminal bool) (string, error) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	var out strings.Builder
	err := userSpaceWith(ctx, Options{Out: &out, Terminal: terminal, Size: testSize}, s)
	left, readErr := os.ReadDir(tmp)
	if readErr != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, readErr)
	}
	return out.String(), err
}

func TestUserSpace(t *testing.T) {
	out, err := play(t, t.Context(), newSite(testSize), false)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		`web server  listens on 127\.0\.0\.1:\d+`,
		`client      connected after .* in the tunnel is 10\.8\.0\.2, the cipher AES-256-GCM`,
		`round trip  \d.* through the tunnel`,
		`http://198\.51\.100\.80/: 204 bytes in .* SHA-256`,
		`\n +[1-9]\d? %  1MiB  `,
		`100 %  1MiB  `,
		`http://198\.51\.100\.80/1MiB: 1,048,576 bytes in .* SHA-256`,
		`● application  10\.8\.0\.2:`,
		`route: 198\.51\.100\.80 is in 128\.0\.0\.0/1 via 10\.8\.0\.1`,
		`(?s)● client's adapter  10\.8\.0\.2 .*↑ +\S+ packets +[1-9][\d.]* MB  \d[\d,.]* µs each into the stack`,
		`(?s)● client  socket 127\.0\.0\.1:.*to seal.*µs each to open`,
		`(?s)● server  socket 127\.0\.0\.1:.*to open.*to seal, and \d`,
		`● server's adapter  10\.8\.0\.1`,
		`GET /1MiB from 127\.0\.0\.1:\d+: sent 1,048,576 bytes`,
		`\ndemo: ok\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the output lacks %s", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestProgressBar(t *testing.T) {
	out, err := play(t, t.Context(), newSite(testSize), true)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`\r  █+░+ +\d+ %  1MiB  `).MatchString(out) || !strings.Contains(out, "\r  "+strings.Repeat("█", 30)+" 100 %  1MiB  ") {
		t.Errorf("no bar that grows to its end:\n%q", out)
	}
}

func TestChangedContent(t *testing.T) {
	s := newSite(testSize)
	large := s.files[1]
	good := large.open
	large.open = func() io.Reader {
		large.open = good // what the hash is made of
		return io.LimitReader(io.MultiReader(strings.NewReader("!"), good()), testSize)
	}
	out, err := play(t, t.Context(), s, false)
	if err == nil || !strings.Contains(err.Error(), "1MiB changed on its way: received 1048576 bytes with SHA-256") {
		t.Errorf("error: %v", err)
	}
	if strings.Contains(out, "demo: ok") || !strings.Contains(out, completed) {
		t.Errorf("expected no ok, and the end of the log:\n%s", out)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	s := newSite(testSize)
	s.files[1].open = func() io.Reader {
		interrupt()
		return never(t.Context().Done())
	}
	out, err := play(t, ctx, s, false)
	if !errors.Is(err, context.Canceled) || strings.Contains(out, "demo: ok") {
		t.Errorf("error: %v\n%s", err, out)
	}
}

// never is a file whose content does not come before the end.
type never <-chan struct{}

func (n never) Read([]byte) (int, error) {
	<-n
	return 0, io.EOF
}

func TestNoSize(t *testing.T) {
	for name, run := range map[string]func(context.Context, Options) error{"user space": UserSpace, "kernel": Kernel} {
		if err := run(t.Context(), Options{Out: io.Discard}); err == nil {
			t.Errorf("%s: size 0 was accepted", name)
		}
	}
}
