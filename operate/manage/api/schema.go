package api

import (
	"maps"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// eventsSchema is the schema of a stream: a list of what may come, one beside the other.
func (a *API) eventsSchema(events map[string]any) *huma.Schema {
	registry := a.huma.OpenAPI().Components.Schemas
	all := &huma.Schema{Type: huma.TypeArray, Description: "messages, one after the other, each with id, event and data", Items: &huma.Schema{}}
	for _, name := range slices.Sorted(maps.Keys(events)) {
		all.Items.OneOf = append(all.Items.OneOf, &huma.Schema{
			Type: huma.TypeObject, Title: "Event " + name, Required: []string{"event", "data"}, AdditionalProperties: false,
			Properties: map[string]*huma.Schema{
				"id":    {Type: huma.TypeString, Description: "for the header Last-Event-ID"},
				"event": {Type: huma.TypeString, Description: "the name of the message", Extensions: map[string]any{"const": name}},
				"data":  described(registry.Schema(reflect.TypeOf(events[name]), true, ""), "what it says, on one line of JSON"),
			},
		})
	}
	return all
}

// described is a schema with what it is there.
func described(s *huma.Schema, what string) *huma.Schema {
	s.Description = what
	return s
}
