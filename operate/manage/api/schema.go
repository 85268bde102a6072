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
	events = maps.Clone(events)
	events["error"] = Error{} // what Stream sends where it fails after it began
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

// answerSchema is the schema of an answer that Handle's function writes.
func (a *API) answerSchema(op Op) *huma.Schema {
	switch {
	case len(op.Lines) > 0:
		all := &huma.Schema{Type: huma.TypeArray, Description: "lines of JSON, one after the other, each an object", Items: &huma.Schema{}}
		for _, line := range op.Lines {
			all.Items.OneOf = append(all.Items.OneOf, a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(line), true, ""))
		}
		return all
	case op.Type == "application/json":
		return &huma.Schema{Type: huma.TypeObject}
	}
	return &huma.Schema{Type: huma.TypeString, Format: "binary"}
}

// described is a schema with what it is there.
func described(s *huma.Schema, what string) *huma.Schema {
	s.Description = what
	return s
}
