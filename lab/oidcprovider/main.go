// Command oidcprovider is a provider of OpenID Connect for the live tests: the example of
// github.com/zitadel/oidc, at an address and with users of the test's own. It is a module of
// its own, so that Culvert has no part of it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// grouped says in which groups people are, to whom was let ask for that by the scope that the
// example allows besides the usual ones.
type grouped struct {
	*storage.Storage
	groups map[string][]string // by the person's ID
}

func (g grouped) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := g.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	if _, asked := info.Claims[storage.CustomClaim]; asked {
		info.AppendClaims("groups", g.groups[subject])
	}
	return nil
}

// readGroups reads the groups of people, as JSON; none without a file.
func readGroups(file string) (groups map[string][]string, err error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &groups)
	}
	return groups, err
}

func main() {
	listen := flag.String("listen", "", "`address` and port")
	issuer := flag.String("issuer", "", "`URL` of this provider")
	cert := flag.String("cert", "", "`file` of the certificate and its key")
	people := flag.String("users", "", "`file` of users, as JSON by their IDs")
	members := flag.String("groups", "", "`file` of the groups of users, as JSON by their IDs")
	redirect := flag.String("redirect", "", "`URL` that browsers are sent back to")
	flag.Parse()
	users, err := storage.StoreFromFile(*people)
	if err != nil {
		log.Fatal(err)
	}
	groups, err := readGroups(*members)
	if err != nil {
		log.Fatal(err)
	}
	storage.RegisterClients(storage.WebClient("culvert", "word", *redirect))
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	handler := exampleop.SetupServer(*issuer, grouped{storage.NewStorage(users), groups}, logger, false)
	logger.Info("the provider answers", "issuer", *issuer)
	log.Fatal(http.ListenAndServeTLS(*listen, *cert, *cert, handler))
}
