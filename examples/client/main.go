// Command client fetches a web page through a tunnel, without root and without
// a device:
//
//	client laptop.ovpn http://10.8.0.1/
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"

	"culvert"
)

func main() {
	profile, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	tunnel, err := culvert.Dial(context.Background(), profile, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer tunnel.Close()
	web := http.Client{Transport: &http.Transport{DialContext: tunnel.DialContext}}
	page, err := web.Get(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	io.Copy(os.Stdout, page.Body)
}
