package qr

import (
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
)

// TestText: what is drawn are the code's modules with light around them, in both ways.
func TestText(t *testing.T) {
	const content = "otpauth://totp/vpn:alice?secret=GEZDGNBVGY3TQOJQ"
	code, err := qr.Encode(content, qr.L, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	size := code.Bounds().Dx()
	for _, colour := range []bool{false, true} {
		text, err := Text(content, colour)
		if err != nil {
			t.Fatal(err)
		}
		for _, escape := range []string{"\x1b[38;5;16;48;5;231m", "\x1b[0m"} {
			if strings.Contains(text, escape) != colour {
				t.Errorf("colour %v: %q", colour, text)
			}
			text = strings.ReplaceAll(text, escape, "")
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) != (size+2*quiet+1)/2 {
			t.Fatalf("%d lines for %d modules", len(lines), size)
		}
		for y := range size {
			line := []rune(lines[(y+quiet)/2])
			if len(line) != size+2*quiet {
				t.Fatalf("line of %d for %d modules", len(line), size)
			}
			for x := range size {
				r, _, _, _ := code.At(x, y).RGBA()
				drawn := line[x+quiet] == '█' || line[x+quiet] == []rune("▀▄")[(y+quiet)%2]
				if drawn != ((r == 0) == colour) {
					t.Fatalf("colour %v: module %d,%d", colour, x, y)
				}
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	if _, err := Text(strings.Repeat("x", 5000), false); err == nil {
		t.Error("5000 bytes became a QR code")
	}
}
