package service

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// undescribed are the places in a document's JSON where a field, a parameter or an answer has
// no description.
func undescribed(at string, node any) (places []string) {
	switch node := node.(type) {
	case []any:
		for i, each := range node {
			if p, ok := each.(map[string]any); ok && p["in"] != nil {
				places = append(places, lacking(at+" "+fmt.Sprint(p["name"]), p)...)
			}
			places = append(places, undescribed(fmt.Sprint(at, "/", i), each)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(node)) {
			each, _ := node[name].(map[string]any)
			if (name == "properties" || name == "responses") && each != nil {
				for field, about := range each {
					places = append(places, lacking(at+" "+field, about)...)
				}
			}
			places = append(places, undescribed(at+"/"+name, node[name])...)
		}
	}
	return places
}

// lacking is the place if what is there has no description of more than its name.
func lacking(place string, node any) []string {
	about, _ := node.(map[string]any)
	text, _ := about["description"].(string)
	if name := place[strings.LastIndexByte(place, ' ')+1:]; strings.TrimSpace(text) == "" || text == name {
		return []string{place}
	}
	return nil
}

// TestDescribed: the document of each role says of every field, parameter and answer what it is.
func TestDescribed(t *testing.T) {
	for _, role := range []string{"server", "client", "p2p"} {
		var document any
		if err := json.Unmarshal(contractOf(t, role).text, &document); err != nil {
			t.Fatal(err)
		}
		for _, place := range undescribed(role, document) {
			t.Errorf("%s: no description; give the field a doc tag", place)
		}
	}
	const example = `{"parameters":[{"in":"query","name":"a"},{"in":"query","name":"b","description":"b"}],"schema":{"items":{"properties":{"c":{"type":"string"},"d":{"description":"all of d"}}}}}`
	var document any
	if err := json.Unmarshal([]byte(example), &document); err != nil {
		t.Fatal(err)
	}
	if got, want := undescribed("", document), []string{"/parameters a", "/parameters b", "/schema/items c"}; !slices.Equal(got, want) {
		t.Errorf("of an example: %q, expected %q", got, want)
	}
}
