package api

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// The most fields that an error names, and bytes of a value that it repeats.
const (
	maxFields = 10
	maxValue  = 64
)

// fromHuma makes an error of huma's words: what it says of a request names fields.
func fromHuma(status int, message string, errs ...error) huma.StatusError {
	switch {
	case status == http.StatusUnsupportedMediaType:
		return WrongType.Error("the body is not JSON", "send application/json")
	case status >= http.StatusInternalServerError && !unread(errs):
		return Failed.Error(message, "this is a fault of the program: please report it")
	case status == http.StatusRequestTimeout || unread(errs):
		return BadRequest.Error("the body did not come to its end", "send it again")
	}
	e := BadRequest.Error(message, "GET "+DocumentPath+" has what each operation expects")
	for i, err := range errs {
		if i == maxFields {
			break
		}
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			d = &huma.ErrorDetail{Location: "body", Message: err.Error()}
		}
		e.Fields = append(e.Fields, field(d))
	}
	switch {
	case len(e.Fields) > 0:
		var said []string
		for _, f := range e.Fields {
			said = append(said, fmt.Sprintf("%s: expected %s", f.Field, f.Expected))
		}
		e.Message = strings.Join(said, ", ")
	case message == "request body is required":
		e.Message = "the body is missing: expected an object of JSON"
		e.Fields = []Field{{Field: "body", Expected: "an object of JSON"}}
	}
	return e
}

// unread reports whether one of the errors is of reading the body.
func unread(errs []error) bool {
	for _, err := range errs {
		if errors.Is(err, errUnread) {
			return true
		}
	}
	return false
}

var errUnread = errors.New("the body did not come to its end")

// field is a detail of huma's in this package's words.
func field(d *huma.ErrorDetail) Field {
	_, name, inside := strings.Cut(d.Location, ".")
	if !inside {
		name = d.Location
	}
	f := Field{Field: short(name), Expected: expected(d.Message)}
	if m := missing.FindStringSubmatch(d.Message); m != nil {
		if f.Field, f.Expected = m[1], "a value"; inside {
			f.Field = short(name) + "." + m[1]
		}
		return f
	}
	if inside && !secret.MatchString(name) {
		f.Value = shown(d.Value)
	}
	return f
}

var (
	missing = regexp.MustCompile(`^expected required property (\S+) to be present$`)
	secret  = regexp.MustCompile(`(?i)pass|secret|token|code|key|totp`)
)

// shown is a value as an error may repeat it: a short one that is neither list nor object.
func shown(v any) any {
	switch v := v.(type) {
	case string:
		return short(v)
	case bool, float64, int, int64, uint64:
		return v
	}
	return nil
}

func short(s string) string {
	if len(s) <= maxValue {
		return s
	}
	s = s[:maxValue]
	for !utf8.ValidString(s) && len(s) > maxValue-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// words are what is expected where huma's message, without "expected ", is not it.
var words = map[string]string{
	validation.MsgUnexpectedProperty:      "no field of this name",
	validation.MsgExpectedRFC3339DateTime: "a time such as 2026-03-01T12:00:00Z",
	validation.MsgExpectedBoolean:         "true or false",
	validation.MsgExpectedNumber:          "a number",
	validation.MsgExpectedInteger:         "a whole number",
	validation.MsgExpectedString:          "a string",
	validation.MsgExpectedArray:           "a list",
	validation.MsgExpectedObject:          "an object",
	"unknown query parameter":             "no parameter of this name",
	"invalid integer":                     "a whole number",
	"invalid float":                       "a number",
	"invalid boolean":                     "true or false",
	"required query parameter is missing": "a value",
	"required path parameter is missing":  "a value",
}

// expected is what a message of huma's says was expected.
func expected(message string) string {
	if w, ok := words[message]; ok {
		return w
	}
	if w, ok := strings.CutPrefix(message, "expected value to be "); ok {
		return w
	}
	if w, ok := strings.CutPrefix(message, "expected "); ok {
		return w
	}
	if strings.HasPrefix(message, "invalid date/time") {
		return "a time such as 2026-03-01T12:00:00Z"
	}
	return "JSON as the document says (" + short(message) + ")"
}
