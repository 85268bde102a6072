package manage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"testing"

	"culvert/operate/backend/backendtest"
	"culvert/operate/manage/api"
)

// TestLargeBody: whoever sends too much reads why it was refused, also if they send all of it
// before they read, or do not say how much it is.
func TestLargeBody(t *testing.T) {
	c := serve(t, backendtest.New())
	body := append(append([]byte(`{"all":true,"options":["`), bytes.Repeat([]byte("x"), 4<<20)...), `"]}`...)
	for range 10 {
		answer, err := c.Do(t.Context(), http.MethodPost, UpdatePath, json.RawMessage(body))
		if err == nil {
			answer.Close()
		}
		if e := new(api.Error); !errors.As(err, &e) || e.Status != 413 || e.Code != api.TooLarge.Code || e.Mend == "" {
			t.Fatalf("the client: %v", err)
		}
	}
	for what, send := range map[string]func(w io.Writer) error{
		"a body of known length": func(w io.Writer) error {
			fmt.Fprintf(w, "Content-Length: %d\r\n\r\n", len(body))
			_, err := w.Write(body)
			return err
		},
		"a body in parts": func(w io.Writer) error {
			fmt.Fprint(w, "Transfer-Encoding: chunked\r\n\r\n")
			parts := httputil.NewChunkedWriter(w)
			_, err := parts.Write(body)
			return err
		},
	} {
		for range 5 {
			conn, err := c.dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			whole := conn.(patient).Conn
			fmt.Fprintf(whole, "POST %s HTTP/1.1\r\nHost: culvert\r\nContent-Type: application/json\r\n", UpdatePath)
			if err := send(whole); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			status(t, what, whole, 413)
		}
	}
	// who waits for leave to send has the answer at once
	conn, err := c.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: culvert\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", UpdatePath, len(body))
	status(t, "who waits", conn, 413)
}

// status reads an answer, and the end of the connection.
func status(t *testing.T, what string, conn net.Conn, want int) {
	t.Helper()
	defer conn.Close()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s: %+v, %v", what, resp, err)
	}
	var e api.Error
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Code != api.TooLarge.Code {
		t.Errorf("%s: %+v, %v", what, e, err)
	}
}
