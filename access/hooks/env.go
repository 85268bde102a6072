// Package hooks runs the programs of a configuration, such as client-connect and
// up, and says what they are told: their arguments, and their environment (Env).
// It knows no role and no network.
package hooks

import (
	"slices"
	"strconv"
	"strings"

	"culvert/internal/printable"
)

// Env is the environment of a program, in the order in which OpenVPN hands it out:
// the variable that was set last comes first. Tools that read it by the management
// protocol see that order (>CLIENT:ENV, >UPDOWN:ENV). The zero value is empty. It is
// not safe for concurrent use; give each goroutine a Clone.
type Env struct {
	set []Variable // oldest first
}

// Variable is one variable of an environment.
type Variable struct{ Name, Value string }

// String returns NAME=VALUE.
func (v Variable) String() string { return v.Name + "=" + v.Value }

// Set sets a variable, which becomes the newest. As with OpenVPN, what has no place in a
// name (SafeName), and control characters in a value, are left out, and so is a variable
// without a name. What else could end a line becomes an underscore.
func (e *Env) Set(name, value string) {
	if name = SafeName(name); name == "" {
		return
	}
	e.Unset(name)
	e.set = append(e.set, Variable{name, printable.Value(withoutControls(value))})
}

// SetInt sets a variable to a number.
func (e *Env) SetInt(name string, value int64) { e.Set(name, strconv.FormatInt(value, 10)) }

// SetBool sets a variable to 1 or 0.
func (e *Env) SetBool(name string, value bool) {
	if value {
		e.Set(name, "1")
		return
	}
	e.Set(name, "0")
}

// SetPeer sets a variable whose name and value a peer chose, in its peer-info. A name
// counts only if it begins with IV_ or UV_ and a variable may be called that. As with
// OpenVPN, what a shell could take for a command ($, ( and `), spaces, and each byte
// that is not printable ASCII become underscores.
func (e *Env) SetPeer(name, value string) {
	if !strings.HasPrefix(name, "IV_") && !strings.HasPrefix(name, "UV_") || SafeName(name) != name {
		return
	}
	safe := []byte(value)
	for i, b := range safe {
		if b <= ' ' || b >= 0x7f || b == '$' || b == '(' || b == '`' {
			safe[i] = '_'
		}
	}
	e.Set(name, string(safe))
}

// Unset removes a variable, if there is one of that name.
func (e *Env) Unset(names ...string) {
	e.set = slices.DeleteFunc(e.set, func(v Variable) bool { return slices.Contains(names, v.Name) })
}

// UnsetAll removes the variables whose names begin with a word.
func (e *Env) UnsetAll(begin string) {
	e.set = slices.DeleteFunc(e.set, func(v Variable) bool { return strings.HasPrefix(v.Name, begin) })
}

// Get returns a variable's value, "" if it is not set.
func (e *Env) Get(name string) string {
	for _, v := range e.set {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// Add sets all variables of another environment, from its oldest to its newest.
func (e *Env) Add(other *Env) {
	if other == nil {
		return
	}
	for _, v := range other.set {
		e.Set(v.Name, v.Value)
	}
}

// Clone returns a copy.
func (e *Env) Clone() *Env {
	if e == nil {
		return new(Env)
	}
	return &Env{set: slices.Clone(e.set)}
}

// Inherit returns a copy for somebody who goes on from here, such as a server's
// client: as with OpenVPN, what they inherit comes after all that is set later, the
// oldest first.
func (e *Env) Inherit() *Env {
	c := e.Clone()
	slices.Reverse(c.set)
	return c
}

// All returns the variables, newest first.
func (e *Env) All() []Variable {
	if e == nil {
		return nil
	}
	all := slices.Clone(e.set)
	slices.Reverse(all)
	return all
}

// List returns the variables as NAME=VALUE, newest first.
func (e *Env) List() []string {
	all := e.All()
	list := make([]string, len(all))
	for i, v := range all {
		list[i] = v.String()
	}
	return list
}

// SafeName returns a variable's name without all but ASCII letters, digits and
// underscores.
func SafeName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return -1
	}, name)
}

// withoutControls returns a value without the control characters of ASCII.
func withoutControls(value string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, value)
}
