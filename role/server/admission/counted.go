package admission

import (
	"context"

	"culvert/access/auth"
)

// countedChecker is a checker whose answers are counted.
type countedChecker struct {
	auth.Checker
	who   string
	count func(who string, v auth.Verdict)
}

// counted returns a checker whose answers count is told; nil: nobody is.
func counted(c auth.Checker, who string, count func(string, auth.Verdict)) auth.Checker {
	if count == nil {
		return c
	}
	return countedChecker{c, who, count}
}

// Check implements auth.Checker.
func (c countedChecker) Check(ctx context.Context, r *auth.Request, pend func(auth.Pending)) auth.Verdict {
	v := c.Checker.Check(ctx, r, pend)
	c.count(c.who, v)
	return v
}
