package doctor

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRun: results come in the order of the checks, and a check that panics or hangs
// takes no other down.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		checks := []inspection{
			{name: "slow", look: func(_ context.Context, n *notes) { time.Sleep(time.Second); n.saw("in the end") }},
			{name: "broken", look: func(_ context.Context, n *notes) { n.problem("half", "", ""); panic("oops") }},
			{name: "hangs", budget: 2 * time.Second, look: func(context.Context, *notes) { <-release }},
			{name: "bad", look: func(_ context.Context, n *notes) { n.problem("it is broken", "a\x1b[31m", "mend it") }},
			{name: "none", look: func(_ context.Context, n *notes) { n.skip("nothing to look at") }},
		}
		began, order := time.Now(), []string{}
		r := Report{Results: run(t.Context(), checks, false, func(r Result) { order = append(order, r.Check+" "+string(r.Outcome)) })}
		if want := []string{"slow well", "broken unknown", "hangs unknown", "bad unwell", "none skipped"}; !slices.Equal(order, want) {
			t.Errorf("got %q, want %q", order, want)
		}
		if took := time.Since(began); took > 2*time.Second+grace {
			t.Errorf("it took %v: they do not run side by side", took)
		}
		if why := r.Results[1].Why; !strings.Contains(why, "oops") || !strings.Contains(why, "doctor_test.go") {
			t.Errorf("a panic is said as %q", why)
		}
		if e := r.Results[3].Findings[0].Evidence; strings.Contains(e, "\x1b") {
			t.Errorf("evidence is not made safe to print: %q", e)
		}
		if got := r.Exit(); got != ExitUnwell {
			t.Errorf("exit status %d", got)
		}
		r.Results = slices.Delete(r.Results, 3, 4)
		if got := r.Exit(); got != ExitUnknown {
			t.Errorf("exit status %d where a check could not look", got)
		}
		r.Results = r.Results[3:]
		if got := r.Exit(); got != ExitHealthy {
			t.Errorf("exit status %d of what was skipped", got)
		}
	})
}

// TestFix: what is mended is looked at again, and what cannot be mended, or is found
// again, stays a problem.
func TestFix(t *testing.T) {
	broken, stubborn := true, 0
	mendable := Finding{Severity: Problem, Text: "broken", Mend: "mend it", fix: func() (string, string, error) { broken = false; return "mended it", "break it", nil }}
	checks := []inspection{
		{name: "mended", look: func(_ context.Context, n *notes) {
			if broken {
				n.found(mendable)
			}
		}},
		{name: "stubborn", look: func(_ context.Context, n *notes) {
			n.found(Finding{Severity: Warning, Text: "as ever", fix: func() (string, string, error) { stubborn++; return "tried", "", nil }})
		}},
		{name: "denied", look: func(_ context.Context, n *notes) {
			n.found(Finding{Severity: Warning, Text: "denied", fix: func() (string, string, error) { return "", "", errors.New("not permitted") }})
		}},
	}
	r := run(t.Context(), checks, true, func(Result) {})
	if f := r[0].Findings[0]; r[0].Outcome != Well || f.Fixed != "mended it" || f.Undo != "break it" {
		t.Errorf("mended: %+v", r[0])
	}
	if f := r[1].Findings[0]; r[1].Outcome != Unwell || f.Fixed != "" || !strings.Contains(f.FixFailed, "as before") || stubborn != 1 {
		t.Errorf("stubborn: %+v", r[1])
	}
	if f := r[2].Findings[0]; r[2].Outcome != Unwell || f.FixFailed != "not permitted" {
		t.Errorf("denied: %+v", r[2])
	}
	broken = true
	r = run(t.Context(), checks[:1], false, func(Result) {})
	if r[0].Outcome != Unwell || !broken {
		t.Errorf("without --fix: %+v, mended %v", r[0], !broken)
	}
	var text bytes.Buffer
	if err := r[0].Print(&text); err != nil || !r[0].Findings[0].Fixable || !strings.Contains(text.String(), "(--fix does this)") {
		t.Errorf("what --fix would do is not said: %s, %v", &text, err)
	}
}

// TestShared: a fact is found out once, also where the one who asks has no time left.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		times := 0
		s := share(t.Context(), func(context.Context) (int, error) { times++; time.Sleep(time.Second); return 7, nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.get(ctx); err == nil {
			t.Error("no error within a millisecond")
		}
		for range 2 {
			if v, err := s.get(t.Context()); v != 7 || err != nil {
				t.Errorf("got %d, %v", v, err)
			}
		}
		if times != 1 {
			t.Errorf("found out %d times", times)
		}
		p := share(t.Context(), func(context.Context) (int, error) { panic("oops") })
		if _, err := p.get(t.Context()); err == nil || !strings.Contains(err.Error(), "oops") {
			t.Errorf("a panic: %v", err)
		}
	})
}

func TestPrint(t *testing.T) {
	r := Result{Check: "ports", Outcome: Unwell, Findings: []Finding{{Severity: Problem, Text: "held", Evidence: "by x", Mend: "kill 7"}}}
	var b bytes.Buffer
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "ports           NOT WELL\n  problem: held\n    seen: by x\n    mend: kill 7\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	all := Report{Results: []Result{r, {Outcome: Unknown}, {Findings: []Finding{{Severity: Warning, Fixed: "x"}, {Severity: Note}}}}}
	if got, want := all.Summary(), "1 problem, 1 mended, 1 not looked at."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := shell("it's"), `'it'\''s'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
