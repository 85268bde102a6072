package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Error is what an operation answers that did not do what it was asked, as RFC 9457 has
// it (application/problem+json).
type Error struct {
	Status  int     `json:"status" doc:"the status of HTTP"`
	Title   string  `json:"title" doc:"the status in words"`
	Code    string  `json:"code" doc:"which error this is, for programs: it does not change"`
	Message string  `json:"detail" doc:"what is wrong, for people"`
	Mend    string  `json:"mend,omitempty" doc:"what to do about it"`
	Fields  []Field `json:"fields,omitempty" nullable:"false" doc:"what of the request is wrong, with the code bad-request"`
}

// Field is a part of a request that is not as expected.
type Field struct {
	Field    string `json:"field" doc:"its name, with dots between those of objects; body for all of the body"`
	Value    any    `json:"value,omitempty" doc:"what it was, if short and no secret"`
	Expected string `json:"expected" doc:"what was expected"`
}

// Error is the message, and what to do.
func (e *Error) Error() string {
	if e.Mend == "" {
		return e.Message
	}
	return e.Message + "; " + e.Mend
}

// GetStatus is for huma.
func (e *Error) GetStatus() int { return e.Status }

// ContentType is for huma.
func (e *Error) ContentType(string) string { return problem }

const problem = "application/problem+json"

// Write answers with the error.
func (e *Error) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", problem)
	w.WriteHeader(e.Status)
	json.NewEncoder(w).Encode(e)
}

// Kind is a kind of errors, which operations say they may answer with.
type Kind struct {
	Status int
	Code   string
	Doc    string // when it comes
}

// Error makes an error of the kind: what is wrong, and what to do about it ("": nothing).
func (k Kind) Error(message, mend string) *Error {
	return &Error{Status: k.Status, Title: http.StatusText(k.Status), Code: k.Code, Message: message, Mend: mend}
}

// Kinds of errors that many operations have. Declare them in Op.Errors, but for those of
// every operation: BadRequest, TooLarge, WrongType, SignIn, Forbidden and Failed.
var (
	BadRequest  = Kind{http.StatusBadRequest, "bad-request", "a field is missing, unknown or not as expected; fields has which"}
	SignIn      = Kind{http.StatusUnauthorized, "sign-in", "nobody is known to ask: a token is missing, unknown, or has ended"}
	Forbidden   = Kind{http.StatusForbidden, "forbidden", "the caller's scope does not allow it"}
	NotFound    = Kind{http.StatusNotFound, "not-found", "there is nothing of the name"}
	Conflict    = Kind{http.StatusConflict, "conflict", "as things are, this cannot be done"}
	Unsupported = Kind{http.StatusConflict, "unsupported", "this process cannot do it: it is of another role, or configured without"}
	TooLarge    = Kind{http.StatusRequestEntityTooLarge, "too-large", "the body is larger than is read"}
	WrongType   = Kind{http.StatusUnsupportedMediaType, "wrong-type", "the body is not JSON"}
	TooMany     = Kind{http.StatusTooManyRequests, "too-many", "too much was asked in too short a time"}
	Failed      = Kind{http.StatusInternalServerError, "failed", "it was tried, and failed"}
	NoSuchPath  = Kind{http.StatusNotFound, "no-such-path", "this process has no operation at the path"}
	WrongMethod = Kind{http.StatusMethodNotAllowed, "wrong-method", "the path has operations of other methods, which the header Allow names"}
)

// asError is any error as one of this package's.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Failed.Error(err.Error(), "")
}

// huma has its errors made by this package, and takes names of fields as they are written: it
// knows only settings for the whole program.
func init() {
	huma.ValidateStrictCasing = true
	huma.NewError = fromHuma
	huma.NewErrorWithContext = func(_ huma.Context, status int, message string, errs ...error) huma.StatusError {
		return fromHuma(status, message, errs...)
	}
}
