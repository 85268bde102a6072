# Everything a developer runs. `make help` lists it.

GO      ?= go
# Where Debian keeps ip, nft and openvpn.
export PATH := $(PATH):/usr/sbin:/sbin
# How long to fuzz each target.
FUZZTIME ?= 60s
# The systems and processors whose types are checked beside this one's, those built for, and those
# of them that `make test` builds, too: a build takes twenty times as long as its types.
SYSTEMS  := darwin/arm64,windows/amd64,windows/arm64,freebsd/amd64,openbsd/amd64,linux/arm64,linux/mipsle
CROSS    := windows/amd64 windows/arm64 darwin/arm64 freebsd/amd64 linux/arm64 linux/mipsle
QUICK    := windows/amd64
# The packages with tests against real programs, and those of them that make network namespaces and
# measure there: one at a time.
INTEROP  = $(sort $(dir $(shell grep -rl --include='*_test.go' '^//go:build.*interop' .)))
HOSTS   := ./host/hostnet/ ./lab/interop/ ./nic/tuntap/

PREFIX  ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system

# Whether a C compiler and libpam's headers are here, as libpam0g-dev or pam-devel has them.
HAVEPAM = echo '\#include <security/pam_appl.h>' | $$($(GO) env CC) -E - >/dev/null 2>&1

# The version that the program and packages name, such as 1.2.0; without it, what Go
# finds in git: the tag, or the commit after it.
VERSION ?=
LDFLAGS  = $(if $(SMALL),-s -w) $(if $(VERSION),-X culvert/internal/version.release=$(VERSION))
# culvert for GOARCH, in OUT; SMALL=1 leaves out what a debugger needs.
OUT      = bin/culvert
STATIC   = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '$(LDFLAGS)' -o $(OUT) ./cmd/culvert
PAMOUT   = bin/culvert-auth-pam
# Whether there is a C compiler with the C library's headers.
HAVEC    = echo '\#include <stdlib.h>' | $$($(GO) env CC) -E - >/dev/null 2>&1
P11OUT   = bin/culvert-pkcs11
# What packages are made for.
ARCHES  ?= amd64 arm64

.PHONY: help build static pam pkcs11 install deb rpm demo test check computed idly lint vetted analysed cross unit interop emulated other fuzz mutate soak bench deps clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

build: ## bin/culvert, one static file; with `make pam` and `make pkcs11` where they can be built
	$(STATIC)
	@if $(HAVEPAM); then $(MAKE) --no-print-directory pam; else \
		echo "without bin/culvert-auth-pam, which serves the plugin auth-pam: it needs a C compiler and libpam's headers (libpam0g-dev, pam-devel)"; fi
	@if $(HAVEC); then $(MAKE) --no-print-directory pkcs11; else \
		echo "without bin/culvert-pkcs11, which signs by a key on a token: it needs a C compiler"; fi

pkcs11: ## bin/culvert-pkcs11, which signs by a key on a token
	@$(HAVEC) || { echo "culvert-pkcs11 needs a C compiler; on Debian: apt-get install gcc libc6-dev; on Fedora: dnf install gcc" >&2; exit 1; }
	CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=auto -buildmode pie -ldflags '-extldflags "-Wl,-z,relro,-z,now"' -tags pkcs11 -o $(P11OUT) ./cmd/culvert-pkcs11

pam: ## bin/culvert-auth-pam, which asks PAM for culvert
	@$(HAVEPAM) || { echo "culvert-auth-pam needs a C compiler and libpam's headers; on Debian: apt-get install gcc libc6-dev libpam0g-dev; on Fedora: dnf install gcc pam-devel" >&2; exit 1; }
	CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=auto -buildmode pie -ldflags '-extldflags "-Wl,-z,relro,-z,now"' -tags pam -o $(PAMOUT) ./cmd/culvert-auth-pam

install: build ## bin/culvert, culvert-auth-pam and culvert-pkcs11 where they can be built, systemd units, the user, manual pages, completion; takes DESTDIR and PREFIX
	install -D -m 755 bin/culvert $(DESTDIR)$(PREFIX)/bin/culvert
	@if $(HAVEPAM); then set -x; install -D -m 755 bin/culvert-auth-pam $(DESTDIR)$(PREFIX)/libexec/culvert/culvert-auth-pam; fi
	@if $(HAVEC); then set -x; install -D -m 755 bin/culvert-pkcs11 $(DESTDIR)$(PREFIX)/libexec/culvert/culvert-pkcs11; fi
	install -D -m 644 packaging/culvert.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/culvert.conf
	@set -e; for u in culvert.service culvert-server@.service culvert-client@.service; do \
		install -d $(DESTDIR)$(UNITDIR); \
		sed 's|@BINDIR@|$(PREFIX)/bin|' packaging/$$u > $(DESTDIR)$(UNITDIR)/$$u; done
	@set -e; cd $(DESTDIR)$(PREFIX); if ! bin/culvert version >/dev/null 2>&1; then \
		echo "without manual pages and completion: this machine cannot run bin/culvert, which prints them"; else \
		mkdir -p share/man/man1 share/man/man5 share/bash-completion/completions share/zsh/site-functions share/fish/vendor_completions.d; \
		bin/culvert man culvert >share/man/man1/culvert.1; bin/culvert man culvert.conf >share/man/man5/culvert.conf.5; \
		bin/culvert completion bash >share/bash-completion/completions/culvert; bin/culvert completion zsh >share/zsh/site-functions/_culvert; \
		bin/culvert completion fish >share/fish/vendor_completions.d/culvert.fish; fi

