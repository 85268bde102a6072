package manage

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"culvert/session/wire"
)

func TestPushUpdate(t *testing.T) {
	var got Update
	want := Updated{Told: []string{"anna"}, Unable: []string{}, Missing: []string{"peer-id 9"}}
	mux := http.NewServeMux()
	mux.Handle("POST "+UpdatePath, UpdateHandler(func(u Update) (Updated, error) {
		if got = u; len(u.Options) == 0 {
			return Updated{}, errors.New("no option given")
		}
		return want, nil
	}))
	dir := filepath.Join(t.TempDir(), "run")
	stop, err := Serve(dir, "server-a", mux)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c, err := Dial(dir, "", "")
	if err != nil {
		t.Fatal(err)
	}
	asked := Update{Names: []string{"anna"}, PeerIDs: []wire.PeerID{9}, Options: []string{"-route"}}
	if done, err := c.PushUpdate(t.Context(), asked); err != nil || !reflect.DeepEqual(done, want) || !reflect.DeepEqual(got, asked) {
		t.Errorf("asked %+v, answered %+v, %v", got, done, err)
	}
	if _, err := c.PushUpdate(t.Context(), Update{All: true}); err == nil || err.Error() != "no option given" {
		t.Errorf("a refusal: %v", err)
	}
	for body, want := range map[string]string{
		`{"optoins": []}`: "optoins",
		`{"options": ["` + strings.Repeat("x", maxUpdate) + `"]}`: "too large",
	} {
		answer, err := c.Do(t.Context(), "POST", UpdatePath, json.RawMessage(body))
		if err == nil {
			answer.Close()
			t.Errorf("%.40s is taken", body)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", body, err)
		}
	}
}

func TestUpdatedText(t *testing.T) {
	u := Updated{Told: []string{"a\x1b", "b"}, Unable: []string{"c"}}
	if got, want := string(u.Append(nil)), "told 2: a\\x1b, b\ntake no changes while connected (PUSH_UPDATE), only when they connect again 1: c\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := string(new(Updated).Append(nil)); got != "told 0\n" {
		t.Errorf("%q", got)
	}
	u = Updated{}
	for i := range 25 {
		u.Missing = append(u.Missing, fmt.Sprint(i))
	}
	if got := string(u.Append(nil)); !strings.HasSuffix(got, "18, 19 and 5 more\n") {
		t.Errorf("%q", got)
	}
}
