package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"culvert/host/process/pseudotty"
)

// shows reports whether a terminal shows what is typed.
func shows(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// TestInterrupted: a question for a password ends with its context, and what is typed next
// is seen.
func TestInterrupted(t *testing.T) {
	_, tty := pseudotty.Open(t)
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	os.Stdin = tty
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := AskUntil(ctx)("password: ", false)
		done <- err
	}()
	for end := time.Now().Add(10 * time.Second); shows(t, tty); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody asks")
		}
	}
	interrupt()
	if err := <-done; !errors.Is(err, ErrInterrupted) {
		t.Error(err)
	}
	if !shows(t, tty) {
		t.Error("the terminal hides what is typed")
	}
}

// TestAnswered: an answer in time is one.
func TestAnswered(t *testing.T) {
	master, tty := pseudotty.Open(t)
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	os.Stdin = tty
	fmt.Fprint(master, "123456\n")
	if text, err := AskUntil(t.Context())("code: ", true); text != "123456" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