# PLATFORMS="amd64 arm64" puts several processors into the image, TAG names it.
PLATFORMS ?= $(shell $(GO) env GOARCH)
TAG       ?= culvert:latest

.PHONY: image
image: ## bin/culvert-image.tar, a container image; neither root nor an engine
	@set -e; programs=; for a in $(PLATFORMS); do echo "build for linux/$$a"; programs="$$programs bin/image/$$a/culvert"; \
		GOOS=linux $(MAKE) --no-print-directory --silent GOARCH=$$a OUT=bin/image/$$a/culvert SMALL=1 static; done; \
		packaging/licences ./cmd/culvert >bin/image/THIRD-PARTY; \
		$(GO) run ./packaging/image/make -o bin/culvert-image.tar -tag $(TAG) -version '$(VERSION)' -doc LICENSE -doc bin/image/THIRD-PARTY $$programs
	@echo "bin/culvert-image.tar: docker load -i bin/culvert-image.tar"

static:
	$(STATIC)

deb: ## packages for Debian and Ubuntu, in bin; takes VERSION, ARCHES, MAINTAINER
	packaging/build deb $(ARCHES)

rpm: ## packages for Fedora, RHEL, SUSE; as make deb
	packaging/build rpm $(ARCHES)

demo: build ## a tunnel on this machine, without root
	bin/culvert demo

# Live tests wait more than they work. What only computes runs beside them, by the processors' idle
# time: it takes nothing from a test that has something to do.
test: deps vetted unit emulated ## everything; as root, for its network namespaces
	@$(MAKE) --no-print-directory -j 2 interop idly

check: lint unit computed ## what needs no root: lint, builds, unit tests, a short fuzz

# A build for another system, and each fuzz target for a moment.
computed:
	@$(MAKE) --no-print-directory cross CROSS="$(QUICK)"
	.ci/fuzz 300ms 1

idly:
	@chrt --idle 0 $(MAKE) --no-print-directory analysed computed

lint: vetted analysed ## gofmt, vet, staticcheck, the types of other systems

vetted:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted, run gofmt -w on:"; echo "$$bad"; exit 1; fi
	$(GO) vet -tags interop ./...
	@if $(HAVEPAM); then echo "vet with libpam"; CGO_ENABLED=1 $(GO) vet -tags pam ./cmd/culvert-auth-pam; fi
	@if $(HAVEC); then echo "vet with PKCS #11"; CGO_ENABLED=1 $(GO) vet -tags pkcs11 ./cmd/culvert-pkcs11; fi

analysed:
	$(GO) tool staticcheck -tags interop ./...
	$(GO) run ./lab/typecheck $(SYSTEMS) ./...

cross: ## build for other systems and processors, and keep nothing
	@set -e; for t in $(CROSS); do echo "build for $$t"; \
		CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/culvert; done

# Packages that start no goroutine and compute for long: the race detector would see nothing, and
# take four times as long.
ALONE := culvert/config culvert/internal/archtest culvert/internal/subsystem culvert/operate/check culvert/packaging/image

# The race detector needs a C compiler. Here and below, -vet=off: lint vets all of it; and -w: no
# test reads what a debugger needs, which takes a third of the linking.
unit: ## unit tests, with the race detector
	CGO_ENABLED=1 $(GO) test -race -vet=off -ldflags=-w $(filter-out $(ALONE),$(shell $(GO) list ./...))
	$(GO) test -vet=off -ldflags=-w $(ALONE)

interop: build ## tests against Debian's openvpn; as root
	@if [ "$$(id -u)" != 0 ]; then echo "the interop tests make network namespaces and need root; make check runs the rest" >&2; exit 1; fi
	$(GO) test -tags interop -vet=off -ldflags=-w -count=1 -p 1 -timeout 35m $(HOSTS)
	$(GO) test -tags interop -vet=off -ldflags=-w -count=1 $(filter-out $(HOSTS),$(INTEROP))

emulated: ## what is quick of `make other`: packages of bytes on s390x, assembly on arm64, sockets on Windows; as root
	$(GO) run ./lab/other -quick

other: deps cross ## unit tests for other processors, emulated by qemu, and for Windows under Wine; as root
	$(GO) run ./lab/other $(OTHER)

# BENCH=--publish writes the results into README; BENCH="--only tcp1" takes one
# measurement.
bench: ## measure beside the peers, within 20 minutes; as root, Debian
	.ci/deps
	$(GO) run ./lab/bench $(BENCH)

fuzz: ## new inputs for each fuzz target, for FUZZTIME
	.ci/fuzz $(FUZZTIME)

mutate: ## do the tests notice changed code, where it is one of security: an hour
	.ci/mutate/run $(MUTATE)

deps: ## the programs that tests run, on Debian
	.ci/deps

# How often the store's writer is killed.
KILLS ?= 1000

soak: ## what takes long: a thousand kill -9 of programs and servers that write to the store
	CULVERT_KILLS=$(KILLS) $(GO) test -vet=off -count=1 -timeout 60m -v -run TestKilled ./store/bolt ./operate/people ./operate/history

clean: ## what was built
	rm -rf bin lab/interop/out
