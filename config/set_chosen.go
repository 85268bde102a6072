package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"culvert/internal/domain"
)

// Choice is what several `route-only` or `route-except` name.
type Choice struct {
	Networks []netip.Prefix
	// Domains are names whose addresses count, each with those below it; with "*." in front,
	// only what is below.
	Domains []string
	Users   []string // names or numbers
	Groups  []string // control groups, by their paths below the root of the hierarchy
	Started bool     // programs that `culvert run` starts
}

// Empty reports whether nothing is named.
func (c Choice) Empty() bool {
	return len(c.Networks)+len(c.Domains)+len(c.Users)+len(c.Groups) == 0 && !c.Started
}

// List names each as a line of the configuration does.
func (c Choice) List() (list []string) {
	for _, p := range c.Networks {
		list = append(list, p.String())
	}
	list = append(list, c.Domains...)
	for _, u := range c.Users {
		list = append(list, "user "+u)
	}
	for _, g := range c.Groups {
		list = append(list, "cgroup "+g)
	}
	if c.Started {
		list = append(list, "program")
	}
	return list
}

const choices = "a network such as 10.0.0.0/8 or 2001:db8::/32, a domain such as corp.example or *.corp.example, " +
	"user NAME, cgroup PATH, or program for what `culvert run` starts"

// setChoice is one `route-only` or `route-except`.
func setChoice(field func(*Config) *Choice) func(*builder, *call) error {
	return func(b *builder, d *call) error {
		c := field(b.Config)
		kind := d.args[0]
		if len(d.args) == 2 {
			return c.addPrograms(d, kind, d.args[1])
		}
		switch p, err := prefixOrAddress(kind); {
		case kind == "program":
			c.Started = true
		case kind == "user" || kind == "cgroup":
			return d.expected(kind, choices)
		case err == nil:
			c.Networks = addOnce(c.Networks, p)
		case isChosenName(kind):
			c.Domains = addOnce(c.Domains, strings.ToLower(strings.TrimSuffix(kind, ".")))
		default:
			return d.expected(kind, choices)
		}
		return nil
	}
}

func (c *Choice) addPrograms(d *call, kind, which string) error {
	switch {
	case kind == "user" && isUser(which):
		c.Users = addOnce(c.Users, which)
	case kind == "user":
		return d.expected(which, "the name or number of a user")
	case kind == "cgroup":
		path := strings.Trim(which, "/")
		if !isGroupPath(path) {
			return d.expected(which, "a control group's path below the root of the hierarchy, such as system.slice/backup.service, as /proc/PID/cgroup names it after 0::")
		}
		c.Groups = addOnce(c.Groups, path)
	default:
		return d.expected(strings.Join(d.args, " "), choices)
	}
	return nil
}

// addOnce appends without changing what others may share.
func addOnce[T comparable](list []T, v T) []T {
	if slices.Contains(list, v) {
		return list
	}
	return append(slices.Clip(list), v)
}

// isChosenName reports whether a word is a domain and not a wrong network.
func isChosenName(word string) bool {
	word = strings.TrimSuffix(strings.TrimPrefix(word, "*."), ".")
	last := word[strings.LastIndexByte(word, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return domain.Valid(word) && err != nil
}

// isUser reports whether a word may be a user of a host (useradd(8)).
func isUser(word string) bool {
	return word != "" && len(word) <= 255 && word[0] != '-' && !strings.ContainsFunc(word, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == ':' || r == '/'
	})
}

// isGroupPath reports whether a path leads nowhere else than down.
func isGroupPath(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

// checkChoices refuses what route-only and route-except cannot both say.
func checkChoices(b *builder) {
	only, except := b.Routing.Only, b.Routing.Except
	if !only.Empty() && len(except.Domains) > 0 {
		b.problem("route-except", "a domain can be excepted only from a tunnel that carries all else, and route-only names what this one carries", "remove route-except "+except.Domains[0]+", or route-only")
	}
	for _, p := range except.Networks {
		if slices.Contains(only.Networks, p) {
			b.problem("route-except", p.String()+" is in route-only, too", "remove one of the two")
		}
	}
}
