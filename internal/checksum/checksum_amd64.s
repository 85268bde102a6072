#include "textflag.h"

// func sumAVX2(b []byte) uint64
//
// Each step takes 64 bytes as sixteen 32-bit words, widens them by interleaving
// with zeros, and adds them to sixteen 64-bit sums in Y0 to Y3.
TEXT ·sumAVX2(SB), NOSPLIT, $0-32
	MOVQ  b_base+0(FP), SI
	MOVQ  b_len+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y8, Y8, Y8

next:
	VMOVDQU    (SI), Y4
	VMOVDQU    32(SI), Y5
	VPUNPCKLDQ Y8, Y4, Y6
	VPUNPCKHDQ Y8, Y4, Y7
	VPADDQ     Y6, Y0, Y0
	VPADDQ     Y7, Y1, Y1
	VPUNPCKLDQ Y8, Y5, Y6
	VPUNPCKHDQ Y8, Y5, Y7
	VPADDQ     Y6, Y2, Y2
	VPADDQ     Y7, Y3, Y3
	ADDQ       $64, SI
	SUBQ       $64, CX
	JNZ        next

	VPADDQ       Y1, Y0, Y0
	VPADDQ       Y3, Y2, Y2
	VPADDQ       Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ       X1, X0, X0
	VPSRLDQ      $8, X0, X1
	VPADDQ       X1, X0, X0
	VMOVQ        X0, AX
	VZEROUPPER
	MOVQ         AX, ret+24(FP)
	RET
