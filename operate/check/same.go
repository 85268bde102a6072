package check

import (
	"reflect"
	"time"

	"culvert/config"
)

// noTime is for who looks at a configuration without its keys.
var noTime time.Time

// differences returns the settings that differ, by name, such as Trust.NsCertType.
// Places and notes are none.
func differences(a, b *config.Config) (names []string) {
	compare("", reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem(), &names)
	return names
}

var posType = reflect.TypeFor[config.Pos]()

func compare(name string, a, b reflect.Value, names *[]string) {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() || f.Type == posType || f.Name == "Notes" {
			continue
		}
		path := f.Name
		if name != "" {
			path = name + "." + f.Name
		}
		x, y := a.Field(i), b.Field(i)
		switch {
		case name == "" && f.Type.Kind() == reflect.Struct:
			compare(path, x, y, names)
		case !alike(x, y):
			*names = append(*names, path)
		}
	}
}

// alike reports whether two values are the same but for places.
func alike(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return alike(a.Elem(), b.Elem())
	case reflect.Struct:
		if a.Type().PkgPath() != reflect.TypeFor[config.Config]().PkgPath() {
			return reflect.DeepEqual(a.Interface(), b.Interface())
		}
		for i := range a.NumField() {
			f := a.Type().Field(i)
			if f.IsExported() && f.Type != posType && f.Name != "Notes" && !alike(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !alike(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
