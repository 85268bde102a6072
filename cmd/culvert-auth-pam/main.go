//go:build pam && cgo

package main

// #cgo LDFLAGS: -lpam
// #include <signal.h>
// #include <sys/prctl.h>
// #include <sys/resource.h>
//
// // end_plainly has a crash end this process without a word: the words would be
// // registers and memory, which may hold a password.
// static void end_plainly(void) {
// 	struct rlimit none = {0, 0};
// 	setrlimit(RLIMIT_CORE, &none);
// 	prctl(PR_SET_DUMPABLE, 0); // a program that takes cores is asked in spite of the limit
// 	signal(SIGSEGV, SIG_DFL);
// 	signal(SIGBUS, SIG_DFL);
// 	signal(SIGFPE, SIG_DFL);
// 	signal(SIGILL, SIG_DFL);
// 	signal(SIGABRT, SIG_DFL);
// }
import "C"

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	libpam "github.com/msteinert/pam/v2"

	"culvert/access/auth/pam"
)

// answers is the descriptor for what PAM says.
const answers = 3

func main() {
	C.end_plainly()
	runtime.LockOSThread() // some modules keep state for each thread
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "culvert-auth-pam:", err)
		os.Exit(1)
	}
}

func run() error {
	syscall.CloseOnExec(answers) // programs that modules run have no answer to give
	question, err := io.ReadAll(io.LimitReader(os.Stdin, int64(pam.MaxFrame)+1))
	if err != nil {
		return fmt.Errorf("no question: %w; this program is run by culvert, and is of no use by itself", err)
	}
	r, err := pam.ParseRequest(question)
	clear(question)
	if err != nil {
		return fmt.Errorf("the question: %w; this program is run by culvert, and is of no use by itself", err)
	}
	answer := ask(r)
	text, err := answer.Append(nil)
	if err != nil { // words of a module that no answer can hold
		text, err = (&pam.Answer{OK: answer.OK}).Append(nil)
	}
	if err != nil {
		return err
	}
	_, err = syscall.Write(answers, text)
	return err
}

// ask authenticates a user, and asks whether their account is good.
func ask(r *pam.Request) (answer pam.Answer) {
	conversation := func(style libpam.Style, text string) (string, error) {
		switch style {
		case libpam.PromptEchoOff, libpam.PromptEchoOn:
			if said, ok := r.Respond(text, style == libpam.PromptEchoOff); ok {
				return said, nil
			}
			if answer.Unanswered == "" {
				answer.Unanswered = text
			}
			return "", errors.New("nothing answers that")
		case libpam.ErrorMsg, libpam.TextInfo:
			return "", nil
		}
		return "", errors.New("not a question")
	}
	t, err := libpam.StartFunc(r.Service, r.User(), conversation)
	if err != nil {
		answer.Why = err.Error()
		return answer
	}
	defer t.End()
	if r.Remote != "" {
		err = t.SetItem(libpam.Rhost, r.Remote)
	}
	if err == nil {
		err = t.Authenticate(0)
	}
	if err == nil {
		err = t.AcctMgmt(0)
	}
	if err != nil {
		answer.Why = err.Error()
		return answer
	}
	answer.OK = true
	return answer
}
