package qr

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
)

// TestSVG: the picture has exactly the dark modules of the code, with four modules of light
// around it, and nothing that a page with a strict policy would refuse.
func TestSVG(t *testing.T) {
	const content = "https://vpn.example.org:8443/profile/abcdefghijklmnopqrstuvwxyz234567"
	text, err := SVG(content)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	size := code.Bounds().Dx()
	if !strings.Contains(text, fmt.Sprintf(`viewBox="0 0 %d %[1]d"`, size+8)) || strings.Contains(text, "style") || strings.Contains(text, "script") || strings.Contains(text, "href") {
		t.Error(text)
	}
	dark := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(text, -1) {
		var x, y, n int
		fmt.Sscan(m[1]+" "+m[2]+" "+m[3], &x, &y, &n)
		if m[3] != m[4] {
			t.Errorf("%v", m)
		}
		for i := range n {
			dark[[2]int{x + i, y}] = true
		}
	}
	for y := -4; y < size+4; y++ {
		for x := -4; x < size+4; x++ {
			want := x >= 0 && y >= 0 && x < size && y < size && darkAt(code.At(x, y))
			if dark[[2]int{x + 4, y + 4}] != want {
				t.Fatalf("module %d %d: expected dark=%v", x, y, want)
			}
		}
	}
	if _, err := SVG(strings.Repeat("x", 4000)); err == nil {
		t.Error("4,000 bytes fit")
	}
}
