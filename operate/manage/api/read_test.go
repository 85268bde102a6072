package api

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// messages are those of a text, a line each.
func messages(text string) (all []string, err error) {
	err = ReadMessages(strings.NewReader(text), func(id, event string, data []byte) error {
		all = append(all, fmt.Sprintf("%s %s %s", id, event, data))
		return nil
	})
	return all, err
}

func TestReadMessages(t *testing.T) {
	got, err := messages(":\n\nid: 1\nevent: a\ndata: x\n\nevent: b\r\ndata:y\r\ndata: z\r\n\r\nid: 2\n\ndata: w\n\ndata: cut off\n")
	if want := "[1 a x 1 b y\nz 2  w]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	enough := errors.New("enough")
	if err := ReadMessages(strings.NewReader("data: 1\n\n"), func(string, string, []byte) error { return enough }); err != enough {
		t.Error(err)
	}
	for _, text := range []string{"data: " + strings.Repeat("x", maxMessage), strings.Repeat("data: "+strings.Repeat("x", maxMessage/3)+"\n", 4)} {
		if _, err := messages(text); err != errTooLong {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func FuzzReadMessages(f *testing.F) {
	f.Add([]byte("id: 1\nevent: a\ndata: x\n\n"))
	f.Add([]byte(":\r\n\r\ndata\ndata:\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ReadMessages(bytes.NewReader(text), func(id, event string, data []byte) error {
			if len(data) > len(text) || strings.Contains(id+event, "\n") {
				t.Errorf("%q %q %q of %q", id, event, data, text)
			}
			return nil
		})
	})
}
