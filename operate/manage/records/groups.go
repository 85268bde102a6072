package records

import (
	"context"
	"net/http"

	"culvert/access/users"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
)

// Group is what several users have in common.
type Group struct {
	Name       string   `json:"name" doc:"its name"`
	Require    string   `json:"require,omitempty" doc:"ways to sign in, of which a member has to go one, such as certificate+password,browser"`
	MaxDevices *int     `json:"max_devices,omitempty" doc:"how many devices a member may have"`
	Limits     *Limits  `json:"limits,omitempty" doc:"limits of members"`
	Sources    []string `json:"sources,omitempty" doc:"groups of directories whose users are in this one"`
}

// Groups are all groups.
type Groups struct {
	Groups []Group `json:"groups" nullable:"false" doc:"by name; members by GET /v1/users?group=NAME"`
	Unread
}

func groupOf(g *users.Group) Group {
	return Group{g.Name, users.FormatWays(g.Require), g.MaxDevices, limitsOf(g.Limits), g.Sources}
}

// SetGroup is what can be changed of a group.
type SetGroup struct {
	Require    Patch[string]   `json:"require,omitzero" doc:"ways to sign in; null: the group says nothing"`
	MaxDevices Patch[int]      `json:"max_devices,omitzero" doc:"how many devices a member may have"`
	Limits     SetLimits       `json:"limits,omitzero" doc:"limits of members"`
	Sources    Patch[[]string] `json:"sources,omitzero" doc:"groups of directories whose users are in this one"`
}

func (s SetGroup) apply(g *users.Group) error {
	if s.Require.Set {
		ways, err := users.ParseWays(s.Require.or(""))
		if err != nil {
			return err
		}
		g.Require = ways
	}
	g.MaxDevices, g.Sources = s.MaxDevices.pointer(g.MaxDevices), s.Sources.or(g.Sources)
	return s.Limits.apply(&g.Limits)
}

// NewGroup is a group to be added.
type NewGroup struct {
	Name string `json:"name" maxLength:"64" doc:"letters, digits or any of . _ @ -"`
	SetGroup
}

// ChangeGroup is what can be changed of a group, and of who is in it.
type ChangeGroup struct {
	SetGroup
	Add    []string `json:"add,omitempty" maxItems:"400" doc:"users to put into it"`
	Remove []string `json:"remove,omitempty" maxItems:"400" doc:"users to take out of it"`
}

// OneGroup names a group.
type OneGroup struct {
	Name string `path:"name" maxLength:"64" doc:"the group's name"`
}

func (o *operations) addGroups(a *api.API) {
	const group = "store"
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/groups", Group: group, Scope: api.Read, Summary: "Groups, by name"},
		func(ctx context.Context, _ *api.None) (*Groups, error) {
			out := &Groups{Groups: []Group{}}
			all, err := o.reading().AllGroups(ctx, out.note)
			for _, g := range all {
				out.Groups = append(out.Groups, groupOf(g))
			}
			return out, fault(err)
		})
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/groups/{name}", Group: group, Scope: api.Read, Summary: "A group", Errors: of(registrar.UnknownGroup, registrar.Unreadable)}, o.group)
	api.Add(a, api.Op{Method: http.MethodPost, Path: "/v1/groups", Group: group, Recorded: true, Scope: api.Administer, Summary: "Add a group", Errors: of(registrar.Invalid, registrar.Exists, registrar.Unreadable)},
		func(ctx context.Context, in *struct{ Body NewGroup }) (*Group, error) {
			g := users.Group{Name: in.Body.Name}
			err := in.Body.apply(&g)
			if err == nil {
				err = o.book(ctx, "POST /v1/groups").AddGroup(ctx, g)
			}
			if err != nil {
				return nil, fault(err)
			}
			return o.group(ctx, &OneGroup{g.Name})
		})
	api.Add(a, api.Op{Method: http.MethodPatch, Path: "/v1/groups/{name}", Group: group, Recorded: true, Scope: api.Administer, Summary: "Change a group, and who is in it", Errors: of(registrar.Invalid, registrar.UnknownGroup, registrar.UnknownUser, registrar.Unreadable)},
		func(ctx context.Context, in *struct {
			OneGroup
			Body ChangeGroup
		}) (*Group, error) {
			b := o.book(ctx, "PATCH /v1/groups/"+in.Name)
			err := b.ChangeGroup(ctx, in.Name, in.Body.apply)
			if err == nil && len(in.Body.Add)+len(in.Body.Remove) > 0 {
				err = b.Members(ctx, in.Name, in.Body.Add, in.Body.Remove)
			}
			if err != nil {
				return nil, fault(err)
			}
			return o.group(ctx, &in.OneGroup)
		})
	api.Add(a, api.Op{Method: http.MethodDelete, Path: "/v1/groups/{name}", Group: group, Recorded: true, Scope: api.Administer, Summary: "Remove a group, and take its members out of it", Errors: of(registrar.UnknownGroup)},
		func(ctx context.Context, in *OneGroup) (*api.None, error) {
			_, err := o.book(ctx, "DELETE /v1/groups/"+in.Name).RemoveGroup(ctx, in.Name)
			return nil, fault(err)
		})
}

func (o *operations) group(ctx context.Context, in *OneGroup) (*Group, error) {
	g, err := o.reading().Group(ctx, in.Name)
	if err != nil {
		return nil, fault(err)
	}
	out := groupOf(g)
	return &out, nil
}
