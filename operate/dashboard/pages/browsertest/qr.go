package browsertest

import (
	"bytes"
	"context"
	"image"
	_ "image/png" // what screenshots are

	"github.com/chromedp/chromedp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// ReadQR returns what the QR code says that is shown at a selector, as a camera would read it.
func (b *Browser) ReadQR(selector string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.Screenshot(chromedp.CSS(selector)))
	var picture image.Image
	if err == nil {
		picture, _, err = image.Decode(bytes.NewReader(png))
	}
	var bitmap *gozxing.BinaryBitmap
	if err == nil {
		bitmap, err = gozxing.NewBinaryBitmapFromImage(picture)
	}
	var found *gozxing.Result
	if err == nil {
		found, err = qrcode.NewQRCodeReader().Decode(bitmap, nil)
	}
	if err != nil {
		b.t.Fatalf("the QR code at %s: %v", selector, err)
	}
	return found.GetText()
}
