package hostnet

import (
	"errors"
	"fmt"
	"slices"
)

// chosenTwin is the twin's part that marks.
type chosenTwin struct {
	ipRules  []rule
	marked   map[string]string // the sets of tables
	cgroups  map[string]bool
	busy     map[string]bool // with programs in them
	users    map[string]uint32
	noFilter bool
}

func (t *twin) rules() ([]rule, error) { return slices.Clone(t.ipRules), nil }

func (t *twin) addRule(r rule) error {
	if slices.Contains(t.ipRules, r) {
		return errExists
	}
	return t.change("rule", func() { t.ipRules = append(t.ipRules, r) })
}

func (t *twin) delRule(r rule) error {
	if !slices.Contains(t.ipRules, r) {
		return errGone
	}
	return t.change("del rule", func() { t.ipRules = slices.DeleteFunc(t.ipRules, func(o rule) bool { return o == r }) })
}

func (t *twin) hasChosen(want chosenTable) (bool, error) {
	if t.noFilter {
		return false, errGone
	}
	text, there := t.tables[want.Table]
	return there && text == fmt.Sprintf("%+v", want), nil
}

func (t *twin) addChosen(add chosenTable, known []lesson) error {
	return t.change("chosen", func() {
		t.tables[add.Table] = fmt.Sprintf("%+v", add)
		t.marked = map[string]string{}
		for _, l := range known {
			t.marked[l.Addr.String()] = add.Table
		}
	})
}

func (t *twin) learn(table string, more []lesson) error {
	if _, there := t.tables[table]; !there {
		return errGone
	}
	return t.change("learn", func() {
		for _, l := range more {
			t.marked[l.Addr.String()] = table
		}
	})
}

func (t *twin) hasGroup(path string) (bool, error) {
	if t.cgroups == nil {
		return false, errors.New("no control groups here")
	}
	return t.cgroups[path], nil
}

func (t *twin) addGroup(path string) error {
	if t.cgroups[path] {
		return errExists
	}
	return t.change("group", func() { t.cgroups[path] = true })
}

func (t *twin) delGroup(path string) error {
	switch {
	case t.busy[path]:
		return errInUse
	case !t.cgroups[path]:
		return errGone
	}
	return t.change("del group", func() { delete(t.cgroups, path) })
}

func (t *twin) userID(name string) (uint32, error) {
	id, ok := t.users[name]
	if !ok {
		return 0, errors.New("unknown user")
	}
	return id, nil
}
