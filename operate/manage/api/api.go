package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// DocumentPath is where the OpenAPI document is.
const DocumentPath = "/v1/openapi.json"

// Options say how an API is.
type Options struct {
	// Version of the program, for the document.
	Version string
	// Log hears of faults; nil: nobody does.
	Log *slog.Logger
	// Changed, if not nil, is called after each operation that is no GET.
	Changed func(ctx context.Context, c Change)
}

// Change is an operation that was asked for.
type Change struct {
	Caller Caller
	Op     Op
	Path   string // as it was asked for
	Status int    // of the answer
}

// API is the operations of a process. Add them before the first request.
type API struct {
	o    Options
	huma huma.API
	mux  *http.ServeMux
	ops  []Op
}

// New returns an API that has its document.
func New(o Options) *API {
	a := &API{o: o, mux: http.NewServeMux()}
	if o.Log == nil {
		a.o.Log = slog.New(slog.DiscardHandler)
	}
	formats := map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	a.huma = huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "Culvert", Version: cmp.Or(o.Version, "0"),
				Description: "The operations of one process. Each has x-scope, which its caller needs: read, operate or administer. Besides the errors of an operation (x-codes), all answer with 429 too-many to who shows wrong tokens again and again, and with 403 cross-site to what a browser asks for a page of another site; other paths answer with 404 no-such-path, and other methods with 405 wrong-method."},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "made by culvert token add; on the local socket, the user's own rights count"}},
			},
			Security: []map[string][]string{{"token": {}}, {}},
		},
		Formats: formats, DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
	}, adapter{a})
	a.document()
	return a
}

// document adds the operation of the document.
func (a *API) document() {
	Handle[None](a, Op{Method: http.MethodGet, Path: DocumentPath, Group: "document", Scope: Read, Summary: "This document", Type: "application/json"},
		func(w http.ResponseWriter, _ *http.Request, _ *None) error {
			text, err := a.Document()
			if err != nil {
				return err
			}
			w.Header().Set("Content-Type", "application/json")
			w.Write(text)
			return nil
		})
}

// Document is the OpenAPI document, as JSON.
func (a *API) Document() ([]byte, error) { return a.huma.OpenAPI().MarshalJSON() }

// Ops are the operations, in the order in which they were added.
func (a *API) Ops() []Op { return slices.Clone(a.ops) }

// Groups are the names of groups of operations, sorted.
func (a *API) Groups() []string {
	var all []string
	for _, op := range a.ops {
		all = append(all, op.Group)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Handler answers requests. Callers are in the requests' contexts; see As.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == "" || path.Clean(r.URL.Path) != r.URL.Path { // the mux would answer with another address
		a.nothing(w, r, nil)
		return
	}
	h, pattern := a.mux.Handler(r)
	if pattern == "" || r.Method == http.MethodHead {
		a.nothing(w, r, h)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// nothing answers where there is no operation; h is what the mux would do, nil if it was not asked.
func (a *API) nothing(w http.ResponseWriter, r *http.Request, h http.Handler) {
	var methods []string
	if h != nil {
		for _, m := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
			asked := r.Clone(r.Context())
			asked.Method = m
			if _, pattern := a.mux.Handler(asked); pattern != "" {
				methods = append(methods, m)
			}
		}
	}
	if len(methods) > 0 {
		allow := strings.Join(methods, ", ")
		w.Header().Set("Allow", allow)
		WrongMethod.Error(short(r.Method)+" is none of this path's methods: "+allow, "").Write(w)
		return
	}
	NoSuchPath.Error("this process has no operation at "+short(r.URL.Path), "GET "+DocumentPath+" has all there are").Write(w)
}

// adapter has huma's operations served by the API's mux.
type adapter struct{ *API }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	own := op.Metadata[ownOp].(Op)
	a.mux.Handle(own.Method+" "+own.Path, a.guarded(own, op, handler))
}

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.serve(w, r) }

// schemaName is a type's name in the document: with its package's, so that no two have the
// same, but for those of this package.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	pkg := path.Base(t.PkgPath())
	if pkg == "." || pkg == "api" || strings.HasPrefix(strings.ToLower(name), pkg) {
		return name
	}
	first, size := utf8.DecodeRuneInString(pkg)
	return string(unicode.ToUpper(first)) + pkg[size:] + name
}
