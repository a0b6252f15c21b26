#!/usr/bin/env bash
# Bundle the parts of three.js that the HTML viewer uses into src/mien/view/data/three_bundle.min.js.
# Needs node and npm, and the network. Only a maintainer runs it; the result is committed.
set -euo pipefail
THREE=0.187.0
ESBUILD=0.28.2

here="$(cd "$(dirname "$0")" && pwd)"
out="$here/../../src/mien/view/data/three_bundle.min.js"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp "$here/entry.js" "$work/"
cd "$work"
npm install --silent --no-save --no-audit --no-fund --ignore-scripts "three@$THREE" "esbuild@$ESBUILD"
banner="$(printf '/*!\nthree.js %s\n\n%s\n*/' "$THREE" "$(cat node_modules/three/LICENSE)")"
npx esbuild entry.js --bundle --minify --format=iife --global-name=three --target=es2020 --charset=ascii \
  --legal-comments=none --log-level=warning "--banner:js=$banner" --outfile=bundle.js
if grep -qi '</script' bundle.js; then
  echo "the bundle holds </script and cannot stand inside a page" >&2
  exit 1
fi
cp bundle.js "$out"
wc -c "$out"
