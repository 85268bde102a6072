package store

import (
	"errors"
	"testing"
)

// TestDecode: a record is read as it was written, and what cannot be read is told apart.
func TestDecode(t *testing.T) {
	type record struct {
		Name string `json:"name"`
		Size *int   `json:"size,omitempty"`
	}
	value, err := Encode(1, record{Name: "a<b"})
	var got record
	if _, bad := Decode(Entry{Value: value}, 1, &got); err != nil || bad != nil || got.Name != "a<b" {
		t.Errorf("%+v, %v, %v", got, err, bad)
	}
	for _, c := range []struct {
		value string
		newer bool // the error is ErrNewer
		ok    bool
	}{
		{`{"v":1,"r":{"name":"a"}}`, false, true},
		{`{"r":{"name":"a","size":3},"v":2}`, false, true},
		{`{"v":1,"r":{}}`, false, true},
		{` {"v":1,"r":{}} `, false, true},
		{`{"v":3,"r":{"name":"a"}}`, true, false},
		{`{"v":3,"r":[]}`, true, false},
		{`{"v":1,"r":{"name":"a","more":1}}`, true, false},
		{`{"v":1,"r":{"name":1}}`, true, false},
		{`{"v":1,"r":{"name":"a","name":"b"}}`, true, false},
		{`{"v":1}`, false, false},
		{`{"v":0,"r":{}}`, false, false},
		{`{"r":{}}`, false, false},
		{`{"v":1,"r":{}}x`, false, false},
		{`{"v":1,"r":{`, false, false},
		{`[]`, false, false},
		{`null`, false, false},
		{``, false, false},
	} {
		_, err := Decode(Entry{Key: "k", Value: []byte(c.value)}, 2, &record{})
		if (err == nil) != c.ok || errors.Is(err, ErrNewer) != c.newer {
			t.Errorf("%s: %v", c.value, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"r":{"name":"a","size":3}}`))
	f.Add([]byte(`{"r":["a"],"v":9}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		var r struct {
			Name  string         `json:"name"`
			Other map[string]any `json:"other"`
		}
		version, err := Decode(Entry{Key: "k", Value: value}, 1, &r)
		if err == nil && version != 1 {
			t.Errorf("version %d", version)
		}
		if err != nil {
			return
		}
		again, err := Encode(1, r)
		if _, bad := Decode(Entry{Value: again}, 1, &r); err != nil || bad != nil {
			t.Errorf("%v, %v", err, bad)
		}
	})
}
