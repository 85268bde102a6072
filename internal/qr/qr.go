// Package qr draws QR codes on terminals.
package qr

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is how many modules of light there are around a code (ISO/IEC 18004 wants 4; 2 are
// enough for telephones, and leave room).
const quiet = 2

// Text returns the QR code of content, in lines of half blocks. With colour it is black on
// white by escape sequences, on any terminal; else light is drawn, which is right on a dark
// one.
func Text(content string, colour bool) (string, error) {
	code, err := qr.Encode(content, qr.L, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("a QR code of %d bytes: %w", len(content), err)
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool {
		if x < 0 || y < 0 || x >= size || y >= size {
			return false
		}
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	var b strings.Builder
	for y := -quiet; y < size+quiet; y += 2 {
		if colour {
			b.WriteString("\x1b[38;5;16;48;5;231m")
		}
		for x := -quiet; x < size+quiet; x++ {
			b.WriteString(block(dark(x, y) == colour, dark(x, y+1) == colour))
		}
		if colour {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// block is a character whose halves are drawn or not.
func block(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}

// svgQuiet is the light around a code in a picture, as ISO/IEC 18004 wants it.
const svgQuiet = 4

// SVG returns the QR code of content as a picture, black on white whatever is behind it: a
// unit of its view for each module, and no script, style or reference.
func SVG(content string) (string, error) {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("a QR code of %d bytes: %w", len(content), err)
	}
	size := code.Bounds().Dx()
	var b strings.Builder
	whole := size + 2*svgQuiet
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" width="%d" height="%[2]d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%[1]dv%[1]dH0z"/><path fill="#000" d="`, whole, whole*6)
	for y := range size {
		for x := 0; x < size; x++ {
			n := 0
			for x+n < size && darkAt(code.At(x+n, y)) {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%[3]dz", x+svgQuiet, y+svgQuiet, n)
				x += n
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String(), nil
}

func darkAt(c color.Color) bool {
	r, _, _, _ := c.RGBA()
	return r == 0
}
