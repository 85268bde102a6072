package browsertest

import (
	"bytes"
	"context"
	"image"
	_ "image/png" // what screenshots are
	"time"

	"github.com/chromedp/chromedp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// ReadQR returns what the QR code says that is shown at a selector, as a camera would read it:
// looking again where a first look does not tell, as while it is being drawn.
func (b *Browser) ReadQR(selector string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	for {
		text, err := lookAtQR(ctx, selector)
		if err == nil {
			return text
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatalf("the QR code at %s: %v", selector, err)
		}
	}
}

// lookAtQR reads what a selector shows now.
func lookAtQR(ctx context.Context, selector string) (string, error) {
	png, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS(selector)))
	if err != nil {
		return "", err
	}
	picture, _, err := image.Decode(bytes.NewReader(png))
	if err != nil {
		return "", err
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return "", err
	}
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		return "", err
	}
	return found.GetText(), nil
}
