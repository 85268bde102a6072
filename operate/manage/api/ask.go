package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"time"
)

// Doer sends a request to a process, and returns the body of an answer that is no refusal:
// manage.Client.
type Doer interface {
	Do(ctx context.Context, method, path string, body any) (io.ReadCloser, error)
}

// Get asks for what is at a path. query is a struct of parameters by their tags, as the
// operation declares it; nil: none.
func Get[T any](ctx context.Context, d Doer, path string, query any) (*T, error) {
	if q := queryOf(query); len(q) > 0 {
		path += "?" + q.Encode()
	}
	return Ask[T](ctx, d, http.MethodGet, path, nil)
}

// Ask asks for an operation, and returns its answer; for one without, T is None.
func Ask[T any](ctx context.Context, d Doer, method, path string, body any) (*T, error) {
	answer, err := d.Do(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	into := new(T)
	if _, nothing := any(into).(*None); nothing {
		return into, nil
	}
	if err := json.NewDecoder(answer).Decode(into); err != nil {
		return nil, fmt.Errorf("%s %s: the answer is not as expected: %w", method, path, err)
	}
	return into, nil
}

// queryOf is the query of a struct's fields; what is zero is left out.
func queryOf(from any) url.Values {
	q := url.Values{}
	if from == nil {
		return q
	}
	v := reflect.ValueOf(from)
	for i := range v.NumField() {
		name, value := v.Type().Field(i).Tag.Get("query"), v.Field(i)
		if name == "" || value.IsZero() {
			continue
		}
		text := fmt.Sprint(value)
		if t, ok := value.Interface().(time.Time); ok {
			text = t.UTC().Format(time.RFC3339Nano)
		}
		q.Set(name, text)
	}
	return q
}
