package service

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/host/process"
)

// fakeFence is a fence that notes what becomes of it.
type fakeFence struct {
	hostnet.Fence
	became []string
}

func (f *fakeFence) Update(_ context.Context, to hostnet.Fence) error {
	f.Fence = to
	f.became = append(f.became, "updated")
	return nil
}
func (f *fakeFence) Undo(context.Context) error { f.became = append(f.became, "undone"); return nil }
func (f *fakeFence) Leave() bool {
	if f.Persist {
		f.became = append(f.became, "left")
	}
	return f.Persist
}

// fencedStage has a life with block-outside.
func fencedStage(s *stage, persist bool) *fakeFence {
	f := new(fakeFence)
	s.load = func() (*config.Config, error) {
		return &config.Config{Process: config.Process{Verb: 3, File: "office.conf"}, Routing: config.Routing{BlockOutside: &config.BlockOutside{Persist: persist}}}, nil
	}
	s.fence.enclose = func(_ context.Context, want hostnet.Fence, _ hostnet.Options) (enclosed, error) {
		f.Fence = want
		return f, nil
	}
	return f
}

// TestEndsOfFence: with persist, only an end that the user asked for opens the host; any
// other leaves it closed, and says how to open it. Without persist each end opens it.
func TestEndsOfFence(t *testing.T) {
	fails := func(err error) func(*stage) {
		return func(s *stage) {
			s.open = func(r roles, c *config.Config) (opened, error) { return opened{}, err }
			s.run()
		}
	}
	for _, c := range []struct {
		what  string
		asked bool
		end   func(*stage)
	}{
		{"SIGTERM", true, func(s *stage) { s.run(); s.signal(process.Exit) }},
		{"disconnect", true, func(s *stage) {
			var quit func()
			s.open = func(r roles, c *config.Config) (opened, error) { quit = r.quit; return s.role(r, c), nil }
			s.run()
			quit()
		}},
		{"the caller", true, func(s *stage) { s.run(); s.end(errors.New("enough")) }},
		{"an error at the start", false, fails(errors.New("no such device"))},
		{"an error", false, func(s *stage) {
			var failed func(error)
			s.open = func(r roles, c *config.Config) (opened, error) { failed = r.failed; return s.role(r, c), nil }
			s.run()
			failed(errors.New("wrong password"))
		}},
		{"inactive", false, func(s *stage) {
			s.open = func(r roles, c *config.Config) (opened, error) {
				o := s.role(r, c)
				o.role = endsAtOnce{o.role}
				return o, nil
			}
			s.run()
		}},
	} {
		for _, persist := range []bool{false, true} {
			t.Run(c.what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t)
					f := fencedStage(s, persist)
					c.end(s)
					_ = s.over()
					want, times := "undone", 0
					if persist && !c.asked {
						want, times = "left", 1
					}
					if !slices.Equal(f.became, []string{want}) {
						t.Errorf("persist %v: %q, want %s", persist, f.became, want)
					}
					s.said(`command="culvert cleanup --state-dir `+s.StateDir, times)
				})
			})
		}
	}
}

// endsAtOnce is a role that has nothing more to do, as one that was inactive.
type endsAtOnce struct{ role }

func (endsAtOnce) Run(context.Context) error { return nil }

// TestFenceOfProfile: a profile's fence keeps its name when the profile is edited, and its
// content when that is renamed; two files of one content are two.
func TestFenceOfProfile(t *testing.T) {
	dir := t.TempDir()
	read := func(file, host string) hostnet.Fence {
		return fenceFor(&config.Config{Process: config.Process{File: file}, Routing: config.Routing{BlockOutside: new(config.BlockOutside)},
			Link: config.Link{Remotes: []config.Remote{{Host: host, Port: "1194"}}}})
	}
	one := read(filepath.Join(dir, "a.conf"), "vpn.example")
	edited := read(filepath.Join(dir, "a.conf"), "192.0.2.1")
	renamed := read(filepath.Join(dir, "b.conf"), "vpn.example")
	if one.Name != edited.Name || one.Content == edited.Content || one.Name == renamed.Name || one.Content != renamed.Content {
		t.Errorf("one: %+v\nedited: %+v\nrenamed: %+v", one, edited, renamed)
	}
	if one.Profile != filepath.Join(dir, "a.conf") {
		t.Errorf("the profile of %q is %q", filepath.Join(dir, "a.conf"), one.Profile)
	}
	t.Chdir(dir)
	if there := read("a.conf", "vpn.example"); there.Name != one.Name {
		t.Error("named from elsewhere, it is another profile")
	}
	if line := read("", "vpn.example"); line.Name != line.Content || line.Profile != "" {
		t.Errorf("of a command line: %+v", line)
	}
}

// TestFenceFollows: a configuration that is read again changes the fence, from another
// directory too, and one without the line takes it away.
func TestFenceFollows(t *testing.T) {
	s := newStage(t)
	f := fencedStage(s, true)
	c, _ := s.load()
	l := s.newLog(c, false, s.Options)
	for range 2 {
		if err := s.fence.follow(t.Context(), c, s.Options, l); err != nil {
			t.Fatal(err)
		}
		t.Chdir(os.TempDir())
	}
	c.Routing.BlockOutside = nil
	if err := s.fence.follow(t.Context(), c, s.Options, l); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.became, []string{"updated", "undone"}) {
		t.Errorf("%q", f.became)
	}
}
