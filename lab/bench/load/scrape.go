//go:build linux

package load

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

// scrape asks for metrics each second, over one connection, as Prometheus does. It says so
// at the first answer, and ends at the first that is none.
func scrape(address string) error {
	for range time.Tick(time.Second) {
		answer, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s, %v", address, answer.Status, err)
		}
		fmt.Println(n, "bytes of metrics")
	}
	return nil
}
