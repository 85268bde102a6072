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
				"event": {Type: huma.TypeString, Extensions: map[string]any{"const": name}},
				"data":  registry.Schema(reflect.TypeOf(events[name]), true, ""),
			},
		})
	}
	return all
}
