package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Op is an operation.
type Op struct {
	Method string
	// Path begins with /v1/, with names of parameters in braces.
	Path string
	// Group is what operations belong to together, such as users: a word.
	Group string
	Scope Scope // that a caller needs
	// Summary is what it does, in a few words; Doc is more about it.
	Summary, Doc string
	// Errors are the kinds of its own.
	Errors []Kind
	// MaxBody is the most bytes of a body; 0: 1 MiB.
	MaxBody int64
	// Type is the content type of an answer that is not JSON: see Handle.
	Type string
	// Lines has examples of what a line of such an answer can be, each an object of JSON; nil: it
	// has no such lines.
	Lines []any
	// Quiet has Options.Changed not called for it: it changes nothing.
	Quiet bool
	// Recorded says that it has its own line in the audit log where it changed something.
	Recorded bool

	body bool // it is asked with a body
}

// None is for operations that are asked with nothing, or answer with nothing (204).
type None struct{}

// answered is an answer as huma has it.
type answered[Out any] struct{ Body *Out }

// raw is an answer that is written as it comes.
type raw struct{ Body func(huma.Context) }

// ownOp is the key of an Op in huma's operation.
const ownOp = "op"

// ID is the operation's name in the document.
func (op Op) ID() string {
	words := strings.FieldsFunc(strings.TrimPrefix(op.Path, "/v1"), func(r rune) bool { return strings.ContainsRune("/{}._", r) })
	return strings.ToLower(op.Method) + "-" + strings.Join(words, "-")
}

// Kinds are all kinds of errors that the operation may answer with.
func (op Op) Kinds() []Kind {
	all := []Kind{BadRequest, SignIn, TooLarge, Failed}
	if op.Scope != Read { // each caller has that at least
		all = append(all, Forbidden)
	}
	if op.body {
		all = append(all, WrongType)
	}
	return append(all, op.Errors...)
}

// Add adds an operation: f is called with what was asked, and answers with an object or an
// error, preferably one of a Kind of op.Errors. It panics where op or a type is not as
// expected, so that the program's first start shows it.
func Add[In, Out any](a *API, op Op, f func(ctx context.Context, in *In) (*Out, error)) {
	h := a.prepared(&op, asksWithBody[In]())
	if _, none := any((*Out)(nil)).(*None); none {
		huma.Register(a.huma, h, func(ctx context.Context, in *In) (*struct{}, error) {
			if _, err := f(ctx, in); err != nil {
				return nil, asError(err)
			}
			return nil, nil
		})
		return
	}
	huma.Register(a.huma, h, func(ctx context.Context, in *In) (*answered[Out], error) {
		out, err := f(ctx, in)
		if err != nil {
			return nil, asError(err)
		}
		return &answered[Out]{out}, nil
	})
}

// Handle adds an operation whose answer f writes itself, as op.Type. f must set the header
// Content-Type. An error counts where nothing was written before.
func Handle[In any](a *API, op Op, f func(w http.ResponseWriter, r *http.Request, in *In) error) {
	h := a.prepared(&op, asksWithBody[In]())
	h.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{op.Type: {Schema: a.answerSchema(op)}}}
	huma.Register(a.huma, h, func(_ context.Context, in *In) (*raw, error) {
		return &raw{func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			if err := f(w, r, in); err != nil {
				asError(err).Write(w)
			}
		}}, nil
	})
}

// prepared is huma's form of an operation.
func (a *API) prepared(op *Op, body bool) huma.Operation {
	if !strings.HasPrefix(op.Path, "/v1/") || op.Group == "" || op.Summary == "" || !Administer.Allows(op.Scope) {
		panic(fmt.Sprintf("api: %s %s: expected a path below /v1/, a group, a summary and a scope", op.Method, op.Path))
	}
	op.body = body
	if op.MaxBody == 0 {
		op.MaxBody = 1 << 20
	}
	a.ops = append(a.ops, *op)
	h := huma.Operation{
		Method: op.Method, Path: op.Path, OperationID: op.ID(), Summary: op.Summary, Description: op.Doc, Tags: []string{op.Group},
		Metadata: map[string]any{ownOp: *op}, Extensions: map[string]any{"x-scope": string(op.Scope)},
		MaxBodyBytes: -1, BodyReadTimeout: -1, // guarded has limits, which hold before and after the body
	}
	schema := a.huma.OpenAPI().Components.Schemas.Schema(errorType, true, "")
	h.Responses = map[string]*huma.Response{}
	for _, k := range op.Kinds() {
		status := strconv.Itoa(k.Status)
		r := h.Responses[status]
		if r == nil {
			r = &huma.Response{Content: map[string]*huma.MediaType{problem: {Schema: schema}}, Extensions: map[string]any{"x-codes": []string{}}}
			h.Responses[status] = r
		} else {
			r.Description += "; "
		}
		r.Description += k.Code + ": " + k.Doc
		r.Extensions["x-codes"] = append(r.Extensions["x-codes"].([]string), k.Code)
	}
	return h
}

// Find returns the operation of a method and a path as it was added.
func (a *API) Find(method, path string) (Op, bool) {
	i := slices.IndexFunc(a.ops, func(op Op) bool { return op.Method == method && op.Path == path })
	if i < 0 {
		return Op{}, false
	}
	return a.ops[i], true
}
