//go:build linux

#include "textflag.h"

// func onSignal()
// The kernel calls it with the signal's number in R0, and returns to the restorer, whose
// address is in R30, and which puts every register back.
TEXT ·onSignal(SB), NOSPLIT|NOFRAME, $0
	SUB	$16, RSP
	MOVB	R0, 8(RSP)
	MOVW	·signalPipe(SB), R0
	ADD	$8, RSP, R1
	MOVD	$1, R2
	MOVD	$64, R8 // write
	SVC
	ADD	$16, RSP
	RET
