package records

import (
	"encoding/json"
	"net/netip"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"culvert/access/limits"
	"culvert/access/users"
)

// Patch is a field of a change: absent leaves what there is, null takes it away.
type Patch[T any] struct {
	Set   bool // it is there
	Value *T   // nil: null
}

// UnmarshalJSON is called where the field is there.
func (p *Patch[T]) UnmarshalJSON(text []byte) error {
	p.Set, p.Value = true, nil
	if string(text) == "null" {
		return nil
	}
	p.Value = new(T)
	return json.Unmarshal(text, p.Value)
}

// MarshalJSON is for callers in Go; leave absent fields out by omitzero.
func (p Patch[T]) MarshalJSON() ([]byte, error) { return json.Marshal(p.Value) }

// To is a field that is set to a value.
func To[T any](value T) Patch[T] { return Patch[T]{true, &value} }

// Schema is for the document.
func (Patch[T]) Schema(r huma.Registry) *huma.Schema {
	s := *huma.SchemaFromType(r, reflect.TypeFor[T]())
	s.Nullable = true
	return &s
}

// or returns what a field is set to: zero for null.
func (p Patch[T]) or(before T) T {
	switch {
	case !p.Set:
		return before
	case p.Value == nil:
		return *new(T)
	}
	return *p.Value
}

// pointer is or for what null leaves unsaid.
func (p Patch[T]) pointer(before *T) *T {
	if !p.Set {
		return before
	}
	return p.Value
}

// Limits are those of a user, a device or a group, as text; "": nothing is said.
type Limits struct {
	Up    string `json:"up,omitempty" doc:"bits a second that may come from a client, such as 5M"`
	Down  string `json:"down,omitempty" doc:"bits a second that may go to a client, such as 20M"`
	Hours string `json:"hours,omitempty" doc:"when clients may be connected, by the server's clock, such as mon-fri 08:00-18:00"`
	Quota string `json:"quota,omitempty" doc:"bytes for a day, week or month, both ways together, such as 50G/month"`
}

func limitsOf(l users.Limits) *Limits {
	if l.IsZero() {
		return nil
	}
	out := new(Limits)
	if l.Up != 0 {
		out.Up = l.Up.String()
	}
	if l.Down != 0 {
		out.Down = l.Down.String()
	}
	if l.Hours != nil {
		out.Hours = l.Hours.String()
	}
	if !l.Quota.IsZero() {
		out.Quota = l.Quota.String()
	}
	return out
}

// SetLimits are the limits of a change.
type SetLimits struct {
	Up    Patch[string] `json:"up,omitzero" doc:"bits a second from a client; null: no limit here"`
	Down  Patch[string] `json:"down,omitzero" doc:"bits a second to a client"`
	Hours Patch[string] `json:"hours,omitzero" doc:"when clients may be connected"`
	Quota Patch[string] `json:"quota,omitzero" doc:"bytes for a day, week or month"`
}

func (s SetLimits) given() bool { return s.Up.Set || s.Down.Set || s.Hours.Set || s.Quota.Set }

func (s SetLimits) apply(to *users.Limits) error {
	set := *to
	for _, one := range []struct {
		p    Patch[string]
		zero func()
		text func([]byte) error
	}{
		{s.Up, func() { set.Up = 0 }, func(b []byte) error { return set.Up.UnmarshalText(b) }},
		{s.Down, func() { set.Down = 0 }, func(b []byte) error { return set.Down.UnmarshalText(b) }},
		{s.Hours, func() { set.Hours = nil }, func(b []byte) error { return set.Hours.UnmarshalText(b) }},
		{s.Quota, func() { set.Quota = limits.Quota{} }, func(b []byte) error { return set.Quota.UnmarshalText(b) }},
	} {
		switch {
		case !one.p.Set:
		case one.p.Value == nil:
			one.zero()
		default:
			if err := one.text([]byte(*one.p.Value)); err != nil {
				return err
			}
		}
	}
	*to = set
	return nil
}

func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
