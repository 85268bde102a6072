// Command server is a VPN server with a web server inside, without root and
// without a device. It greets each client by the name in its certificate:
//
//	culvert init --dir net --host vpn.example.org
//	server net/server.conf
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/netip"
	"os"

	"culvert"
)

func main() {
	conf, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server, err := culvert.Listen(context.Background(), conf, &culvert.Options{Trusted: true})
	if err != nil {
		log.Fatal(err)
	}
	web, err := server.Listen("tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("clients connect to %v and open http://%v/\n", server.Addr(), web.Addr())
	log.Fatal(http.Serve(web, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, _ := server.Client(netip.MustParseAddrPort(r.RemoteAddr).Addr())
		fmt.Fprintf(w, "hello, %s\n", client.Name)
	})))
}
