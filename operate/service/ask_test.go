package service

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"culvert/role/profile"
)

// TestReadLine: an answer is one line, and what comes after it stays for the next
// question.
func TestReadLine(t *testing.T) {
	in := strings.NewReader("anna\r\n\nlast")
	for _, want := range []string{"anna", "", "last"} {
		if got, err := readLine(in); got != want || err != nil {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	if got, err := readLine(in); err != io.EOF {
		t.Errorf("after the end: %q, %v", got, err)
	}
}

// TestNobodyToAsk: without a terminal, the error says where an answer can be put.
func TestNobodyToAsk(t *testing.T) {
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	none, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	os.Stdin = none
	if _, err := AskTerminal("password: ", false); !errors.Is(err, profile.ErrNobody) || !strings.Contains(err.Error(), "askpass FILE") {
		t.Error(err)
	}
}
