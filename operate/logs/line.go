package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"

	"culvert/internal/printable"
	"culvert/internal/subsystem"
)

// Attribute is one thing that a message names. Its value is a string, a bool, an int64, a
// uint64 or a float64.
type Attribute struct {
	Key   string
	Value any
}

// Line is a message of the log as a value. Text in it is safe to show: it went through
// printable.Line. Nobody changes one.
type Line struct {
	Time       time.Time
	Level      slog.Level
	Subsystem  subsystem.Name
	Message    string
	Attributes []Attribute
}

// Client is the name of the client that the line is about; "": none.
func (l *Line) Client() string {
	for _, a := range l.Attributes {
		if name, ok := a.Value.(string); ok && a.Key == "client" {
			return name
		}
	}
	return ""
}

// Text is the message and its attributes as the log has them, without time and level.
func (l *Line) Text() string {
	b := []byte(l.Message)
	for _, a := range l.Attributes {
		b = append(b, ' ')
		b = appendPair(b, a.Key, a.Value)
	}
	return string(b)
}

// AppendLogfmt appends the line as key=value, in the form that is called logfmt.
func (l *Line) AppendLogfmt(b []byte, times bool) []byte {
	if times {
		b = appendPair(b, "time", l.Time.Format(timeFormat))
		b = append(b, ' ')
	}
	b = appendPair(b, "level", LevelName(l.Level))
	b = appendPair(append(b, ' '), "subsystem", string(l.Subsystem))
	b = appendPair(append(b, ' '), "message", l.Message)
	for _, a := range l.Attributes {
		b = appendPair(append(b, ' '), unreserved(a.Key), a.Value)
	}
	return append(b, '\n')
}

// timeFormat is RFC 3339 to the millisecond.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// AppendJSON appends the line as an object.
func (l *Line) AppendJSON(b []byte, times bool) []byte {
	b = append(b, '{')
	if times {
		b = appendMember(b, "time", l.Time.Format(timeFormat))
	}
	b = appendMember(b, "level", LevelName(l.Level))
	b = appendMember(b, "subsystem", string(l.Subsystem))
	b = appendMember(b, "message", l.Message)
	for _, a := range l.Attributes {
		b = appendMember(b, unreserved(a.Key), a.Value)
	}
	return append(b, "}\n"...)
}

func appendMember(b []byte, key string, value any) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(appendValue(b, key), ':')
	return appendValue(b, value)
}

func appendValue(b []byte, value any) []byte {
	page := bytes.NewBuffer(b)
	out := json.NewEncoder(page)
	out.SetEscapeHTML(false)
	if err := out.Encode(value); err != nil { // of a number that JSON does not have
		page.Truncate(len(b))
		out.Encode(fmt.Sprint(value))
	}
	page.Truncate(page.Len() - 1) // its line end
	return page.Bytes()
}

// unreserved is a key beside those that each line has.
func unreserved(key string) string {
	switch key {
	case "time", "level", "subsystem", "message":
		return "about_" + key
	}
	return key
}

func appendPair(b []byte, key string, value any) []byte {
	b = append(append(b, quoted(key)...), '=')
	return append(b, quoted(fmt.Sprint(value))...)
}

// quoted is text as it is, or in quotes where it would not be seen where it ends.
func quoted(text string) string {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '=' || r == '\\' }) {
		return strconv.Quote(text)
	}
	return text
}

// attributes appends an attribute's parts, those of a group each under its own name.
func attributes(all []Attribute, prefix string, a slog.Attr) []Attribute {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			all = attributes(all, prefix, inner)
		}
		return all
	}
	if a.Equal(slog.Attr{}) {
		return all
	}
	return append(all, Attribute{printable.Line(prefix + a.Key), plain(v)})
}

// plain is a value of a kind that Attribute has.
func plain(v slog.Value) any {
	switch v.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		return v.Any()
	case slog.KindTime:
		return v.Time().Format(timeFormat)
	case slog.KindAny:
		return printable.Line(fmt.Sprintf("%+v", v.Any()))
	}
	return printable.Line(v.String())
}
