#!/bin/sh
# Installs the third-party clients that `cargo xtask clients` runs, into target/clients/ and nowhere else.
#
# Versions are pinned: Python's in clients/python/requirements.txt, Node's in clients/node/package-lock.json, grpcurl's
# here. What is installed already is left alone. Needs python3 with venv, npm and go; where one is missing the rest is
# installed, it is named at the end, and the exit code is 1.
set -eu

GRPCURL_VERSION=v1.9.4

cd "$(dirname "$0")/.."
into=$PWD/target/clients
lacking=
mkdir -p "$into"

# fresh FILE STAMP: true if what STAMP was installed from is what FILE says now.
fresh() { cmp -s "$1" "$2"; }

install_python() {
    requirements=clients/python/requirements.txt
    stamp=$into/venv/installed.txt
    if fresh "$requirements" "$stamp"; then return; fi
    rm -rf "$into/venv"
    python3 -m venv "$into/venv"
    "$into/venv/bin/python" -m pip install --quiet --requirement "$requirements"
    cp "$requirements" "$stamp"
}

install_node() {
    stamp=$into/node/installed.json
    if fresh clients/node/package-lock.json "$stamp"; then return; fi
    mkdir -p "$into/node"
    cp clients/node/package.json clients/node/package-lock.json "$into/node/"
    npm install --no-save --loglevel=error --no-audit --no-fund --prefix "$into/node"
    cp clients/node/package-lock.json "$stamp"
}

install_grpcurl() {
    stamp=$into/bin/grpcurl.version
    if [ "$(cat "$stamp" 2>/dev/null)" = "$GRPCURL_VERSION" ]; then return; fi
    GOBIN=$into/bin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL_VERSION"
    echo "$GRPCURL_VERSION" >"$stamp"
}

# with TOOL STEP: runs STEP if TOOL is there, or notes that it is not.
with() {
    if command -v "$1" >/dev/null; then
        "$2"
    else
        lacking="$lacking $1"
    fi
}

with python3 install_python
with npm install_node
with go install_grpcurl

if [ -n "$lacking" ]; then
    echo "not everything is installed, for lack of:$lacking" >&2
    exit 1
fi
