package config

import (
	"fmt"
	"slices"
	"strings"
)

// RejectedError says that a server pushed what `pull-filter reject` forbids.
type RejectedError struct {
	Option string
	Filter string // the text of the filter
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("the server pushed %s, which `pull-filter reject %s` forbids", quote(e.Option), quote(e.Filter))
}

// FilterPushed applies `pull-filter` to what a server pushed, and returns what to
// take and what it ignores. It fails with *RejectedError.
func (c *Config) FilterPushed(options []string) (kept, ignored []string, err error) {
	for _, option := range options {
		switch f := c.filterFor(option); f.Action {
		case "ignore":
			ignored = append(ignored, option)
		case "reject":
			return nil, nil, &RejectedError{Option: option, Filter: f.Text}
		default:
			kept = append(kept, option)
		}
	}
	return kept, ignored, nil
}

// filterFor returns the first filter that fits an option, or the zero one.
func (c *Config) filterFor(option string) PullFilter {
	for _, f := range c.Routing.PullFilters {
		if strings.HasPrefix(option, f.Text) {
			return f
		}
	}
	return PullFilter{}
}

// updatable are the directives that PUSH_UPDATE can change while the tunnel is up
// (management-notes.txt, push-update-broad). keepalive stands for ping and
// ping-restart.
var updatable = []string{
	"block-ipv6", "block-outside-dns", "dhcp-option", "dns", "ifconfig", "ifconfig-ipv6", "keepalive",
	"redirect-gateway", "redirect-private", "route", "route-gateway", "route-ipv6", "route-metric",
	"topology", "tun-mtu", "ping", "ping-restart",
}

// NotUpdatableError says that a server changed what only a new connection can
// change.
type NotUpdatableError struct{ Option string }

func (e *NotUpdatableError) Error() string {
	return fmt.Sprintf("the server changed %s (PUSH_UPDATE), which takes a new connection", quote(e.Option))
}

// UpdatePushed applies a PUSH_UPDATE to the options pushed before (draft,
// "PUSH_UPDATE"). An option replaces all of its name, "-name" removes them, and
// with "?" one that cannot be updated is skipped. skipped has those, and what
// `pull-filter` ignores. It fails with *NotUpdatableError or *RejectedError.
func (c *Config) UpdatePushed(before, update []string) (after, skipped []string, err error) {
	after = slices.Clone(before)
	replaced := make(map[string]bool)
	for _, option := range update {
		text, remove := strings.CutPrefix(strings.TrimSpace(option), "-")
		text, optional := strings.CutPrefix(text, "?")
		name, _, _ := strings.Cut(text, " ")
		switch f := c.filterFor(text); f.Action {
		case "reject":
			return nil, nil, &RejectedError{Option: option, Filter: f.Text}
		case "ignore":
			skipped = append(skipped, option)
			continue
		}
		if !slices.Contains(updatable, name) || remove && name != text {
			if !optional {
				return nil, nil, &NotUpdatableError{Option: option}
			}
			skipped = append(skipped, option)
			continue
		}
		if remove || !replaced[name] {
			after = withoutNamed(after, name)
			replaced[name] = true
		}
		if !remove {
			after = append(after, expandPushed(text)...)
		}
	}
	return after, skipped, nil
}

// withoutNamed leaves out all options of a name.
func withoutNamed(options []string, name string) []string {
	names := []string{name}
	if name == "keepalive" {
		names = []string{"ping", "ping-restart"}
	}
	return slices.DeleteFunc(options, func(option string) bool {
		first, _, _ := strings.Cut(strings.TrimSpace(option), " ")
		return slices.Contains(names, first)
	})
}

// expandPushed writes keepalive as the two options it stands for.
func expandPushed(option string) []string {
	words := strings.Fields(option)
	if len(words) == 3 && words[0] == "keepalive" {
		return []string{"ping " + words[1], "ping-restart " + words[2]}
	}
	return []string{option}
}
