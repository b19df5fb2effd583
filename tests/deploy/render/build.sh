#!/bin/sh
# Build .tools/debian/helm-render with Debian's Go and its copies of sprig, toml and yaml.
set -eu
cd "$(dirname "$0")/../../.."
tools=$PWD/.tools/debian
python=${PYTHON:-python3}
"$python" tests/tools/debian.py go golang-1.19-go golang-1.19-src \
	golang-github-masterminds-sprig-dev golang-github-masterminds-semver-dev \
	golang-github-masterminds-goutils-dev golang-github-huandu-xstrings-dev \
	golang-github-google-uuid-dev golang-github-imdario-mergo-dev \
	golang-github-shopspring-decimal-dev golang-github-mitchellh-copystructure-dev \
	golang-github-mitchellh-reflectwalk-dev golang-github-spf13-cast-dev \
	golang-golang-x-crypto-dev golang-github-burntsushi-toml-dev golang-gopkg-yaml.v3-dev
out=$tools/render/usr/bin/helm-render
[ "$out" -nt tests/deploy/render/main.go ] && exit 0
mkdir -p "$(dirname "$out")"
GOROOT=$tools/go/usr/lib/go-1.19 GOPATH=$tools/go/usr/share/gocode GOCACHE=$tools/gocache \
	GO111MODULE=off CGO_ENABLED=0 GOFLAGS= \
	"$tools/go/usr/lib/go-1.19/bin/go" build -o "$out" ./tests/deploy/render
echo "helm-render: $out"
