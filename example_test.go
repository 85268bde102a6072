package culvert_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"time"

	"culvert"
)

// A client's program fetches a page from a web server that only the tunnel
// leads to.
func ExampleDial() {
	profile, stop := somewhere() // such as os.ReadFile("laptop.ovpn") gives
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tunnel, err := culvert.Dial(ctx, profile, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer tunnel.Close()

	web := http.Client{Transport: &http.Transport{DialContext: tunnel.DialContext}}
	page, err := web.Get("http://10.8.0.1/")
	if err != nil {
		log.Fatal(err)
	}
	text, err := io.ReadAll(page.Body)
	fmt.Println(string(text), err)
	// Output: hello, laptop <nil>
}

// A server's program serves a page to its clients, and knows each by the name
// in its certificate.
func ExampleListen() {
	conf := configuration() // such as os.ReadFile("server.conf") gives

	server, err := culvert.Listen(context.Background(), conf, &culvert.Options{Trusted: true})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	web, err := server.Listen("tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	go http.Serve(web, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, _ := server.Client(netip.MustParseAddrPort(r.RemoteAddr).Addr())
		fmt.Fprintf(w, "hello, %s", client.Name)
	}))
	fmt.Println("clients find the page at", web.Addr())
	// Output: clients find the page at 10.8.0.1:80
}
