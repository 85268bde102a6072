// Package api makes a process's interface of operations: versioned paths that take and
// answer JSON, each with a scope that its caller needs, errors of one kind, and an OpenAPI
// document of the same Go types. It knows no operation but that of its own document;
// others add theirs, before the first request:
//
//	type lease struct {
//		Name  string    `json:"name" doc:"the client's name"`
//		Until time.Time `json:"until" doc:"when the lease ends"`
//	}
//	type byName struct {
//		Name string `path:"name" maxLength:"64" doc:"the client's name"`
//	}
//
//	a := api.New(api.Options{Version: "1.2"})
//	api.Add(a, api.Op{
//		Method: http.MethodGet, Path: "/v1/leases/{name}", Group: "leases", Scope: api.Read,
//		Summary: "The lease of a client", Errors: []api.Kind{api.NotFound},
//	}, func(ctx context.Context, in *byName) (*lease, error) {
//		l, ok := book.Find(in.Name)
//		if !ok {
//			return nil, api.NotFound.Error("no client has the name "+in.Name, "see GET /v1/leases for those there are")
//		}
//		return &lease{l.Name, l.Until}, nil
//	})
//	http.Serve(l, a.Handler())
//
// What an operation is asked with is a struct. Its fields have the tags path, query or
// header, and a field Body is the body; tags such as doc, enum, minimum, maxLength and
// required say what is expected, and what is not is refused with the code bad-request
// before the operation begins. A field of a body with omitempty may be left out. What it
// answers is a struct, or [None]. Who asks is in the context ([CallerOf]); whoever serves
// the handler put them there ([As]).
package api
