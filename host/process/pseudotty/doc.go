// Package pseudotty makes terminals for tests of what asks, colours and hides on one.
package pseudotty
