// Command oidcprovider is a provider of OpenID Connect for the live tests: the example of
// github.com/zitadel/oidc, at an address and with users of the test's own. It is a module of
// its own, so that Culvert has no part of it.
package main

import (
	"flag"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	listen := flag.String("listen", "", "`address` and port")
	issuer := flag.String("issuer", "", "`URL` of this provider")
	cert := flag.String("cert", "", "`file` of the certificate and its key")
	people := flag.String("users", "", "`file` of users, as JSON by their IDs")
	redirect := flag.String("redirect", "", "`URL` that browsers are sent back to")
	flag.Parse()
	users, err := storage.StoreFromFile(*people)
	if err != nil {
		log.Fatal(err)
	}
	storage.RegisterClients(storage.WebClient("culvert", "word", *redirect))
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	handler := exampleop.SetupServer(*issuer, storage.NewStorage(users), logger, false)
	logger.Info("the provider answers", "issuer", *issuer)
	log.Fatal(http.ListenAndServeTLS(*listen, *cert, *cert, handler))
}
