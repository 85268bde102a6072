//go:build linux

#include "textflag.h"

// func onSignal()
// The kernel calls it with the signal's number in DI, and returns to the restorer, which
// puts every register back.
TEXT ·onSignal(SB), NOSPLIT|NOFRAME, $0
	SUBQ	$24, SP
	MOVB	DI, 8(SP)
	MOVLQSX	·signalPipe(SB), DI
	LEAQ	8(SP), SI
	MOVL	$1, DX
	MOVL	$1, AX // write
	SYSCALL
	ADDQ	$24, SP
	RET
