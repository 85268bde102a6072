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
	Mend    string  `json:"mend" doc:"what to do about it"`
	Fields  []Field `json:"fields,omitempty" nullable:"false" doc:"what of the request is wrong, with the code bad-request"`
}

// Field is a part of a request that is not as expected.
type Field struct {
	Field    string `json:"field" doc:"its name, with dots between those of objects; body for all of the body"`
	Value    any    `json:"value,omitempty" doc:"what it was, if short and no secret"`
	Expected string `json:"expected" doc:"what was expected"`
}

// Error is the message, and what to do where that is not what its kind says: commands show it
// to people, who do not ask the API themselves.
func (e *Error) Error() string {
	if e.Mend == "" || e.Mend == general[e.Code] {
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
	Mend   string // what to do about it, where an error does not say better
}

// Error makes an error of the kind: what is wrong, and what to do about it ("": what the kind
// says).
func (k Kind) Error(message, mend string) *Error {
	if mend == "" {
		mend = k.Mend
	}
	return &Error{Status: k.Status, Title: http.StatusText(k.Status), Code: k.Code, Message: message, Mend: mend}
}

// Kinds of errors that many operations have. Declare them in Op.Errors, but for those of
// every operation: BadRequest, TooLarge, WrongType, SignIn, Forbidden and Failed.
var (
	BadRequest  = Kind{http.StatusBadRequest, "bad-request", "a field is missing, unknown or not as expected; fields has which", "send what the operation expects (GET /v1/openapi.json)"}
	SignIn      = Kind{http.StatusUnauthorized, "sign-in", "nobody is known to ask: a token is missing, unknown, or has ended", "send a token: Authorization: Bearer TOKEN"}
	Forbidden   = Kind{http.StatusForbidden, "forbidden", "the caller's scope does not allow it", "ask by a token of a larger scope"}
	NotFound    = Kind{http.StatusNotFound, "not-found", "there is nothing of the name", "list what there is, and ask for one of those"}
	Conflict    = Kind{http.StatusConflict, "conflict", "as things are, this cannot be done", "see how things are now, and ask for what can be done"}
	Unsupported = Kind{http.StatusConflict, "unsupported", "this process cannot do it: it is of another role, or configured without", "ask a process that has it (GET /v1/process says what one has)"}
	TooLarge    = Kind{http.StatusRequestEntityTooLarge, "too-large", "the body is larger than is read", "send less at a time"}
	WrongType   = Kind{http.StatusUnsupportedMediaType, "wrong-type", "the body is not JSON", "send application/json"}
	TooMany     = Kind{http.StatusTooManyRequests, "too-many", "too much was asked in too short a time", "ask again later, and less often"}
	Failed      = Kind{http.StatusInternalServerError, "failed", "it was tried, and failed", "see what the log of the process says about it, and ask again"}
	NoSuchPath  = Kind{http.StatusNotFound, "no-such-path", "this process has no operation at the path", "use one of those there are (GET /v1/openapi.json)"}
	WrongMethod = Kind{http.StatusMethodNotAllowed, "wrong-method", "the path has operations of other methods, which the header Allow names", "use one of those in the header Allow"}
)

// general is what the kinds above say to do, by their codes.
var general = func() map[string]string {
	all := make(map[string]string)
	for _, k := range []Kind{BadRequest, SignIn, Forbidden, NotFound, Conflict, Unsupported, TooLarge, WrongType, TooMany, Failed, NoSuchPath, WrongMethod} {
		all[k.Code] = k.Mend
	}
	return all
}()

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
